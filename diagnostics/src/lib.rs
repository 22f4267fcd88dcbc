//! Words to the operator on standard error. Printing cannot fail in a way that matters.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long a standard error that stalls is waited for, in milliseconds: words are worth less than
/// what else there is to do, and whoever stalls it may be the caller.
const PATIENCE: u16 = 1000;

/// One line, as it is.
pub fn say(line: &str) {
    let mut stderr = io::stderr();
    let ready = poll(&mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)], PollTimeout::from(PATIENCE));
    if ready.is_ok_and(|ready| ready > 0) {
        let _ = writeln!(stderr, "{line}");
    }
}

/// `program: message`, on one line whatever the message quotes.
pub fn complain(program: &str, message: &dyn Display) {
    say(&format!("{program}: {}", one_line(&message.to_string())));
}

/// Control characters of a quoted name could move a terminal's cursor or forge a line of a log.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

/// Writes the whole text to standard output; the exit status that says whether that worked.
#[must_use]
pub fn print(text: &str, failure: u8) -> u8 {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => 0,
        Err(_) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("a\nb\u{1b}[1mé"), "a\\u{a}b\\u{1b}[1mé");
    }
}
