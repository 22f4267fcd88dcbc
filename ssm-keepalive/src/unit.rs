//! The unit of the SSM agent.

use std::fmt;
use std::str::FromStr;

/// Longest name of a unit in bytes (systemd.unit(5): 255 with its suffix).
const MAX_LENGTH: usize = 255;
/// How the name of a service ends.
const SUFFIX: &str = ".service";
/// What a name may hold besides letters and digits (systemd.unit(5)).
const PUNCTUATION: &[u8] = b":-_.\\@";

/// The name of a service of systemd's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unit(String);

impl Unit {
    /// The agent of the snap.
    pub const SNAP: &str = "snap.amazon-ssm-agent.amazon-ssm-agent.service";
    /// The agent of the deb and of the rpm.
    pub const PACKAGE: &str = "amazon-ssm-agent.service";

    /// The units that an agent may have, the one of the snap first.
    #[must_use]
    pub fn known() -> [Self; 2] {
        [Self::SNAP, Self::PACKAGE].map(|name| Self(name.to_owned()))
    }

    /// The name, with its suffix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is no name of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAService;

impl fmt::Display for NotAService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a service has a name like {}, of letters, digits and ':', '-', '_', '.', '\\', '@'",
            Unit::PACKAGE
        )
    }
}

impl std::error::Error for NotAService {}

impl FromStr for Unit {
    type Err = NotAService;

    fn from_str(text: &str) -> Result<Self, NotAService> {
        let stem = text.strip_suffix(SUFFIX).ok_or(NotAService)?;
        let kept = |byte: u8| byte.is_ascii_alphanumeric() || PUNCTUATION.contains(&byte);
        let begins = stem.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_template = stem.ends_with('@');
        let fits = text.len() <= MAX_LENGTH && begins && !is_template && stem.bytes().all(kept);
        fits.then(|| Self(text.to_owned())).ok_or(NotAService)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_a_name_that_cannot_lead_elsewhere() {
        for name in [Unit::SNAP, Unit::PACKAGE, "a.service", "agent@1.service", "x\\x2dy.service"] {
            assert_eq!(name.parse::<Unit>().as_ref().map(Unit::as_str), Ok(name));
        }
        let long = format!("{}.service", "a".repeat(248));
        for name in [
            "",
            ".service",
            "agent",
            "agent.timer",
            "../a.service",
            "a/b.service",
            "-a.service",
            "..service",
            "a@.service",
            "a b.service",
            "a\n.service",
            "é.service",
            &long,
        ] {
            assert_eq!(name.parse::<Unit>(), Err(NotAService), "{name:?}");
        }
    }
}
