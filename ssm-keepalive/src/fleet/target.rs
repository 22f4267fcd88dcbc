//! Which nodes are meant, by what they have in common.

use std::fmt;
use std::str::FromStr;

use diagnostics::one_line;
use serde_json::{Value, json};

/// Longest key in characters (TargetKey of the SSM API).
const MAX_KEY: usize = 163;
/// Most values of a key (TargetValues of the SSM API).
const MAX_VALUES: usize = 50;
/// Longest value in characters, which is that of a tag.
const MAX_VALUE: usize = 256;
/// What describe-instance-information can filter by besides `tag:NAME` (InstanceInformationStringFilter of the SSM API;
/// the service itself says PlatformTypes).
const KEYS: [&str; 12] = [
    "ActivationIds",
    "AgentVersion",
    "AssociationStatus",
    "IamRole",
    "InstanceIds",
    "PingStatus",
    "PlatformType",
    "PlatformTypes",
    "ResourceType",
    "SourceIds",
    "SourceTypes",
    "tag-key",
];

/// `Key=tag:role,Values=web,web2`, as the AWS CLI has it: nodes with any of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    key: String,
    values: Vec<String>,
}

impl Target {
    /// The same as a filter of describe-instance-information.
    #[must_use]
    pub fn filter(&self) -> Value {
        json!({"Key": self.key, "Values": self.values})
    }
}

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotATarget {
    /// It is not of the form.
    Form,
    /// Nodes cannot be looked up by this key.
    Key(String),
    /// A value is empty, too long or one of too many.
    Value,
}

impl fmt::Display for NotATarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("a target is written Key=tag:role,Values=web,web2"),
            Self::Key(key) => write!(
                f,
                "nodes cannot be looked up by '{}': use Key=tag:NAME,Values=…, Key=tag-key,Values=NAME, \
                 or another filter of `aws ssm describe-instance-information`",
                one_line(key)
            ),
            Self::Value => {
                write!(f, "a target has 1 to {MAX_VALUES} values, each of 1 to {MAX_VALUE} characters")
            }
        }
    }
}

impl std::error::Error for NotATarget {}

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        let rest = text.strip_prefix("Key=").ok_or(NotATarget::Form)?;
        let (key, values) = rest.split_once(",Values=").ok_or(NotATarget::Form)?;
        let is_tag = key.strip_prefix("tag:").is_some_and(|name| !name.is_empty());
        let is_known = is_tag || KEYS.contains(&key);
        if !is_known || key.chars().count() > MAX_KEY || key.chars().any(char::is_control) {
            return Err(NotATarget::Key(key.chars().take(MAX_KEY).collect()));
        }
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        let fits = |value: &String| {
            (1..=MAX_VALUE).contains(&value.chars().count()) && !value.chars().any(char::is_control)
        };
        if values.len() > MAX_VALUES || !values.iter().all(fits) {
            return Err(NotATarget::Value);
        }
        Ok(Self { key: key.to_owned(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_becomes_the_filter_of_the_same_name() {
        for (text, key, values) in [
            ("Key=tag:role,Values=web,web2", "tag:role", &["web", "web2"][..]),
            ("Key=tag:a=b:c/é,Values=x y=z", "tag:a=b:c/é", &["x y=z"]),
            ("Key=tag-key,Values=role", "tag-key", &["role"]),
            ("Key=PingStatus,Values=Online", "PingStatus", &["Online"]),
        ] {
            let target: Target = text.parse().expect(text);
            assert_eq!(target.filter(), json!({"Key": key, "Values": values}));
        }
    }

    #[test]
    fn what_cannot_be_looked_up_is_refused_with_the_key() {
        for (text, key) in [
            ("Key=resource-groups:Name,Values=web", "resource-groups:Name"),
            ("Key=tag:,Values=web", "tag:"),
            ("Key=,Values=web", ""),
            ("Key=Name,Values=web", "Name"),
            ("Key=tag:a\u{1b}[2J,Values=web", "tag:a\u{1b}[2J"),
        ] {
            assert_eq!(text.parse::<Target>(), Err(NotATarget::Key(key.to_owned())), "{text}");
        }
        let said = "Key=a\u{1b},Values=b".parse::<Target>().expect_err("no key").to_string();
        assert!(said.contains("'a\\u{1b}'"), "{said}");
    }

    #[test]
    fn other_text_is_no_target() {
        for text in ["", "tag:role=web", "Key=tag:role", "Values=web,Key=tag:role", "key=tag:role,values=web"]
        {
            assert_eq!(text.parse::<Target>(), Err(NotATarget::Form), "{text}");
        }
        let many = format!("Key=tag:a,Values={}", ["x"; 51].join(","));
        let long = format!("Key=tag:a,Values={}", "x".repeat(257));
        for text in ["Key=tag:a,Values=", "Key=tag:a,Values=b,,c", "Key=tag:a,Values=b\nc", &many, &long] {
            assert_eq!(text.parse::<Target>(), Err(NotATarget::Value), "{text}");
        }
    }
}
