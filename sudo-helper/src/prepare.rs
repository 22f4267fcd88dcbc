//! From an operation to what is run for it: the policy's word, and what the system says to it.

use crate::answer::{Exit, Failure};
use crate::approval::Subject;
use crate::cli::How;
use crate::command::BoundCommand;
use crate::operation::{Operation, ServiceVerb};
use crate::packages::Change;
use crate::policy::{Denial, Grant, Policy};
use crate::process::Starter;
use crate::service::{Question, UnitOperation};
use crate::systemctl::unit_state::UnitState;
use crate::unit_name::UnitName;

/// What does an operation.
#[derive(Debug)]
pub enum Act {
    /// systemctl, with what it has said of the unit.
    Unit(UnitOperation, Box<UnitState>),
    /// apt-get, by a worker.
    Packages,
    /// A command of the policy.
    Command(BoundCommand),
}

/// An operation that the policy allows.
#[derive(Debug)]
pub struct Prepared {
    /// The operation.
    pub operation: Operation,
    /// What goes with it.
    pub grant: Grant,
    /// What does it.
    pub act: Act,
    /// What is run.
    pub argv: Vec<String>,
    /// What that would change, a line each; only where that was asked for.
    pub plan: Option<Vec<String>>,
    /// The same as an approver sees it.
    shown: Vec<String>,
}

/// Whether apt-get is asked what it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simulation {
    /// Where a person will see it.
    ForApproval,
    /// In any case.
    Always,
    /// It is not.
    Never,
}

impl Simulation {
    /// Whether the operation is done afterwards: --dry-run and explain only describe it.
    fn precedes_the_act(self) -> bool {
        self == Self::ForApproval
    }
}

impl Prepared {
    /// Asks the policy, and the system where its answer matters to the policy.
    ///
    /// # Errors
    /// When it is denied, or the system cannot tell.
    pub fn new(
        policy: &Policy,
        operation: &Operation,
        how: How,
        simulation: Simulation,
        starter: &Starter,
    ) -> Result<Self, Failure> {
        let mut grant = policy.decide(operation).map_err(denied)?;
        let mut shown = Vec::new();
        let (act, argv, plan) = match operation {
            Operation::Service(verb, unit) => {
                let question = Question::ask(starter, unit)?;
                let mut asked = UnitOperation::new(*verb, unit.clone(), how.no_block);
                // Both only read: together they take no longer than the slower one.
                if *verb == ServiceVerb::Status && simulation.precedes_the_act() && !grant.approval {
                    asked = asked.begun(starter, grant.timeout, policy.limits().output_bytes);
                }
                let state = question.answer()?;
                let real = canonical(policy, *verb, unit, &state, &mut grant)?;
                // What was begun for another name, or without approval, ends here.
                let unit = if real == *unit && !grant.approval {
                    asked
                } else {
                    UnitOperation::new(*verb, real, how.no_block)
                };
                let argv = unit.argv();
                (Act::Unit(unit, Box::new(state)), argv, None)
            }
            Operation::Packages(..) | Operation::Package(_) => {
                let change = Change { operation, policy, limit: grant.timeout, starter };
                let wanted = match simulation {
                    Simulation::Always => true,
                    // A part of the plan may be under approval that nobody has named.
                    Simulation::ForApproval => grant.approval || policy.has_packages_under_approval(),
                    Simulation::Never => false,
                };
                let planned = if wanted { change.plan()? } else { change.unplanned()? };
                grant.approval |= planned.approval;
                shown = planned.lines_for_approval();
                (Act::Packages, change.argv(&planned)?, wanted.then(|| planned.lines()))
            }
            Operation::Run(name, values) => {
                let rule = policy.command(name).ok_or_else(|| {
                    Failure::new(Exit::Denied, "denied", &format_args!("the policy has no command '{name}'"))
                })?;
                let command = BoundCommand::new(rule, rule.bind(values).map_err(denied)?)?;
                let argv = command.argv();
                (Act::Command(command), argv, None)
            }
        };
        Ok(Self { operation: operation.clone(), grant, act, argv, plan, shown })
    }

    /// What an approver approves.
    #[must_use]
    pub fn subject(&self, uid: u32) -> Subject {
        Subject { uid, operation: self.operation.words(), argv: self.argv.clone(), plan: self.shown.clone() }
    }
}

/// The policy does not allow it.
#[must_use]
pub fn denied(denial: Denial) -> Failure {
    Failure::new(Exit::Denied, denial.code(), &denial)
}

/// The unit that is really meant: an alias and what it stands for must both be allowed.
fn canonical(
    policy: &Policy,
    verb: ServiceVerb,
    asked: &UnitName,
    state: &UnitState,
    grant: &mut Grant,
) -> Result<UnitName, Failure> {
    let unit = state.canonical().map_err(|error| {
        let error = format!("'{asked}' stands for '{}': {error}", state.id.escape_debug());
        Failure::new(Exit::Denied, "denied-builtin", &error)
    })?;
    if unit != *asked {
        let own = policy.decide(&Operation::Service(verb, unit.clone())).map_err(|denial| {
            let error = format!("'{asked}' stands for '{unit}': {denial}");
            Failure::new(Exit::Denied, denial.code(), &error)
        })?;
        grant.approval |= own.approval;
        grant.rules.extend(own.rules);
        grant
            .risks
            .extend(own.risks.into_iter().filter(|risk| !grant.risks.contains(risk)).collect::<Vec<_>>());
    }
    // Whoever puts a unit under approval means it, by whichever of its names.
    grant.approval |= state.known_names().any(|name| policy.service_needs_approval(verb, &name));
    Ok(unit)
}
