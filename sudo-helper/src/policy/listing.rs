//! What `list` answers: every allowed operation, spelled out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::slot::Slot;
use super::{Policy, Risk};
use crate::operation::Operation;

/// The effective policy as data.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// Every allowed operation: services, packages, actions, commands, each by name.
    pub operations: Vec<Listed>,
    /// Accounts that may approve.
    pub approvers: Vec<String>,
    /// How long a request waits for approval, in seconds.
    pub approval_timeout_s: u64,
    /// Bytes kept of each output stream.
    pub output_bytes: usize,
    /// How long to wait for the lock of the package system, in seconds.
    pub lock_wait_s: u64,
    /// Whether nothing is done without a record.
    pub audit_required: bool,
}

/// One allowed operation.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its words; a parameter's value stands as `{name}`.
    pub operation: String,
    /// The key of the policy that allows it.
    pub rule: String,
    /// Whether it waits for a person.
    pub approval: bool,
    /// How long it may take, in seconds.
    pub timeout_s: u64,
    /// What it gives away beyond its name.
    pub risks: Vec<Risk>,
    /// What a command runs, with its `{slot}`s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// What a command's parameters take, as the policy writes it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<String, Slot>,
}

impl Policy {
    /// Every operation that [`Self::decide`] grants, and what goes with it.
    #[must_use]
    pub fn listing(&self) -> Listing {
        Listing {
            operations: self.listed(),
            approvers: self.approval.approvers.iter().map(ToString::to_string).collect(),
            approval_timeout_s: self.approval.timeout.as_secs(),
            output_bytes: self.limits.output_bytes,
            lock_wait_s: self.limits.lock_wait.as_secs(),
            audit_required: self.audit_required,
        }
    }

    fn listed(&self) -> Vec<Listed> {
        let services = self
            .services
            .iter()
            .flat_map(|(unit, verbs)| verbs.0.0.iter().map(|verb| Operation::Service(*verb, unit.clone())));
        let packages = self.packages.iter().flat_map(|(name, verbs)| {
            verbs.0.0.iter().map(|verb| Operation::Packages(*verb, vec![name.clone()]))
        });
        let actions = self.package_actions.iter().map(|action| Operation::Package(*action));
        let fixed = services.chain(packages).chain(actions).filter_map(|operation| {
            let grant = self.decide(&operation).ok()?;
            Some(Listed {
                operation: operation.to_string(),
                rule: grant.rules.join(", "),
                approval: grant.approval,
                timeout_s: grant.timeout.as_secs(),
                risks: grant.risks,
                argv: None,
                params: BTreeMap::new(),
            })
        });
        fixed.chain(self.listed_commands()).collect()
    }

    fn listed_commands(&self) -> impl Iterator<Item = Listed> {
        self.commands.iter().map(|(name, command)| {
            let grant = self.command_grant(name, command);
            let values = command.slots().keys().map(|slot| format!(" {slot}={{{slot}}}")).collect::<String>();
            Listed {
                operation: format!("run {name}{values}"),
                rule: grant.rules.join(", "),
                approval: grant.approval,
                timeout_s: grant.timeout.as_secs(),
                risks: grant.risks,
                argv: Some(command.argv()),
                params: command.slots().iter().map(|(name, slot)| (name.to_string(), slot.clone())).collect(),
            }
        })
    }
}
