//! The name of an account, as a policy writes it.

use std::fmt;

use serde::Deserialize;

/// Longest name in bytes.
const MAX_NAME_LENGTH: usize = 256;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
