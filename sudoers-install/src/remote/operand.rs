//! What a script gets as operands: each checked once, here.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

/// Bytes of a fresh nonce; twice as many digits.
const NONCE_BYTES: usize = 16;
/// Fewest and most characters of a nonce, as `sudo-helper probe` takes it.
const NONCE_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
/// Longest path of a program, in bytes.
const MAX_PATH: usize = 1024;
/// Longest name of a file: with what the transaction appends it stays below NAME_MAX.
const MAX_FILE_NAME: usize = 128;
/// Longest name of a user, in bytes (LOGIN_NAME_MAX).
const MAX_USER: usize = 256;

/// Why a text is no operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadOperand {
    what: &'static str,
    rule: &'static str,
    text: String,
}

impl fmt::Display for BadOperand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, rule, text } = self;
        write!(f, "'{}' is no {what}: {rule}", text.escape_debug())
    }
}

impl std::error::Error for BadOperand {}

fn checked(text: &str, good: bool, what: &'static str, rule: &'static str) -> Result<String, BadOperand> {
    if good { Ok(text.to_owned()) } else { Err(BadOperand { what, rule, text: text.to_owned() }) }
}

macro_rules! operand {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

operand! {
    /// Letters and digits that nobody else has seen before: the answer to this question, and to no other.
    Nonce
}

impl Nonce {
    /// A new one.
    ///
    /// # Errors
    /// Those of reading /dev/urandom (random(4)).
    pub fn fresh() -> io::Result<Self> {
        let mut bytes = [0; NONCE_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// One that is given.
    ///
    /// # Errors
    /// When it is not 8 to 128 letters and digits.
    pub fn parse(text: &str) -> Result<Self, BadOperand> {
        let good = NONCE_LENGTH.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        checked(text, good, "nonce", "it has 8 to 128 letters and digits").map(Self)
    }
}

operand! {
    /// An absolute path of a program on another host.
    ProgramPath
}

impl ProgramPath {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not absolute, has an empty, `.` or `..` part, or holds what sudoers(5) would have escaped.
    pub fn parse(text: &str) -> Result<Self, BadOperand> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
        let part = |part: &str| !["", ".", ".."].contains(&part);
        let good = text.len() <= MAX_PATH
            && text.bytes().all(plain)
            && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part));
        checked(text, good, "path of a program", "it is absolute, plain and holds only [A-Za-z0-9/._+-]")
            .map(Self)
    }
}

operand! {
    /// The name of one of our files in /etc/sudoers.d.
    FileName
}

impl FileName {
    /// Reads one.
    ///
    /// # Errors
    /// When it does not start as ours do, or sudo would ignore it (sudoers(5)).
    pub fn parse(text: &str) -> Result<Self, BadOperand> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let ours = text.starts_with("zz-sudo-helper-") || text.starts_with("zz-sudo-commands-");
        let good = ours && text.len() <= MAX_FILE_NAME && text.bytes().all(plain);
        checked(text, good, "file name of ours", "it starts with zz-sudo- and holds only [A-Za-z0-9_-]")
            .map(Self)
    }
}

operand! {
    /// The name of an account on another host.
    UserName
}

impl UserName {
    /// Reads one. Whether there is such an account is the host's to say.
    ///
    /// # Errors
    /// When id(1) or a line of the rule could read it otherwise.
    pub fn parse(text: &str) -> Result<Self, BadOperand> {
        let good = !text.is_empty()
            && text.len() <= MAX_USER
            && !text.starts_with(['-', '+'])
            && text != "ALL"
            && !text.bytes().all(|byte| byte.is_ascii_digit())
            && !text.chars().any(|c| c.is_control() || ":,/".contains(c));
        checked(text, good, "user name", "a name, not ALL, without control characters, ':', ',' or '/'")
            .map(Self)
    }
}

operand! {
    /// A SHA-256, in lower-case hexadecimal digits.
    Sha256Hex
}

impl Sha256Hex {
    /// Reads one.
    ///
    /// # Errors
    /// When it is not 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, BadOperand> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        checked(
            text,
            text.len() == 64 && text.bytes().all(digit),
            "SHA-256",
            "it has 64 digits of 0-9 and a-f",
        )
        .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_could_read_otherwise_is_no_operand() {
        let long = "a".repeat(2000);
        for text in ["", "short", "01234567 ", "0123456\n", "../../etc", &long] {
            assert!(Nonce::parse(text).is_err(), "{text:?}");
        }
        for text in [
            "",
            "bin/x",
            "/",
            "//x",
            "/usr/../x",
            "/usr/./x",
            "/x/",
            "/a b",
            "/a$b",
            "/a\nb",
            "/a'b",
            "/ü",
            &long,
        ] {
            assert!(ProgramPath::parse(text).is_err(), "{text:?}");
        }
        for text in [
            "",
            "zz-sudo-helper",
            "x",
            "zz-sudo-helper-a.b",
            "zz-sudo-helper-a/b",
            "zz-sudo-helper-a~",
            "../zz-sudo-helper-a",
        ] {
            assert!(FileName::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "ALL", "-u", "+1", "1001", "a:b", "a,b", "a\nb", "a/b", "\u{7f}", &long] {
            assert!(UserName::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "0", &"A".repeat(64), &"g".repeat(64), &"0".repeat(65)] {
            assert!(Sha256Hex::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_of_real_things_are() {
        assert_eq!(
            ProgramPath::parse("/usr/local/bin/sudo-helper_2.0+x").expect("a path").as_str(),
            "/usr/local/bin/sudo-helper_2.0+x"
        );
        assert!(FileName::parse("zz-sudo-helper-john_doe_0badcafe").is_ok());
        for name in ["ai-agent", "john.doe", "DOM\\bob", "jane doe", "x1", "1x", "svc$", "#5"] {
            assert_eq!(UserName::parse(name).expect(name).as_str(), name);
        }
        let [one, other] = [Nonce::fresh(), Nonce::fresh()].map(|nonce| nonce.expect("random"));
        assert_ne!(one, other);
        assert_eq!(Nonce::parse(one.as_str()), Ok(one));
    }
}
