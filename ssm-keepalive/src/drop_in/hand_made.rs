//! A restart.conf that somebody wrote by hand: taken over when it is for the same end, left alone otherwise.

use super::{Kept, PUBLIC, Present};

/// The settings that ours replace.
const REPLACED: [&str; 2] = ["Restart", "RestartSec"];
/// How a comment begins (systemd.syntax(7)).
const COMMENT: [char; 2] = ['#', ';'];

/// What the file of somebody else is to us. Blanks are ASCII, as to systemd (WHITESPACE of its string-util.h).
pub(super) fn judge(text: &str) -> Present {
    let mut in_service = false;
    // By '\n' alone: systemd ends a line at '\r' and NUL, too, and there a kept line would leave its comment.
    for (line, text) in (1..).zip(text.split('\n')) {
        let foreign = |why| Present::Foreign { line: Some(line), why };
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return foreign("it has a control character");
        }
        // An older systemd (219) continues comments, too, and there a kept line would swallow the next one.
        if text.ends_with('\\') {
            return foreign("the line goes on in the next one");
        }
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(COMMENT) {
            continue;
        }
        if text.starts_with('[') {
            in_service = text == "[Service]";
            if !in_service {
                return foreign("it has another section than [Service]");
            }
            continue;
        }
        let is_replaced = text.split_once('=').is_some_and(|(key, _)| REPLACED.contains(&key.trim_ascii()));
        if !(in_service && is_replaced) {
            return foreign("it sets something else than Restart= and RestartSec= of [Service]");
        }
    }
    Present::HandMade(Kept { text: text.to_owned(), mode: PUBLIC })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_for_the_same_end_is_taken_over() {
        for text in [
            "[Service]\nRestart=always\nRestartSec=5\n",
            "# ours\n\n[Service]\n ; why\n Restart = on-failure\n[Service]\nRestartSec=1min",
            "[Service]\n",
            "",
        ] {
            assert_eq!(judge(text), Present::HandMade(Kept { text: text.to_owned(), mode: PUBLIC }));
        }
        for (text, at) in [
            ("[Service]\nRestart=always\nEnvironment=HTTPS_PROXY=http://proxy:1\n", 3),
            ("[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\n", 1),
            ("Restart=always\n", 1),
            ("[Service]\nRestart=always\\\n", 2),
            ("# kept\\\n[Service]\nRestart=always\n", 1),
            ("[Service]\n# x\rRestart=no\n", 2),
            ("[Service]\nRestart\n", 2),
            ("[Service]\nWatchdogSec=1\n", 2),
            // Blank to Unicode, and not to systemd.
            ("\u{a0}[Service]\nRestart=always\n", 1),
            ("[Service]\nRestart\u{3000}=always\n", 2),
        ] {
            assert!(
                matches!(judge(text), Present::Foreign { line: Some(line), .. } if line == at),
                "{text:?}"
            );
        }
    }
}
