//! What apt-get(8) would do.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::debian_version::DebianVersion;

/// Longest output of a simulation in bytes that is read; an upgrade of 131 packages printed 30 KiB.
pub const MAX_SIMULATION: usize = 4 * 1024 * 1024;
/// Most of a bad line that is quoted, in characters.
const MAX_QUOTED: usize = 120;

/// Every change to the installed packages, in one order whatever apt's: an approval is bound to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is installed, upgraded or downgraded.
    pub installs: Vec<Installation>,
    /// What is removed; its configuration stays.
    pub removes: Vec<Removal>,
    /// What is removed with its configuration, or only its configuration.
    pub purges: Vec<Removal>,
}

/// A package, by name, and its architecture when that is not the machine's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageId {
    /// Its name.
    pub name: String,
    /// Its architecture, unless it is the machine's or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

/// An `Inst` line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    /// What.
    pub package: PackageId,
    /// The version that is installed now, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<DebianVersion>,
    /// The version that will be.
    pub to: DebianVersion,
}

/// A `Remv` or `Purg` line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// What.
    pub package: PackageId,
    /// The version that is installed; none when only its configuration is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<DebianVersion>,
}

/// Why an output is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadPlan {
    /// Longer than [`MAX_SIMULATION`].
    Long,
    /// A line that announces a change and is not understood; escaped.
    Line(String),
}

impl BadPlan {
    pub(super) fn line(line: &str) -> Self {
        Self::Line(line.chars().take(MAX_QUOTED).flat_map(char::escape_default).collect())
    }
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(f, "the plan of apt-get -s is longer than {MAX_SIMULATION} bytes"),
            Self::Line(line) => write!(f, "a line of apt-get -s is not understood: \"{line}\""),
        }
    }
}

impl std::error::Error for BadPlan {}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.architecture.as_ref().map_or(Ok(()), |architecture| write!(f, ":{architecture}"))
    }
}

impl Installation {
    /// Whether the version goes back.
    #[must_use]
    pub fn is_downgrade(&self) -> bool {
        self.from.as_ref().is_some_and(|from| self.to.compare(from).is_lt())
    }
}

impl Plan {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.installs.is_empty() && self.removes.is_empty() && self.purges.is_empty()
    }

    /// Each change in a line, as a person approves it.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let installs = self.installs.iter().map(|install| match &install.from {
            None => format!("install {} {}", install.package, install.to),
            Some(from) if install.is_downgrade() => {
                format!("downgrade {} from {from} to {}", install.package, install.to)
            }
            Some(from) => format!("upgrade {} from {from} to {}", install.package, install.to),
        });
        let version = |removal: &Removal| {
            removal.version.as_ref().map_or(String::new(), |version| format!(" {version}"))
        };
        let removes =
            self.removes.iter().map(|removal| format!("remove {}{}", removal.package, version(removal)));
        let purges =
            self.purges.iter().map(|removal| format!("purge {}{}", removal.package, version(removal)));
        installs.chain(removes).chain(purges).collect()
    }

    /// Whether a package of this very name is installed, upgraded or downgraded.
    #[must_use]
    pub fn installs_package(&self, name: &str) -> bool {
        self.installs.iter().any(|install| install.package.name == name)
    }

    /// What is removed or purged, each once.
    #[must_use]
    pub fn removals(&self) -> BTreeSet<&PackageId> {
        self.removes.iter().chain(&self.purges).map(|removal| &removal.package).collect()
    }

    /// What is downgraded, each once.
    #[must_use]
    pub fn downgrades(&self) -> BTreeSet<&PackageId> {
        self.installs
            .iter()
            .filter(|install| install.is_downgrade())
            .map(|install| &install.package)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_and_what_goes_back() {
        let plan = Plan::parse(
            "Inst curl [9:9.9-1] (7.88.1-10 x [amd64])\nInst foo:i386 [1.0-1] (1.0-1+b1 x [i386])\n\
             Inst jq (1 x [amd64])\nRemv perl [5]\nPurg cf\nPurg perl:i386 [5]\n",
        )
        .expect("a plan");
        let names = |ids: BTreeSet<&PackageId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(plan.removals()), ["cf", "perl", "perl:i386"]);
        assert_eq!(names(plan.downgrades()), ["curl"]);
        assert!(!plan.is_empty() && Plan::default().is_empty());
    }

    #[test]
    fn it_is_read_back_as_it_was_and_nothing_else_is() {
        let plan = Plan::parse("Inst foo:i386 [1] (2 x [i386])\nPurg cf\n").expect("a plan");
        let json = serde_json::to_string(&plan).expect("JSON");
        assert_eq!(serde_json::from_str::<Plan>(&json).expect("read"), plan);
        assert!(serde_json::from_str::<Plan>(&json.replace("purges", "other")).is_err());
        assert!(serde_json::from_str::<Plan>(&json.replace("\"2\"", "\"2 3\"")).is_err());
    }
}
