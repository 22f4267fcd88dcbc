//! What is to be run, and on how many nodes at a time.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Value, json};

use super::DELIVERY;
use crate::fleet::instance::InstanceId;

/// What AWS runs the script with.
const DOCUMENT: &str = "AWS-RunShellScript";
/// Longest comment in characters (Comment of the SSM API).
const MAX_COMMENT: usize = 100;
/// Longest limit in characters (MaxConcurrency and MaxErrors of the SSM API).
const MAX_LIMIT: usize = 7;

/// A script for many nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The script, for a POSIX shell.
    pub script: String,
    /// How long it may run on a node, in seconds; see [`Order::TIMEOUTS`].
    pub document_timeout: u32,
    /// On how many nodes it may run at a time.
    pub max_concurrency: MaxConcurrency,
    /// After how many failures it is sent to no more nodes.
    pub max_errors: MaxErrors,
    /// What the console shows of it.
    pub comment: String,
}

impl Order {
    /// How long a script may run, in seconds (executionTimeout of AWS-RunShellScript: 48 h).
    pub const TIMEOUTS: RangeInclusive<u32> = 1..=172_800;

    /// The input of send-command for these nodes. The document takes lists of strings only.
    pub(super) fn input(&self, instances: &[InstanceId]) -> Value {
        json!({
            "DocumentName": DOCUMENT,
            "InstanceIds": instances,
            "TimeoutSeconds": DELIVERY.as_secs(),
            "Parameters": {
                "commands": [self.script],
                "executionTimeout": [self.document_timeout.to_string()],
            },
            "MaxConcurrency": self.max_concurrency.0,
            "MaxErrors": self.max_errors.0,
            "Comment": self.comment.chars().take(MAX_COMMENT).collect::<String>(),
        })
    }
}

/// How many nodes run a command at a time: `10` or `10%`, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxConcurrency(String);

/// How many failures end a command: `0` or `10%`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxErrors(String);

impl MaxConcurrency {
    /// How many of so many nodes, at least one; percentages as AWS rounds them, down.
    #[must_use]
    pub fn of(&self, all: usize) -> usize {
        part(&self.0, all).max(1)
    }
}

impl MaxErrors {
    /// Whatever fails, no node is left out.
    #[must_use]
    pub fn unlimited() -> Self {
        Self("100%".to_owned())
    }

    /// So many; the API takes seven digits.
    #[must_use]
    pub fn exactly(count: usize) -> Self {
        Self(count.min(9_999_999).to_string())
    }

    /// How many of so many nodes; percentages rounded down.
    #[must_use]
    pub fn of(&self, all: usize) -> usize {
        part(&self.0, all)
    }
}

/// `N`, or that many of a hundred of `all`.
fn part(limit: &str, all: usize) -> usize {
    match limit.strip_suffix('%').map(str::parse::<usize>) {
        Some(percent) => percent.map_or(0, |percent| all.saturating_mul(percent) / 100),
        None => limit.parse().unwrap_or(0),
    }
}

/// As AWS has it: 50.
impl Default for MaxConcurrency {
    fn default() -> Self {
        Self("50".to_owned())
    }
}

/// As AWS has it: 0.
impl Default for MaxErrors {
    fn default() -> Self {
        Self("0".to_owned())
    }
}

/// What is no such limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotALimit {
    least: u32,
}

impl fmt::Display for NotALimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a limit is a number from {0} on or a percentage from {0}% to 100%", self.least)
    }
}

impl std::error::Error for NotALimit {}

/// `N` or `N%`, without leading zeros.
fn limit(text: &str, least: u32) -> Result<String, NotALimit> {
    let (number, most) = text.strip_suffix('%').map_or((text, u32::MAX), |number| (number, 100));
    let plain =
        number.bytes().all(|byte| byte.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
    let value = number.parse::<u32>().ok().filter(|value| (least..=most).contains(value));
    let fits = plain && value.is_some() && text.len() <= MAX_LIMIT;
    fits.then(|| text.to_owned()).ok_or(NotALimit { least })
}

impl FromStr for MaxConcurrency {
    type Err = NotALimit;

    fn from_str(text: &str) -> Result<Self, NotALimit> {
        limit(text, 1).map(Self)
    }
}

impl FromStr for MaxErrors {
    type Err = NotALimit;

    fn from_str(text: &str) -> Result<Self, NotALimit> {
        limit(text, 0).map(Self)
    }
}

impl fmt::Display for MaxConcurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MaxErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_what_the_api_takes() {
        for text in ["1", "50", "9999999", "1%", "99%", "100%"] {
            assert_eq!(text.parse::<MaxConcurrency>().map(|limit| limit.to_string()).as_deref(), Ok(text));
            assert_eq!(text.parse::<MaxErrors>().map(|limit| limit.to_string()).as_deref(), Ok(text));
        }
        for text in ["0", "0%"] {
            assert_eq!(text.parse::<MaxConcurrency>(), Err(NotALimit { least: 1 }));
            assert!(text.parse::<MaxErrors>().is_ok());
        }
        for text in ["", "%", "01", "00", "-1", "+1", "1.5", "101%", "10 %", "10%%", "12345678", "ten"] {
            assert!(text.parse::<MaxConcurrency>().is_err(), "{text}");
            assert!(text.parse::<MaxErrors>().is_err(), "{text}");
        }
        assert_eq!((MaxConcurrency::default().0.as_str(), MaxErrors::default().0.as_str()), ("50", "0"));
    }

    #[test]
    fn percentages_are_of_all_and_somebody_is_always_begun_with() {
        for (text, all, concurrency, errors) in [
            ("10", 200, 10, 10),
            ("10%", 200, 20, 20),
            ("1%", 50, 1, 0),
            ("100%", 7, 7, 7),
            ("9999999", 3, 9_999_999, 9_999_999),
        ] {
            assert_eq!(text.parse::<MaxConcurrency>().expect("a limit").of(all), concurrency, "{text}");
            assert_eq!(text.parse::<MaxErrors>().expect("a limit").of(all), errors, "{text}");
        }
        assert_eq!((MaxErrors::default().of(50), MaxErrors::unlimited().of(50)), (0, 50));
    }

    #[test]
    fn the_script_is_one_parameter_and_the_comment_fits() {
        let order = Order {
            script: "set -- 'a'\necho \"$1\"".to_owned(),
            document_timeout: 300,
            max_concurrency: "10%".parse().expect("a limit"),
            max_errors: MaxErrors::default(),
            comment: "é".repeat(200),
        };
        let input = order.input(&["i-01234567".parse().expect("an id")]);
        assert_eq!(
            input,
            json!({
                "DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-01234567"], "TimeoutSeconds": 600,
                "Parameters": {"commands": ["set -- 'a'\necho \"$1\""], "executionTimeout": ["300"]},
                "MaxConcurrency": "10%", "MaxErrors": "0", "Comment": "é".repeat(100),
            })
        );
    }
}
