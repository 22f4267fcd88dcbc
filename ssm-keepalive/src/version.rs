//! Which systemd this is, by its number, and what it knows.

use crate::systemctl;
use diagnostics::Failure;

/// The first with StartLimitIntervalSec= of \[Unit\]; before it was StartLimitInterval= of \[Service\] (its NEWS).
const UNIT_LIMIT: u32 = 230;
/// The first whose systemd-run(1) has --collect.
const COLLECT: u32 = 236;
/// The first with RestartSteps= and RestartMaxDelaySec= (systemd.service(5)).
const GROWTH: u32 = 254;

/// The number; one that cannot be told is taken for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(Option<u32>);

impl Version {
    /// Asks systemctl(1), which is of the same version.
    ///
    /// # Errors
    /// `systemctl` when it does not answer.
    pub fn ask() -> Result<Self, Failure> {
        systemctl::ask(&["--version"]).map(|output| Self::parse(&output))
    }

    /// Reads "systemd 219", "systemd 254 (254.5-1)", "systemd 255~rc2-3", each followed by lines of features.
    #[must_use]
    pub fn parse(output: &str) -> Self {
        let number = output.strip_prefix("systemd ").unwrap_or_default();
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        Self(number[..digits].parse().ok())
    }

    fn is_since(self, number: u32) -> bool {
        self.0.is_none_or(|own| own >= number)
    }

    /// Whether the start limit is set in \[Service\] by its old name.
    #[must_use]
    pub fn has_old_limit(self) -> bool {
        !self.is_since(UNIT_LIMIT)
    }

    /// Whether a transient unit may be forgotten when it has failed, too.
    #[must_use]
    pub fn collects(self) -> bool {
        self.is_since(COLLECT)
    }

    /// Whether RestartSec= may grow.
    #[must_use]
    pub fn grows(self) -> bool {
        self.0.is_some() && self.is_since(GROWTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_systemd_knows_goes_by_its_number() {
        for (output, old_limit, collects, grows) in [
            ("systemd 219\n+PAM +AUDIT +SELINUX +IMA -APPARMOR\n", true, false, false),
            ("systemd 229\n+PAM\n", true, false, false),
            ("systemd 230\n", false, false, false),
            ("systemd 232\n+PAM +AUDIT\n", false, false, false),
            ("systemd 237\n", false, true, false),
            ("systemd 252 (252.39-1~deb12u1)\n+PAM\n", false, true, false),
            ("systemd 254 (254.5-1)\n+PAM\n", false, true, true),
            ("systemd 255~rc2-3\n", false, true, true),
            ("something else\n", false, true, false),
            ("", false, true, false),
        ] {
            let version = Version::parse(output);
            let known = (version.has_old_limit(), version.collects(), version.grows());
            assert_eq!(known, (old_limit, collects, grows), "{output}");
        }
    }
}
