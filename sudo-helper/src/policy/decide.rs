//! Whether the policy allows an operation.

use std::collections::BTreeMap;
use std::time::Duration;

use super::builtin::{denied_package, denied_unit, undeletable};
use super::{CommandRule, Denial, Policy, Risk};
use crate::apt::Plan;
use crate::operation::{Operation, PackageAction, PackageVerb, ServiceVerb, Word};
use crate::package_name::PackageName;
use crate::unit_name::UnitName;

/// An operation is allowed, and this goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whether it waits until a person approves.
    pub approval: bool,
    /// How long it may take.
    pub timeout: Duration,
    /// The keys of the policy that allow it, such as `services."nginx"`.
    pub rules: Vec<String>,
    /// What it gives away beyond its name.
    pub risks: Vec<Risk>,
}

impl Policy {
    /// Judges an operation as it was asked for.
    ///
    /// A unit's name may be an alias: its canonical name is judged as an operation of its own, and
    /// approval is needed when either of the two needs it.
    ///
    /// # Errors
    /// Whatever is not listed is denied, and what is compiled in is denied first.
    pub fn decide(&self, operation: &Operation) -> Result<Grant, Denial> {
        let (rules, risks) = match operation {
            Operation::Service(verb, unit) => {
                self.service_verb_allowed(*verb, unit)?;
                (vec![format!("services.\"{unit}\"")], Risk::of_service(*verb, unit))
            }
            Operation::Packages(verb, names) => self.packages_allowed(*verb, names)?,
            Operation::Package(action) => {
                self.action_allowed(*action)?;
                (vec![format!("package_actions.\"{}\"", action.word())], Risk::of_action(*action))
            }
            Operation::Run(name, values) => return self.run_allowed(name, values),
        };
        Ok(Grant { approval: self.approval.covers(operation), timeout: self.limits.timeout, rules, risks })
    }

    /// Whether this may be done with the unit of this very name.
    ///
    /// # Errors
    /// [`Denial::BuiltIn`] and [`Denial::NotListed`].
    pub fn service_verb_allowed(&self, verb: ServiceVerb, unit: &UnitName) -> Result<(), Denial> {
        let asked = format!("'service {} {unit}'", verb.word());
        if let Some(why) = denied_unit(unit) {
            return Err(Denial::BuiltIn(format!("{asked} is denied, and no policy can allow it: {why}")));
        }
        let Some(verbs) = self.services.get(unit) else {
            return Err(not_listed(&asked, "services", unit.short()));
        };
        if verbs.0.0.contains(&verb) {
            return Ok(());
        }
        Err(verb_missing(&asked, &format!("services.\"{unit}\""), verbs.0.0.iter().map(|verb| verb.word())))
    }

    /// Whether this may be done with the package, asked for or part of a plan.
    ///
    /// # Errors
    /// [`Denial::BuiltIn`] and [`Denial::NotListed`].
    pub fn package_verb_allowed(&self, verb: PackageVerb, name: &PackageName) -> Result<(), Denial> {
        let asked = format!("'package {} {name}'", verb.word());
        let builtin = match verb {
            PackageVerb::Install => denied_package(name.as_str()),
            PackageVerb::Remove => undeletable(name.as_str()),
        };
        if let Some(why) = builtin {
            return Err(Denial::BuiltIn(format!("{asked} is denied, and no policy can allow it: {why}")));
        }
        let Some(verbs) = self.packages.get(name) else {
            return Err(not_listed(&asked, "packages", name.as_str()));
        };
        if verbs.0.0.contains(&verb) {
            return Ok(());
        }
        Err(verb_missing(&asked, &format!("packages.\"{name}\""), verbs.0.0.iter().map(|verb| verb.word())))
    }

    /// Whether this waits for approval under this very name of a unit, which another may have.
    #[must_use]
    pub fn service_needs_approval(&self, verb: ServiceVerb, unit: &UnitName) -> bool {
        self.approval.covers(&Operation::Service(verb, unit.clone()))
    }

    /// Whether a plan does to a package, whoever has asked for that, what waits for approval.
    #[must_use]
    pub fn plan_needs_approval(&self, plan: &Plan) -> bool {
        let installed = plan.installs.iter().map(|install| (PackageVerb::Install, &install.package));
        let removed = plan.removals().into_iter().map(|package| (PackageVerb::Remove, package));
        installed.chain(removed).any(|(verb, package)| self.approval.covers_package(verb, &package.name))
    }

    /// Whether [`Self::plan_needs_approval`] can be so.
    #[must_use]
    pub fn has_packages_under_approval(&self) -> bool {
        self.approval.packages().next().is_some()
    }

    fn packages_allowed(
        &self,
        verb: PackageVerb,
        names: &[PackageName],
    ) -> Result<(Vec<String>, Vec<Risk>), Denial> {
        names.iter().try_for_each(|name| self.package_verb_allowed(verb, name))?;
        let mut risks: Vec<Risk> =
            names.iter().flat_map(|name| Risk::of_package(verb, name.as_str())).collect();
        risks.sort_unstable();
        risks.dedup();
        Ok((names.iter().map(|name| format!("packages.\"{name}\"")).collect(), risks))
    }

    fn action_allowed(&self, action: PackageAction) -> Result<(), Denial> {
        if self.package_actions.contains(&action) {
            return Ok(());
        }
        let asked = format!("'package {}'", action.word());
        Err(not_listed(&asked, "package_actions", action.word()))
    }

    fn run_allowed(&self, name: &Word, values: &BTreeMap<Word, String>) -> Result<Grant, Denial> {
        let command = self
            .commands
            .get(name)
            .ok_or_else(|| not_listed(&format!("'run {name}'"), "commands", name.as_str()))?;
        command.bind(values)?;
        Ok(self.command_grant(name, command))
    }

    /// What goes with a command, whatever its values.
    pub(super) fn command_grant(&self, name: &Word, command: &CommandRule) -> Grant {
        let listed = self.approval.covers(&Operation::Run(name.clone(), BTreeMap::new()));
        let mut risks: Vec<Risk> = command.power().map(Risk::PowerfulProgram).into_iter().collect();
        if command.slots().values().any(super::slot::Slot::takes_options) {
            risks.push(Risk::Options);
        }
        Grant {
            approval: command.approval() || listed,
            timeout: command.timeout().unwrap_or(self.limits.timeout),
            rules: vec![format!("commands.\"{name}\"")],
            risks,
        }
    }
}

fn not_listed(asked: &str, section: &str, name: &str) -> Denial {
    Denial::NotListed(format!("{asked} is denied: the policy's {section} do not list '{name}'"))
}

fn verb_missing<'a>(asked: &str, rule: &str, verbs: impl Iterator<Item = &'a str>) -> Denial {
    let verbs: Vec<&str> = verbs.collect();
    let allowed = if verbs.is_empty() { "nothing".to_owned() } else { verbs.join(", ") };
    Denial::NotListed(format!("{asked} is denied: {rule} of the policy allows {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_waits_for_what_it_does_to_a_package_under_approval() {
        let policy = |operations: &str| {
            let text = format!(r#"{{"approval": {{"operations": [{operations}]}}}}"#);
            Policy::parse(text.as_bytes()).expect("a policy")
        };
        let waiting = policy(r#""package install docker.io", "package remove ufw", "package install g++""#);
        for (line, waits) in [
            ("Inst docker.io (1 l [all])", true),
            ("Inst docker.io [1] (2 l [all])", true),
            ("Inst docker.io [2] (1 l [all])", true),
            ("Inst docker.io:i386 (1 l [i386])", true),
            ("Inst g++ (1 l [all])", true),
            ("Remv ufw [1]", true),
            ("Purg ufw [1]", true),
            ("Purg ufw:i386 [1]", true),
            ("Remv docker.io [1]", false),
            ("Inst ufw (1 l [all])", false),
            ("Inst docker (1 l [all])", false),
            ("Conf docker.io (1 l [all])", false),
        ] {
            let plan = Plan::parse(&format!("Inst other (1 l [all])\n{line}\n")).expect(line);
            assert_eq!(waiting.plan_needs_approval(&plan), waits, "{line}");
            assert!(!policy(r#""package upgrade""#).plan_needs_approval(&plan), "{line}");
        }
        assert!(waiting.has_packages_under_approval());
        assert!(!policy(r#""package upgrade", "service stop ssh""#).has_packages_under_approval());
    }
}
