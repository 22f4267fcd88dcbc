//! The other generations of an instance: those that were killed half-way, and those that are replaced.

use diagnostics::Failure;

use crate::down::files::GiveBack;
use crate::down::generation::{Ending, take_down};
use crate::down::left::settle;
use crate::instance::{Generation, Instance, State};
use crate::ssh_files::Budget;

/// Takes down what was killed half-way: neither does `current` lead to it, nor do clients find it. What failed.
///
/// # Errors
/// Those of reading the instance.
pub fn sweep(instance: &Instance, budget: &Budget) -> Result<Vec<Failure>, Failure> {
    let serves = [instance.serving()?, instance.current()?];
    let serving = match &serves[0] {
        Some(serving) => serving.state()?,
        None => None,
    };
    let mut failures = Vec::new();
    for generation in instance.generations()? {
        if !serves.contains(&Some(generation.clone())) && !generation.is_found() {
            failures.extend(take_down(&generation, Ending::AtOnce, GiveBack::To(serving.as_ref()), budget));
        }
    }
    Ok(failures)
}

/// Takes every generation down that is not this one, once the clients that they have are served, and gives back what
/// earlier ones could not. What failed.
#[must_use]
pub fn retire(instance: &Instance, kept: &Generation, state: &State, budget: &Budget) -> Vec<Failure> {
    let all = instance.generations().and_then(|generations| Ok((generations, instance.left()?)));
    let (generations, left) = match all {
        Ok(all) => all,
        Err(failure) => return vec![failure],
    };
    let others = generations.iter().filter(|generation| *generation != kept);
    let replaced = GiveBack::Replaced(state);
    let failures = others.flat_map(|generation| take_down(generation, Ending::Retire, replaced, budget));
    failures.chain(settle(&left, replaced, budget)).collect()
}
