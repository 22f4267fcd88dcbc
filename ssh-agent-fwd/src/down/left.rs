//! Files that could not be given back when their generation went: tried once more, and then forgotten. The user could
//! keep them from being given back for ever.

use diagnostics::Failure;

use super::files::{GiveBack, give_back};
use crate::instance::Left;
use crate::ssh_files::Budget;

/// Gives these back. What failed.
#[must_use]
pub fn settle(left: &[Left], to: GiveBack<'_>, budget: &Budget) -> Vec<Failure> {
    let mut failures = Vec::new();
    for left in left {
        let given_back = left.state().and_then(|state| match state {
            Some(state) => give_back(&state, to, budget),
            None => Ok(()),
        });
        let given_up = |failure: Failure| {
            let help =
                "that was the second time, and it is given up: take this instance out of these files by hand";
            Failure::new(failure.code, format!("{failure}; {help}"))
        };
        failures.extend(given_back.err().map(given_up));
        failures.extend(left.forget().err());
    }
    failures
}
