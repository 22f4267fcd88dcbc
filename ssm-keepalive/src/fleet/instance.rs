//! The name of a managed node.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How many word characters follow `i-` (InstanceId of the SSM API: `(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)`).
const EC2: [usize; 2] = [8, 17];
/// How many follow `mi-`.
const HYBRID: usize = 17;

/// An EC2 instance, or a node that was registered by an activation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct InstanceId(String);

impl InstanceId {
    /// As AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What names no node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnInstance;

impl fmt::Display for NotAnInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instance has an id like i-0123456789abcdef0, a node of another place one like mi-0123456789abcdef0")
    }
}

impl std::error::Error for NotAnInstance {}

impl FromStr for InstanceId {
    type Err = NotAnInstance;

    fn from_str(text: &str) -> Result<Self, NotAnInstance> {
        let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let fits = match (text.strip_prefix("mi-"), text.strip_prefix("i-")) {
            (Some(word), _) => word.len() == HYBRID && is_word(word),
            (None, Some(word)) => EC2.contains(&word.len()) && is_word(word),
            (None, None) => false,
        };
        fits.then(|| Self(text.to_owned())).ok_or(NotAnInstance)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_form_that_the_api_asks_for() {
        for id in ["i-01234567", "i-0123456789abcdef0", "mi-0123456789abcdef0"] {
            assert_eq!(id.parse::<InstanceId>().as_ref().map(InstanceId::as_str), Ok(id));
        }
        for text in [
            "",
            "i-",
            "i-012345678",
            "mi-01234567",
            "I-01234567",
            "i-0123456789abcdef01",
            "i-0123456é",
            "i-0123456\n",
            "i-0123,567",
            "ami-0123456789abcdef0",
            " i-01234567",
        ] {
            assert_eq!(text.parse::<InstanceId>(), Err(NotAnInstance), "{text:?}");
        }
    }
}
