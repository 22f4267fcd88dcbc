//! Accounts: their names, and the uid that a name stands for.
//!
//! The program is linked statically, so it asks no NSS module in its own process: it reads
//! /etc/passwd (passwd(5)) and otherwise asks getent(1), a process of its own.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use serde::Deserialize;
use supervise::{Bounded, BoundedError, Outcome};

/// Longest name in bytes.
const MAX_NAME_LENGTH: usize = 256;
/// The file of local accounts.
const PASSWD: &str = "/etc/passwd";
/// Largest /etc/passwd that is read, in bytes.
const MAX_PASSWD: u64 = 16 << 20;
/// What asks the other sources that nsswitch.conf(5) names.
const GETENT: &str = "/usr/bin/getent";
/// How long getent(1) may take: a directory server may be far or down.
const GETENT_TIME: Duration = Duration::from_secs(5);
/// Most bytes of its answer, which is one line.
const GETENT_OUTPUT: usize = 4096;
/// getent(1): "One or more supplied key could not be found in the database."
const GETENT_NOT_FOUND: u8 = 2;

/// The name of a user's account, such as `alice` or `bob@example.org`: never an option, a number or
/// a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountName(String);

/// Why a text is no account's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAccountName {
    /// Nothing, or too long.
    Length,
    /// It begins with neither a letter nor `_`.
    Start,
    /// A character outside `A-Z a-z 0-9 _ . @ $ -`.
    Character,
}

impl fmt::Display for BadAccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "an account's name has 1 to 256 characters",
            Self::Start => "an account's name begins with a letter or '_'",
            Self::Character => "an account's name holds only letters, digits and '_.@$-'",
        })
    }
}

impl std::error::Error for BadAccountName {}

impl AccountName {
    /// Reads a name.
    ///
    /// # Errors
    /// See [`BadAccountName`].
    pub fn parse(text: &str) -> Result<Self, BadAccountName> {
        let start = text.bytes().next().ok_or(BadAccountName::Length)?;
        if text.len() > MAX_NAME_LENGTH {
            return Err(BadAccountName::Length);
        }
        if !start.is_ascii_alphabetic() && start != b'_' {
            return Err(BadAccountName::Start);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@$-".contains(&byte)) {
            return Err(BadAccountName::Character);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountName {
    type Error = BadAccountName;

    fn try_from(text: String) -> Result<Self, BadAccountName> {
        Self::parse(&text)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why it is not known which uid a name stands for.
#[derive(Debug)]
pub enum AccountsError {
    /// /etc/passwd cannot be read.
    Passwd(io::Error),
    /// /etc/passwd is larger than what is read of it.
    PasswdTooLarge,
    /// The account's line has no uid that is a number.
    Uid(AccountName),
    /// getent(1) gave no answer.
    Getent(BoundedError),
    /// getent(1) ended otherwise than with an answer or with "not found".
    GetentEnded(Outcome),
}

impl fmt::Display for AccountsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passwd(error) => write!(f, "cannot read {PASSWD}: {error}"),
            Self::PasswdTooLarge => write!(f, "{PASSWD} is larger than {MAX_PASSWD} bytes"),
            Self::Uid(name) => write!(f, "the account {name} has no valid uid; see getent passwd {name}"),
            Self::Getent(error) => write!(f, "cannot look an account up with {GETENT}: {error}"),
            Self::GetentEnded(outcome) => {
                write!(f, "cannot look an account up: {GETENT} ended with status {}", outcome.status())
            }
        }
    }
}

impl std::error::Error for AccountsError {}

/// The uid of an account; `None` when there is no such account.
///
/// # Errors
/// See [`AccountsError`].
pub fn uid_of(name: &AccountName) -> Result<Option<u32>, AccountsError> {
    match uid_in(&local_accounts()?, name)? {
        Some(uid) => Ok(Some(uid)),
        None => ask_getent(name),
    }
}

/// A uid in decimal: digits without sign, space or leading zero, and not `(uid_t) -1`, which
/// setreuid(2) and its like read as "unchanged".
#[must_use]
pub fn parse_uid(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok().filter(|&uid| uid != u32::MAX)
}

/// The first line of passwd(5) that has this very name decides, as for getpwnam(3).
fn uid_in(passwd: &[u8], name: &AccountName) -> Result<Option<u32>, AccountsError> {
    let start = format!("{name}:");
    let mut lines = passwd.split(|&byte| byte == b'\n');
    let Some(line) = lines.find(|line| line.starts_with(start.as_bytes())) else { return Ok(None) };
    let uid = line.split(|&byte| byte == b':').nth(2).and_then(|field| std::str::from_utf8(field).ok());
    let uid = uid.and_then(parse_uid).ok_or_else(|| AccountsError::Uid(name.clone()))?;
    Ok(Some(uid))
}

fn local_accounts() -> Result<Vec<u8>, AccountsError> {
    let mut passwd = Vec::new();
    let file = File::open(PASSWD).map_err(AccountsError::Passwd)?;
    let length = file.take(MAX_PASSWD + 1).read_to_end(&mut passwd).map_err(AccountsError::Passwd)?;
    if length as u64 > MAX_PASSWD {
        return Err(AccountsError::PasswdTooLarge);
    }
    Ok(passwd)
}

fn ask_getent(name: &AccountName) -> Result<Option<u32>, AccountsError> {
    let arguments = ["passwd", "--", name.as_str()];
    let getent = Bounded { program: GETENT, arguments: &arguments, time: GETENT_TIME, output: GETENT_OUTPUT };
    let answer = getent.run().map_err(AccountsError::Getent)?;
    match answer.outcome {
        Outcome::Exited(0) => uid_in(&answer.output, name),
        Outcome::Exited(GETENT_NOT_FOUND) => Ok(None),
        outcome => Err(AccountsError::GetentEnded(outcome)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\
        # alice:x:1:1::/:/bin/sh\n\
        alicex:x:1001:1001::/:/bin/sh\n\
        alice:x:1002:1002::/:/bin/sh\n\
        alice:x:0:0::/:/bin/sh\n\
        xalice:x:1003:1003::/:/bin/sh\n\
        bob:x\n\
        carol:x:-1:0::/:/bin/sh\n\
        dave:x::0::/:/bin/sh\n\
        eve:x:4294967295:0::/:/bin/sh\n\
        \xff\xfe:x:5:5::/:\n\
        last:x:1009:1009::/:/bin/sh";

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).expect(text)
    }

    #[test]
    fn names() {
        for text in ["alice", "_apt", "john.doe", "bob@example.org", "host$", "A-1"] {
            assert_eq!(name(text).as_str(), text);
        }
        let long = "a".repeat(257);
        for (text, why) in [
            ("", BadAccountName::Length),
            (&long, BadAccountName::Length),
            ("-s", BadAccountName::Start),
            ("1000", BadAccountName::Start),
            ("+", BadAccountName::Start),
            ("#1001", BadAccountName::Start),
            (".a", BadAccountName::Start),
            ("a b", BadAccountName::Character),
            ("a:b", BadAccountName::Character),
            ("a,b", BadAccountName::Character),
            ("DOM\\bob", BadAccountName::Character),
            ("alice\n", BadAccountName::Character),
            ("аlice", BadAccountName::Start),
            ("alicе", BadAccountName::Character),
        ] {
            assert_eq!(AccountName::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn names_are_read_from_json_by_the_same_grammar() {
        assert_eq!(serde_json::from_str::<AccountName>("\"alice\"").expect("read"), name("alice"));
        assert!(serde_json::from_str::<AccountName>("\"-alice\"").is_err());
    }

    #[test]
    fn the_first_line_of_the_very_name_decides() {
        for (account, uid) in [("root", Some(0)), ("alice", Some(1002)), ("last", Some(1009)), ("ali", None)]
        {
            assert_eq!(uid_in(FILE, &name(account)).expect(account), uid, "{account}");
        }
        assert_eq!(uid_in(b"", &name("root")).expect("read"), None);
    }

    #[test]
    fn an_account_without_a_valid_uid_is_an_error_not_a_stranger() {
        for account in ["bob", "carol", "dave", "eve"] {
            assert!(matches!(uid_in(FILE, &name(account)), Err(AccountsError::Uid(_))), "{account}");
        }
    }

    #[test]
    fn uids_have_one_spelling() {
        for (text, uid) in [("0", 0), ("1000", 1000), ("4294967294", u32::MAX - 1)] {
            assert_eq!(parse_uid(text), Some(uid));
        }
        for text in ["", "-1", "+1", " 1", "1 ", "01", "00", "1x", "0x1", "4294967295", "4294967296", "١"] {
            assert_eq!(parse_uid(text), None, "{text:?}");
        }
    }

    #[test]
    fn accounts_of_this_machine() {
        assert_eq!(uid_of(&name("root")).expect("looked up"), Some(0));
        assert_eq!(uid_of(&name("no_such_account-0f1e")).expect("looked up"), None);
    }
}
