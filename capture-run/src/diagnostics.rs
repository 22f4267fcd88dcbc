//! Words to the operator on standard error. Printing cannot fail in a way that matters.

use std::fmt::Display;
use std::io::Write;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long a standard error that stalls is waited for, in milliseconds: words are worth less than
/// the record, and whoever stalls it may be the command.
const PATIENCE: u16 = 1000;

/// `capture-run: message`, on one line whatever the message quotes.
pub fn complain(message: &dyn Display) {
    let mut stderr = std::io::stderr();
    let ready = poll(&mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)], PollTimeout::from(PATIENCE));
    if ready.is_ok_and(|ready| ready > 0) {
        let _ = writeln!(stderr, "capture-run: {}", one_line(&message.to_string()));
    }
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
