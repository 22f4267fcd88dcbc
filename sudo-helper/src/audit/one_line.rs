//! Foreign text made fit for a log: one line, printable, bounded.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Most bytes.
const MAX_LENGTH: usize = 2048;
/// What stands at the end of a text that was cut.
const CUT: &str = "…[cut]";

/// A text of one line and at most 2 KiB, in which control, format and other invisible characters
/// stand as escapes. Backslashes and quotes are left alone, so that a text that is escaped already
/// stays as it is; who needs it unambiguous quotes the parts first, as [`Self::words`] does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Written", into = "Written")]
pub struct OneLine {
    line: String,
    /// SHA-256 of the whole text where the line was cut, in lower-case hexadecimal digits.
    sha256: Option<String>,
}

/// A line between two of our processes, one of which may be of another version.
#[derive(Deserialize, Serialize)]
struct Written {
    line: String,
    sha256: Option<String>,
}

impl OneLine {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        match escaped(text, MAX_LENGTH) {
            (line, false) => Self { line, sha256: None },
            (line, true) => Self { line, sha256: Some(sha256(text)) },
        }
    }

    /// Words, each of them quoted.
    #[must_use]
    pub fn words<S: AsRef<str>>(words: &[S]) -> Self {
        Self::text(&words.iter().map(|word| format!("{:?}", word.as_ref())).collect::<Vec<_>>().join(" "))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.line
    }

    /// The text, cut to `most` bytes.
    pub(super) fn cut(&self, most: usize) -> String {
        escaped(&self.line, most).0
    }

    /// What binds a text to the whole of which `most` bytes show only a part: its SHA-256.
    pub(super) fn digest(&self, most: usize) -> Option<String> {
        let whole = || (self.line.len() > most).then(|| sha256(&self.line));
        self.sha256.clone().or_else(whole)
    }
}

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

/// The text in one line, and whether it was cut.
fn escaped(text: &str, most: usize) -> (String, bool) {
    let mut line = String::new();
    for character in text.chars() {
        let before = line.len();
        match character {
            '\\' | '"' | '\'' => line.push(character),
            _ => line.extend(character.escape_debug()),
        }
        if line.len() > most {
            line.truncate(before);
            return (marked(line, most), true);
        }
    }
    (line, false)
}

/// Puts the mark at the end, in the place of as many characters as it takes.
fn marked(mut line: String, most: usize) -> String {
    while line.len() + CUT.len() > most && line.pop().is_some() {}
    line.push_str(CUT);
    line
}

/// What is read is made fit once more.
impl From<Written> for OneLine {
    fn from(written: Written) -> Self {
        let sha256 = written.sha256.map(|sha256| Self::text(&sha256).line);
        Self { sha256, ..Self::text(&written.line) }
    }
}

impl From<OneLine> for Written {
    fn from(line: OneLine) -> Self {
        Self { line: line.line, sha256: line.sha256 }
    }
}

impl fmt::Display for OneLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
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
            prop_assert_eq!(OneLine::text(line.as_str()).line, line.line);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_marked() {
        let line = OneLine::text(&"é\n".repeat(2000));
        assert!(line.as_str().len() <= MAX_LENGTH && line.as_str().ends_with(CUT));
        assert_eq!(OneLine::text(&"x".repeat(MAX_LENGTH)).as_str().len(), MAX_LENGTH);
        assert_eq!(OneLine::text("0123456789abcdef").cut(12), format!("0123{CUT}"));
    }

    #[test]
    fn what_is_cut_is_bound_to_the_whole() {
        // `printf abc | sha256sum`
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(OneLine::text("abc").digest(2).as_deref(), Some(abc));
        assert_eq!(OneLine::text("abc").digest(3), None);
        let text = |end: char| format!("{}{end}", "x".repeat(MAX_LENGTH));
        let [a, b] = ['a', 'b'].map(|end| OneLine::text(&text(end)));
        assert_eq!(a.as_str(), b.as_str());
        assert_eq!(a.digest(MAX_LENGTH), Some(sha256(&text('a'))));
        assert_ne!(a.digest(64), b.digest(64));
        let words = |last: &str| OneLine::words(&[&text('a'), last]).digest(MAX_LENGTH);
        assert_ne!(words("c"), words("d"));
        let json = serde_json::to_string(&a).expect("written");
        assert_eq!(serde_json::from_str::<OneLine>(&json).expect("read"), a);
    }
}
