//! Words to the operator on standard error, data on standard output, and why something failed. Printing cannot fail in
//! a way that matters.

#![forbid(unsafe_code)]

mod data;
mod failure;
mod nearest;
mod object;
mod unseen;

use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use unseen::is_unseen;

pub use data::{line, print, print_or};
pub use failure::Failure;
pub use nearest::{invalid_option, nearest};
pub use object::with;

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

/// Control characters of a quoted name could move a terminal's cursor or forge a line of a log; what is not seen, or
/// turns the direction of writing, could show it as another name.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || is_unseen(c) { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("a\nb\u{1b}[1mé"), "a\\u{a}b\\u{1b}[1mé");
    }

    #[test]
    fn what_is_not_seen_is_escaped_and_what_is_stays() {
        for unseen in [
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3164}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
            '\u{e0100}',
            '\u{f0000}',
            '\u{10fffd}',
        ] {
            assert_eq!(one_line(&format!("a{unseen}b")), format!("a\\u{{{:x}}}b", u32::from(unseen)));
        }
        for seen in [
            "plain 'words' \"and\" \\ more",
            "é e\u{301} ñ ß",
            "שלום عربي",
            "日本語、한국어",
            "\u{a0}\u{2010}\u{2027}\u{202f}\u{205f}",
            "\u{ac}\u{ae}\u{fffc}\u{fffd}",
            "☃ 🦀",
        ] {
            assert_eq!(one_line(seen), seen);
        }
    }
}
