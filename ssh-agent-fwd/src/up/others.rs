//! The other generations of an instance: those that were killed half-way, and those that are replaced.

use diagnostics::Failure;

use crate::down::files::GiveBack;
use crate::down::generation::{Ending, take_down};
use crate::instance::{FileId, Generation, Instance, State};

/// Takes down what was killed half-way: neither does `current` lead to it, nor do clients find it. What failed.
///
/// # Errors
/// Those of reading the instance.
pub fn sweep(instance: &Instance) -> Result<Vec<Failure>, Failure> {
    let current = instance.current()?;
    let serving = match &current {
        Some(current) => current.state()?,
        None => None,
    };
    let mut failures = Vec::new();
    for generation in instance.generations()? {
        if current.as_ref() != Some(&generation) && !is_found(&generation) {
            failures.extend(take_down(&generation, Ending::AtOnce, GiveBack::To(serving.as_ref())));
        }
    }
    Ok(failures)
}

/// Whether its socket is where clients look.
pub fn is_found(generation: &Generation) -> bool {
    generation.state().ok().flatten().is_some_and(|state| {
        state.published.is_some() && FileId::of(state.public_socket.as_path()) == Ok(state.published)
    })
}

/// Takes every generation down that is not this one, once the clients that they have are served. What failed.
#[must_use]
pub fn retire(instance: &Instance, kept: &Generation, state: &State) -> Vec<Failure> {
    let generations = match instance.generations() {
        Ok(generations) => generations,
        Err(failure) => return vec![failure],
    };
    let others = generations.iter().filter(|generation| *generation != kept);
    others.flat_map(|generation| take_down(generation, Ending::Retire, GiveBack::Replaced(state))).collect()
}
