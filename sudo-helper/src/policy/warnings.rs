//! What `check-policy` says of a policy that is valid and yet may not be meant.

use super::{CommandRule, Policy};
use crate::operation::{Operation, Word};

impl Policy {
    /// Sentences about entries that are without effect or reach further than they look.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.approval_warnings();
        for (name, command) in &self.commands {
            warnings.extend(command_warnings(name, command));
        }
        warnings
    }

    fn approval_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let waiting: Vec<String> = self
            .listing()
            .operations
            .into_iter()
            .filter(|listed| listed.approval)
            .map(|listed| listed.operation)
            .collect();
        if let Some(first) = waiting.first()
            && self.approval.approvers.is_empty()
        {
            let count = waiting.len();
            warnings.push(format!(
                "approval.approvers is empty: nobody can approve '{first}' ({count} operations wait for approval)"
            ));
        }
        if waiting.is_empty() && !self.approval.approvers.is_empty() {
            warnings.push(
                "approval.approvers names accounts, but no allowed operation waits for approval".to_owned(),
            );
        }
        for operation in &self.approval.operations {
            if !self.allows(operation) {
                let effect = match operation {
                    Operation::Packages(..) => "it waits only where the plan of another brings it along",
                    Operation::Service(..) => "it waits only by another name of the unit",
                    Operation::Package(_) | Operation::Run(..) => "it never waits",
                };
                warnings.push(format!("approval.operations: '{operation}' is not allowed: {effect}"));
            }
        }
        warnings
    }

    /// Whether the policy allows it, whatever values a command takes.
    fn allows(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Run(name, _) => self.commands.contains_key(name),
            other => self.decide(other).is_ok(),
        }
    }
}

fn command_warnings(name: &Word, command: &CommandRule) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(what) = command.power()
        && !command.slots().is_empty()
    {
        warnings.push(format!(
            "commands.{name}: '{}' takes values from the caller, and {what}",
            command.program()
        ));
    }
    for (slot, _) in command.slots().iter().filter(|(_, slot)| slot.takes_options()) {
        warnings.push(format!(
            "commands.{name}.params.{slot}: a value may begin with '-', and '{}' may read it as an option",
            command.program()
        ));
    }
    warnings
}
