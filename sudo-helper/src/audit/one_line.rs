//! Foreign text made fit for a log: one line, printable, bounded.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most bytes.
const MAX_LENGTH: usize = 2048;
/// What stands at the end of a text that was cut.
const CUT: &str = "…[cut]";

/// A text of one line and at most 2 KiB, in which control, format and other invisible characters
/// stand as escapes. Backslashes and quotes are left alone, so that a text that is escaped already
/// stays as it is; who needs it unambiguous quotes the parts first, as [`Self::words`] does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub struct OneLine(String);

impl OneLine {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(escaped(text, MAX_LENGTH))
    }

    /// Words, each of them quoted.
    #[must_use]
    pub fn words<S: AsRef<str>>(words: &[S]) -> Self {
        let mut line = String::new();
        for word in words {
            if line.len() > MAX_LENGTH {
                break;
            }
            let space = if line.is_empty() { "" } else { " " };
            line.push_str(&format!("{space}{:?}", word.as_ref()));
        }
        Self::text(&line)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, cut to `most` bytes.
    pub(super) fn cut(&self, most: usize) -> String {
        escaped(&self.0, most)
    }
}

fn escaped(text: &str, most: usize) -> String {
    let mut line = String::new();
    for character in text.chars() {
        let before = line.len();
        match character {
            '\\' | '"' | '\'' => line.push(character),
            _ => line.extend(character.escape_debug()),
        }
        if line.len() > most {
            line.truncate(before);
            return marked(line, most);
        }
    }
    line
}

/// Puts the mark at the end, in the place of as many characters as it takes.
fn marked(mut line: String, most: usize) -> String {
    while line.len() + CUT.len() > most && line.pop().is_some() {}
    line.push_str(CUT);
    line
}

impl From<String> for OneLine {
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

impl From<OneLine> for String {
    fn from(line: OneLine) -> Self {
        line.0
    }
}

impl fmt::Display for OneLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_moves_a_cursor_or_ends_a_line_is_escaped() {
        let text = OneLine::text("a\nb\r\t\0\u{1b}[2J\u{85}\u{202e}\u{2028}\u{7f} é \"q\" \\n");
        assert_eq!(text.as_str(), "a\\nb\\r\\t\\0\\u{1b}[2J\\u{85}\\u{202e}\\u{2028}\\u{7f} é \"q\" \\n");
    }

    #[test]
    fn words_stay_apart() {
        assert_eq!(OneLine::words(&["a b", "\"", "c\n"]).as_str(), r#""a b" "\"" "c\n""#);
        assert_eq!(OneLine::words::<&str>(&[]).as_str(), "");
        let many = vec!["word"; 1 << 20];
        assert!(OneLine::words(&many).as_str().len() <= MAX_LENGTH);
    }

    proptest! {
        #[test]
        fn any_text_is_one_printable_bounded_line(text in ".{0,3000}", control in "[\\x00-\\x1f\u{80}-\u{9f}]{0,9}") {
            let line = OneLine::text(&(control + &text));
            prop_assert!(line.as_str().len() <= MAX_LENGTH);
            prop_assert!(!line.as_str().chars().any(char::is_control));
            prop_assert_eq!(OneLine::text(line.as_str()), line);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_marked() {
        let line = OneLine::text(&"é\n".repeat(2000));
        assert!(line.as_str().len() <= MAX_LENGTH && line.as_str().ends_with(CUT));
        assert_eq!(OneLine::text(&"x".repeat(MAX_LENGTH)).as_str().len(), MAX_LENGTH);
        assert_eq!(OneLine::text("0123456789abcdef").cut(12), format!("0123{CUT}"));
    }
}
