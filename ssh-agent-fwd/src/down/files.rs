//! The ssh files that a generation has written, given back.

use diagnostics::Failure;

use crate::instance::State;
use crate::served_user::ServedUser;
use crate::ssh_files::{self, Budget};
use crate::system_files;

/// Who is to have the section of a generation that goes.
#[derive(Debug, Clone, Copy)]
pub enum GiveBack<'a> {
    /// The generation that stays, as it had it; without one, nobody.
    To(Option<&'a State>),
    /// The generation that has replaced it has written its own already.
    Replaced(&'a State),
}

/// Has the files be as they were without this generation.
///
/// # Errors
/// Those of [`ssh_files`] and [`system_files`].
pub fn give_back(gone: &State, to: GiveBack<'_>, budget: &Budget) -> Result<(), Failure> {
    match to {
        GiveBack::To(Some(kept)) if kept.ssh_files && is_same_place(gone, kept) => install(kept, budget),
        GiveBack::Replaced(kept) if is_same_place(gone, kept) => Ok(()),
        GiveBack::To(_) | GiveBack::Replaced(_) => remove(gone, budget),
    }
}

/// Writes a generation's section, in the place of another one's of the same instance.
///
/// # Errors
/// Those of [`ssh_files::install`] and [`system_files::install`].
pub fn install(state: &State, budget: &Budget) -> Result<(), Failure> {
    if state.system_ssh_config {
        return system_files::install(&state.plan, &state.user);
    }
    ssh_files::install(&state.plan, &ServedUser::resolve(&state.user, &state.home)?, budget)
}

fn remove(state: &State, budget: &Budget) -> Result<(), Failure> {
    if state.system_ssh_config {
        return system_files::remove(&state.name);
    }
    match ServedUser::resolve(&state.user, &state.home) {
        Ok(user) if user.uid == state.uid => ssh_files::remove(&state.name, &user, budget),
        // The account has gone, and its files are nobody's, or another account's by now.
        Ok(_) => Ok(()),
        Err(failure) if failure.code == "no-such-user" => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Whether both have their ssh files in one place.
pub fn is_same_place(one: &State, other: &State) -> bool {
    one.system_ssh_config == other.system_ssh_config
        && (one.system_ssh_config || (one.uid, &one.home) == (other.uid, &other.home))
}
