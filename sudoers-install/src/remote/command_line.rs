//! Words quoted for the shell of a login on another host.

use std::fmt;

/// Longest command line, in bytes: Linux takes no argument of 128 KiB (execve(2), MAX_ARG_STRLEN), and
/// sshd(8) makes one argument of the command.
pub const MAX_COMMAND_LINE: usize = (128 << 10) - 1024;

/// Why words are no command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadWord {
    /// A control character other than a newline.
    Control,
    /// More than [`MAX_COMMAND_LINE`] bytes.
    TooLong,
}

impl fmt::Display for BadWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str("a word for the remote shell holds a control character"),
            Self::TooLong => {
                write!(f, "a command line for the remote shell is longer than {MAX_COMMAND_LINE} bytes")
            }
        }
    }
}

impl std::error::Error for BadWord {}

/// The words as one line of the login shell, which gives way to the program that the first one names.
///
/// # Errors
/// See [`BadWord`].
pub(super) fn command_line(words: &[&str]) -> Result<String, BadWord> {
    let mut line = String::from("exec");
    for word in words {
        line.push(' ');
        quote(word, &mut line)?;
    }
    if line.len() > MAX_COMMAND_LINE { Err(BadWord::TooLong) } else { Ok(line) }
}

/// The options of env(1), the shell, its script without the comments, `$0`, and the operands.
pub(super) fn script_words<'a>(script: &'a str, operands: &[&'a str]) -> Vec<&'a str> {
    [&["/bin/sh", "-c", script, "sudoers-install"], operands].concat()
}

/// A script without indentation and the lines that are comments: sudo logs what it runs.
pub(super) fn without_comments(script: &str) -> String {
    let lines = script.lines().map(str::trim_start);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

/// In single quotes, where fish(1) alone of the common shells gives a backslash a meaning: so that stands
/// in double quotes, as the single quote does.
fn quote(word: &str, line: &mut String) -> Result<(), BadWord> {
    line.push('\'');
    for c in word.chars() {
        match c {
            '\'' => line.push_str("'\"'\"'"),
            '\\' => line.push_str("'\"\\\\\"'"),
            c if c.is_control() && c != '\n' => return Err(BadWord::Control),
            c => line.push(c),
        }
    }
    line.push('\'');
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// Those of them that are there; sh always is.
    const SHELLS: [&[&str]; 6] = [
        &["/bin/sh", "-c"],
        &["/usr/bin/dash", "-c"],
        &["/bin/bash", "--posix", "-c"],
        &["/bin/bash", "-c"],
        &["/usr/bin/busybox", "sh", "-c"],
        &["/usr/bin/fish", "-c"],
    ];

    fn words_of(shell: &[&str], words: &[&str]) -> Vec<u8> {
        let printing = [&["/usr/bin/printf", r"%s\0"], words].concat();
        let line = command_line(&printing).expect("words");
        let ran = Command::new(shell[0]).args(&shell[1..]).arg(line).output().expect("a shell");
        assert!(ran.status.success(), "{shell:?}: {}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    }

    fn all_shells_give_back(words: &[&str]) {
        let expected: Vec<u8> = words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
        for shell in SHELLS.iter().filter(|shell| Path::new(shell[0]).exists()) {
            assert_eq!(words_of(shell, words), expected, "{shell:?}");
        }
    }

    #[test]
    fn no_character_means_anything_to_a_shell() {
        let printable: String = (' '..='~').collect();
        all_shells_give_back(&[
            &printable,
            "",
            "'",
            "\\",
            "\\'",
            "'\\''",
            "a\nb\n",
            "$(id)`id`",
            "!!",
            "é\u{2028}",
            "-n",
            "~",
            "*",
        ]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_words_come_back(words in prop::collection::vec("[^\\p{Cc}]{0,40}|['\\\\\n \"$!]{0,12}", 1..5)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            all_shells_give_back(&words);
        }
    }

    #[test]
    fn control_characters_and_long_lines_are_refused() {
        for word in ["\0", "a\rb", "\u{1b}[1m", "\t", "\u{85}"] {
            assert_eq!(command_line(&[word]), Err(BadWord::Control), "{word:?}");
        }
        let long = "x".repeat(MAX_COMMAND_LINE);
        assert_eq!(command_line(&[&long]), Err(BadWord::TooLong));
        // The bound is that of the quoted line.
        assert_eq!(command_line(&[&"'".repeat(MAX_COMMAND_LINE / 4)]), Err(BadWord::TooLong));
    }

    #[test]
    fn comments_do_not_travel() {
        assert_eq!(without_comments("# a\nset -u\n  # b\n\n  echo '#c' # d\n"), "set -u\necho '#c' # d\n");
    }
}
