//! `down`: nothing of an instance is left.

pub mod files;
pub mod generation;

use std::cell::Cell;

use diagnostics::Failure;
use serde_json::{Value, json};

use self::files::GiveBack;
use self::generation::{Ending, end_daemons, take_down};
use crate::cli::InstanceCall;
use crate::exit::Exit;
use crate::instance::{Instance, Turn};
use crate::interrupts::Interrupts;
use crate::name::Name;
use crate::report::{self, Report};
use crate::up::require_root;

/// The operation's name in JSON.
const OP: &str = "down";

/// Takes an instance down. That there is none is how it is to be.
#[must_use]
pub fn run(call: &InstanceCall) -> Exit {
    let report = Report::new(call.json);
    let name = json!({"name": call.name.as_str()});
    let was_there = match down(&call.name) {
        Ok(was_there) => was_there,
        Err(failures) => return tell(report, &failures, name),
    };
    let said = if was_there { "is down" } else { "is not there: nothing to do" };
    let object = json!({"name": call.name.as_str(), "changed": was_there});
    report.success(OP, object, &format!("the instance {} {said}", call.name))
}

/// Every failure is said; the last one, in JSON, stands for all.
fn tell(report: Report, failures: &[Failure], name: Value) -> Exit {
    let Some((last, others)) = failures.split_last() else { return Exit::Failed };
    for failure in others {
        diagnostics::complain(report::NAME, &format!("{}: {failure}", failure.code));
    }
    report.failure(OP, last, name, &"")
}

/// Takes every generation down. Whether there was anything.
///
/// # Errors
/// What could not be done; the rest is.
pub fn down(name: &Name) -> Result<bool, Vec<Failure>> {
    let one = |failure| vec![failure];
    require_root().map_err(one)?;
    let turn = take_turn(name).map_err(one)?;
    // Nobody stops it half-way.
    let _held = Interrupts::take().map_err(one)?;
    let instance = Instance::of(name);
    let was_there = instance.folder().exists();
    let failures = take_all_down(&instance);
    let failures = finish(&instance, turn, failures);
    if failures.is_empty() { Ok(was_there) } else { Err(failures) }
}

/// Waits for the turn; whoever has it does not keep the old keys in use meanwhile.
fn take_turn(name: &Name) -> Result<Turn, Failure> {
    let waited = Cell::new(false);
    Turn::take_unless(name, || {
        if !waited.replace(true) {
            Instance::of(name).generations()?.iter().for_each(end_daemons);
        }
        Ok(())
    })
}

/// What could not be done; the rest is.
pub(crate) fn take_all_down(instance: &Instance) -> Vec<Failure> {
    match instance.generations() {
        // The newest first: what it has replaced is older.
        Ok(generations) => generations
            .iter()
            .rev()
            .flat_map(|generation| take_down(generation, Ending::AtOnce, GiveBack::To(None)))
            .collect(),
        Err(failure) => vec![failure],
    }
}

/// Takes the folder and the lock away, if there is no generation any more.
pub(crate) fn finish(instance: &Instance, turn: Turn, mut failures: Vec<Failure>) -> Vec<Failure> {
    failures.extend(instance.remove_if_empty().err());
    if !instance.folder().exists() {
        failures.extend(turn.remove().err());
    }
    failures
}
