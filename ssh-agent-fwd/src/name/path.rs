//! Paths from outside.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest path in bytes, less its NUL (PATH_MAX).
const MAX_PATH: usize = 4095;
/// Longest path of a socket in bytes, less its NUL (unix(7), sun_path).
const MAX_SOCKET_PATH: usize = 107;
/// What the path of a socket may hold besides letters and digits: it stands after `IdentityAgent`, where `%`, `$`,
/// `~`, `#`, quotes and spaces mean something (ssh_config(5)).
const PUNCTUATION: &str = "/_.@+:=,-";

/// What is no such path. Its sentence does not quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPath {
    /// It does not begin with `/`, ends with one, goes up, or names nothing.
    NotPlain,
    /// It is too long.
    TooLong(usize),
    /// It has a character that it may not have.
    Character,
}

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPlain => {
                f.write_str("a path begins with '/', does not end with one, and has no '..' in it")
            }
            Self::TooLong(longest) => write!(f, "this path has at most {longest} bytes"),
            Self::Character => write!(
                f,
                "a path has no control characters, and a socket's has only letters (A-Z, a-z), digits and \
                 {PUNCTUATION}"
            ),
        }
    }
}

impl std::error::Error for BadPath {}

fn check(text: &str, longest: usize, fits: impl Fn(char) -> bool) -> Result<String, BadPath> {
    let goes_up = text.split('/').any(|component| component == "..");
    if !text.starts_with('/') || text.ends_with('/') || goes_up {
        return Err(BadPath::NotPlain);
    }
    if text.len() > longest {
        return Err(BadPath::TooLong(longest));
    }
    if text.chars().all(fits) { Ok(text.to_owned()) } else { Err(BadPath::Character) }
}

macro_rules! paths {
    ($($(#[$doc:meta])* $name:ident: $longest:expr, $fits:expr;)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The path.
            #[must_use]
            pub fn as_path(&self) -> &Path {
                Path::new(&self.0)
            }

            /// The path as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadPath;

            fn from_str(text: &str) -> Result<Self, BadPath> {
                check(text, $longest, $fits).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadPath;

            fn try_from(text: String) -> Result<Self, BadPath> {
                text.parse()
            }
        }
    )+ };
}

paths! {
    /// A file or folder, from the root on.
    AbsolutePath: MAX_PATH, |c| !c.is_control();
    /// A socket; safe as a word of ssh_config(5) and of a shell.
    SocketPath: MAX_SOCKET_PATH, |c| c.is_ascii_alphanumeric() || PUNCTUATION.contains(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_at_the_root_and_never_goes_up() {
        for (text, path, socket) in [
            ("/run/claude-bottle-agent.sock", true, true),
            ("/home/node", true, true),
            ("/a..b/...", true, true),
            ("/srv/my keys/id", true, false),
            ("/home/é", true, false),
            ("/a%h", true, false),
            ("/a$HOME", true, false),
            ("/a\"b", true, false),
            ("/a#b", true, false),
            ("", false, false),
            ("/", false, false),
            ("a", false, false),
            ("~/a", false, false),
            ("none", false, false),
            ("/a/", false, false),
            ("/a/../b", false, false),
            ("/..", false, false),
            ("/a\nb", false, false),
            ("/a\0", false, false),
        ] {
            assert_eq!(text.parse::<AbsolutePath>().is_ok(), path, "{text:?}");
            assert_eq!(text.parse::<SocketPath>().is_ok(), socket, "{text:?}");
        }
    }

    #[test]
    fn a_socket_s_path_fits_into_its_address() {
        let path = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert!(path(107).parse::<SocketPath>().is_ok());
        assert_eq!(path(108).parse::<SocketPath>(), Err(BadPath::TooLong(107)));
        assert!(path(4095).parse::<AbsolutePath>().is_ok());
        assert_eq!(path(4096).parse::<AbsolutePath>(), Err(BadPath::TooLong(4095)));
    }
}
