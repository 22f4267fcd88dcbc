//! `down`: nothing of an instance is left.

pub mod files;
pub mod generation;
pub mod left;

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
use crate::ssh_files::Budget;
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

/// Waits for the turn. Whoever has it keeps no key in use meanwhile: what it starts is ended as well, and it fails.
fn take_turn(name: &Name) -> Result<Turn, Failure> {
    let end_all = || {
        Instance::of(name).generations()?.iter().for_each(end_daemons);
        Ok(())
    };
    Turn::take_unless(name, end_all).or_else(|failure| end_all().and(Err(failure)))
}

/// What could not be done; the rest is.
pub(crate) fn take_all_down(instance: &Instance) -> Vec<Failure> {
    let generations = match instance.generations() {
        Ok(generations) => generations,
        Err(failure) => return vec![failure],
    };
    // Of all of them, before anything for which a user could have us wait.
    generations.iter().for_each(end_daemons);
    let (nobody, budget) = (GiveBack::To(None), Budget::default());
    let mut failures = match instance.left() {
        Ok(left) => left::settle(&left, nobody, &budget),
        Err(failure) => vec![failure],
    };
    // The newest first: what it has replaced is older.
    let newest_first = generations.iter().rev();
    failures
        .extend(newest_first.flat_map(|generation| take_down(generation, Ending::AtOnce, nobody, &budget)));
    failures
}

/// Takes the folder and the lock away, if there is no generation any more.
pub(crate) fn finish(instance: &Instance, turn: Turn, mut failures: Vec<Failure>) -> Vec<Failure> {
    failures.extend(instance.remove_if_empty().err());
    if !instance.folder().exists() {
        Turn::sweep_places();
        failures.extend(turn.remove().err());
    }
    failures
}
