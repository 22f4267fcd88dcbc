//! What is left of a generation that has gone when files outside of its folder could not be given back: who it was that
//! wrote them, and nothing else. Nobody who can only delay that keeps the rest of a generation there.

use std::fs;
use std::path::{Path, PathBuf};

use diagnostics::Failure;

use super::state::{self, State};
use super::{absent, entries};

/// How the names of these files begin, one for each user.
const PREFIX: &str = "left-";
/// Of the ssh files in /etc/ssh, which are no user's.
const SYSTEM: &str = "system";

/// Files that were not given back.
#[derive(Debug)]
pub struct Left(PathBuf);

impl Left {
    /// Writes down that the files of this one were not, in the folder of its instance.
    pub(super) fn write(instance: &Path, state: &State) -> Result<(), Failure> {
        let whose = if state.system_ssh_config { SYSTEM.to_owned() } else { state.uid.to_string() };
        state::write(&instance.join(format!("{PREFIX}{whose}")), state)
    }

    /// Those of an instance.
    pub(super) fn all(instance: &Path) -> Result<Vec<Self>, Failure> {
        let names = entries(instance)?.into_iter().filter(|name| name.starts_with(PREFIX));
        Ok(names.map(|name| Self(instance.join(name))).collect())
    }

    /// What wrote the files.
    ///
    /// # Errors
    /// As of [`super::Generation::state`].
    pub fn state(&self) -> Result<Option<State>, Failure> {
        state::read(&self.0)
    }

    /// Forgets them.
    ///
    /// # Errors
    /// `instance`.
    pub fn forget(&self) -> Result<(), Failure> {
        absent(&self.0, fs::remove_file)
    }
}
