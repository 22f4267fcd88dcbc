//! Versions of Debian packages and their order (Debian policy 5.6.12, deb-version(7)).

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest version in bytes that is looked at.
const MAX_LENGTH: usize = 256;

/// A version: `[EPOCH:]UPSTREAM[-REVISION]`.
///
/// Equality is that of the text, which is what an approval is bound to; `1.0` and `1.0-0` differ in
/// text and are neither before the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DebianVersion(String);

/// A text that is no version: empty, too long, another character than letters, digits and `.+-:~`,
/// or an epoch that is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadVersion;

impl fmt::Display for BadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version holds letters, digits and '.+-:~', and only digits before its first ':'")
    }
}

impl std::error::Error for BadVersion {}

impl DebianVersion {
    /// Reads a version.
    ///
    /// # Errors
    /// See [`BadVersion`].
    pub fn parse(text: &str) -> Result<Self, BadVersion> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b".+-:~".contains(&byte);
        let (epoch, rest) = split_epoch(text);
        let epoch_is_number = epoch.bytes().all(|byte| byte.is_ascii_digit());
        let no_epoch_before_colon = epoch.is_empty() && rest.len() < text.len();
        if rest.is_empty()
            || text.len() > MAX_LENGTH
            || !text.bytes().all(known)
            || !epoch_is_number
            || no_epoch_before_colon
        {
            return Err(BadVersion);
        }
        Ok(Self(text.to_owned()))
    }

    /// The version as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its place beside another, as `dpkg --compare-versions` has it.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let (left_epoch, left) = split_epoch(&self.0);
        let (right_epoch, right) = split_epoch(&other.0);
        let (left, left_revision) = left.rsplit_once('-').unwrap_or((left, ""));
        let (right, right_revision) = right.rsplit_once('-').unwrap_or((right, ""));
        compare_numbers(left_epoch, right_epoch)
            .then_with(|| compare_parts(left, right))
            .then_with(|| compare_parts(left_revision, right_revision))
    }
}

impl TryFrom<String> for DebianVersion {
    type Error = BadVersion;

    fn try_from(text: String) -> Result<Self, BadVersion> {
        Self::parse(&text)
    }
}

impl From<DebianVersion> for String {
    fn from(version: DebianVersion) -> Self {
        version.0
    }
}

impl fmt::Display for DebianVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn split_epoch(version: &str) -> (&str, &str) {
    version.split_once(':').unwrap_or(("", version))
}

/// Compares an upstream version or a revision: runs of other characters and of digits in turn.
fn compare_parts(mut left: &str, mut right: &str) -> Ordering {
    while !(left.is_empty() && right.is_empty()) {
        let (left_word, left_rest) = split_run(left, |byte| !byte.is_ascii_digit());
        let (right_word, right_rest) = split_run(right, |byte| !byte.is_ascii_digit());
        let (left_number, left_rest) = split_run(left_rest, |byte| byte.is_ascii_digit());
        let (right_number, right_rest) = split_run(right_rest, |byte| byte.is_ascii_digit());
        let order =
            compare_words(left_word, right_word).then_with(|| compare_numbers(left_number, right_number));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

/// The first bytes that are of a kind, and the rest. The text is ASCII.
fn split_run(text: &str, of_kind: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().take_while(|byte| of_kind(*byte)).count())
}

/// Compares character by character: `~` before the end, the end before letters, letters before the rest.
fn compare_words(left: &str, right: &str) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(letter) if letter.is_ascii_alphabetic() => (2, *letter),
        Some(other) => (3, *other),
    };
    let (left, right) = (left.as_bytes(), right.as_bytes());
    (0..left.len().max(right.len()))
        .map(|place| weight(left.get(place)).cmp(&weight(right.get(place))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares runs of digits of any length; no digits are zero.
fn compare_numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> DebianVersion {
        DebianVersion::parse(text).expect(text)
    }

    /// What the authority says.
    fn dpkg(left: &str, right: &str) -> Ordering {
        let holds = |relation| {
            let words = ["--compare-versions", left, relation, right];
            Command::new("/usr/bin/dpkg").args(words).status().expect("dpkg runs").success()
        };
        if holds("lt") {
            Ordering::Less
        } else if holds("gt") {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }

    #[test]
    fn in_their_order() {
        // The example of Debian policy 5.6.12.1, and what lies around it.
        let ordered = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0a",
            "1.0~rc1-1",
            "1.0",
            "1.0-1~deb12u1",
            "1.0-1",
            "1.0-1+b1",
            "1.0a",
            "1.0+x",
            "1.2",
            "1.10",
            "7.88.1-10+deb12u5",
            "7.88.1-10+deb12u15",
            "1:0.1",
            "2:0",
            "10:0",
        ];
        for pair in ordered.windows(2) {
            assert_eq!(version(pair[0]).compare(&version(pair[1])), Ordering::Less, "{pair:?}");
            assert_eq!(version(pair[1]).compare(&version(pair[0])), Ordering::Greater, "{pair:?}");
        }
        for (left, right) in [("1.0", "1.0-0"), ("0:1", "1"), ("1.00", "1.0"), ("1-00", "1-0")] {
            assert_eq!(version(left).compare(&version(right)), Ordering::Equal);
            assert_ne!(version(left), version(right));
        }
    }

    #[test]
    fn what_is_no_version() {
        let long = "1".repeat(MAX_LENGTH + 1);
        for text in ["", ":", "1:", ":1", "a:1", "-1:1", "1 2", "1_2", "1\n", "1)", "\u{661}", &long] {
            assert_eq!(DebianVersion::parse(text), Err(BadVersion), "{text:?}");
        }
    }

    #[test]
    fn as_json_text() {
        let json = serde_json::to_string(&version("1:2-3")).expect("JSON");
        assert_eq!(json, "\"1:2-3\"");
        assert_eq!(serde_json::from_str::<DebianVersion>(&json).expect("read"), version("1:2-3"));
        assert!(serde_json::from_str::<DebianVersion>("\"1 2\"").is_err());
    }

    proptest! {
        #[test]
        fn as_dpkg_has_it(
            left in "([0-2]{1,2}:)?[0-9][0-2a-bA~+.-]{0,8}[0-9a]",
            right in "([0-2]{1,2}:)?[0-9][0-2a-bA~+.-]{0,8}[0-9a]",
        ) {
            let order = version(&left).compare(&version(&right));
            prop_assert_eq!(order, dpkg(&left, &right), "{} {}", left, right);
            prop_assert_eq!(version(&right).compare(&version(&left)), order.reverse());
        }

        #[test]
        fn any_text_is_judged(text in any::<String>()) {
            let _ = DebianVersion::parse(&text);
        }
    }
}
