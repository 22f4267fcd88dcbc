//! Words to the operator on standard error. Printing cannot fail in a way that matters.

use std::fmt::Display;
use std::io::Write;

/// One line, as it is.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `capture-run: message`, on one line whatever the message quotes.
pub fn complain(message: &dyn Display) {
    say(&format!("capture-run: {}", one_line(&message.to_string())));
}

/// Control characters of a quoted name could move a terminal's cursor or forge a line of a log.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("a\nb\u{1b}[1mé"), "a\\u{a}b\\u{1b}[1mé");
    }
}
