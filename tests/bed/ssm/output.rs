//! What of a script's outputs one gets: the cuts of the agent's source (iohandler.go, pluginutil.go).

use super::run::Ran;

/// Bytes of standard output and of standard error that GetCommandInvocation has.
const STDOUT: usize = 24_000;
const STDERR: usize = 8_000;

/// At the end of one that was cut, within its bytes.
const CUT: &str = "--output truncated--";

/// Bytes that a list has of both: fewer than the 2500 of the API, as current agents have it.
const LISTED: usize = 2_400;

/// Between them in a list.
const TITLE: &str = "\n----------ERROR-------\n";

/// Behind each that was cut in a list.
const STDOUT_CUT: &str = "\n---Output truncated---";
const STDERR_CUT: &str = "\n---Error truncated----";

/// `StandardOutputContent`.
pub(super) fn stdout(ran: &Ran) -> String {
    limited(&ran.stdout, STDOUT)
}

/// `StandardErrorContent`, with the words that the agent adds for a script that failed.
pub(super) fn stderr(ran: &Ran) -> String {
    limited(&complaint(ran), STDERR)
}

/// The `Output` of a plugin in a list.
pub(super) fn listed(ran: &Ran) -> String {
    let (out, err) = (stdout(ran), stderr(ran));
    let title = if err.is_empty() { "" } else { TITLE };
    let space = LISTED - title.len();
    if out.len() + err.len() < space {
        return format!("{out}{title}{err}");
    }
    let half = space / 2;
    if out.len() > half && err.len() > half {
        let each = (space - STDOUT_CUT.len() - STDERR_CUT.len()) / 2;
        return format!("{}{STDOUT_CUT}{title}{}{STDERR_CUT}", prefix(&out, each), prefix(&err, each));
    }
    if out.len() < half {
        let rest = space - STDERR_CUT.len() - out.len();
        return format!("{out}{title}{}{STDERR_CUT}", prefix(&err, rest));
    }
    let rest = space - STDOUT_CUT.len() - err.len();
    format!("{}{STDOUT_CUT}{title}{err}", prefix(&out, rest))
}

fn complaint(ran: &Ran) -> String {
    match ran.code {
        // Not run, done, or killed: nothing of the agent's.
        -1 | 0 | 137 => ran.stderr.clone(),
        code => format!("{}failed to run commands: exit status {code}", ran.stderr),
    }
}

fn limited(text: &str, bytes: usize) -> String {
    if text.len() < bytes {
        return text.to_owned();
    }
    format!("{}{CUT}", prefix(text, bytes - CUT.len()))
}

/// No more bytes than that, and no part of a character.
fn prefix(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
