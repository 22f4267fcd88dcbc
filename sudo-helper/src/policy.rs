//! /etc/sudo-helper/policy.json: what is allowed. Everything else is denied.
//!
//! A policy is read whole or not at all, from bytes that the caller has reason to trust. What no
//! policy can allow is compiled in ([`is_protected`] and its neighbours) and refuses the file that
//! lists it, since its author is mistaken about what it would do.

mod absolute_path;
mod approval;
mod beneath;
mod builtin;
mod command;
mod decide;
mod default;
mod denial;
mod error;
mod limits;
mod listing;
mod pattern;
mod program;
mod risk;
mod slot;
mod strict;
#[cfg(test)]
mod tests;
mod value;
mod warnings;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use approval::Approval;
pub use beneath::{BeneathError, open_beneath};
pub use builtin::is_protected;
pub use command::{Argument, CommandRule};
pub use decide::Grant;
pub use default::default_text;
pub use denial::Denial;
pub use error::PolicyError;
pub use limits::Limits;
pub use listing::{Listed, Listing};
pub use risk::Risk;

use crate::operation::{PackageAction, PackageVerb, ServiceVerb, Word};
use crate::package_name::PackageName;
use crate::unit_name::UnitName;
use strict::{Entry, Map, Set};

/// Most units that a policy lists.
const MAX_SERVICES: usize = 512;
/// Most packages that a policy lists.
const MAX_PACKAGES: usize = 1024;
/// Most commands that a policy defines.
const MAX_COMMANDS: usize = 256;

/// A policy that was validated whole.
#[derive(Debug, Clone)]
pub struct Policy {
    services: BTreeMap<UnitName, ServiceVerbs>,
    packages: BTreeMap<PackageName, PackageVerbs>,
    package_actions: Vec<PackageAction>,
    commands: BTreeMap<Word, CommandRule>,
    approval: Approval,
    limits: Limits,
    audit_required: bool,
}

/// What may be done with a unit.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
struct ServiceVerbs(Set<ServiceVerb, { ServiceVerb::ALL.len() }>);

/// What may be done with a package.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
struct PackageVerbs(Set<PackageVerb, { PackageVerb::ALL.len() }>);

/// The file's shape: every key may be left out, no other key may stand there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    services: Map<UnitName, ServiceVerbs, MAX_SERVICES>,
    #[serde(default)]
    packages: Map<PackageName, PackageVerbs, MAX_PACKAGES>,
    #[serde(default)]
    package_actions: Set<PackageAction, { PackageAction::ALL.len() }>,
    #[serde(default)]
    commands: Map<Word, CommandRule, MAX_COMMANDS>,
    #[serde(default)]
    approval: Approval,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    audit_required: bool,
}

impl Policy {
    /// Most bytes of a policy file.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Reads a policy, all of it.
    ///
    /// # Errors
    /// The first fault, with its place: nothing of a faulty policy applies.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > Self::MAX_BYTES {
            return Err(PolicyError::whole(format!("a policy has at most {} bytes", Self::MAX_BYTES)));
        }
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(PolicyError::whole(
                "the file begins with a byte order mark: save it as UTF-8 without one",
            ));
        }
        let text = str::from_utf8(text).map_err(|error| {
            PolicyError::whole(format!("the file is not UTF-8 after byte {}", error.valid_up_to()))
        })?;
        let mut json = serde_json::Deserializer::from_str(text);
        let mut track = serde_path_to_error::Track::new();
        let document: Document =
            strict_json::object(serde_path_to_error::Deserializer::new(&mut json, &mut track))
                .map_err(|error| PolicyError::at(text, Some(&track.path()), &error))?;
        json.end().map_err(|error| PolicyError::at(text, None, &error))?;
        Ok(Self {
            services: document.services.0,
            packages: document.packages.0,
            package_actions: document.package_actions.0,
            commands: document.commands.0,
            approval: document.approval,
            limits: document.limits,
            audit_required: document.audit_required,
        })
    }

    /// The command that `run NAME` stands for.
    #[must_use]
    pub fn command(&self, name: &Word) -> Option<&CommandRule> {
        self.commands.get(name)
    }

    /// Bounds on every operation.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Who approves, what waits for it, and how long.
    #[must_use]
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// Whether nothing is done that cannot be recorded.
    #[must_use]
    pub fn audit_required(&self) -> bool {
        self.audit_required
    }
}

impl Entry<UnitName> for ServiceVerbs {
    fn check(&self, unit: &UnitName) -> Result<(), String> {
        let refuse = |why| Err(format!("no policy can list the unit '{unit}': {why}"));
        builtin::denied_unit(unit).map_or(Ok(()), refuse)
    }
}

impl Entry<PackageName> for PackageVerbs {
    fn check(&self, name: &PackageName) -> Result<(), String> {
        if let Some(why) = builtin::denied_package(name.as_str()) {
            return Err(format!("no policy can list the package '{name}': {why}"));
        }
        match builtin::undeletable(name.as_str()) {
            Some(why) if self.0.0.contains(&PackageVerb::Remove) => {
                Err(format!("no policy can let '{name}' be removed: {why}"))
            }
            _ => Ok(()),
        }
    }
}
