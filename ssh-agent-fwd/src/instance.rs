//! An instance: its folder below /run, and the generations in it, one for each `up`.
//!
//! All of it is root's, and only root can change any of it. What an `up` touches outside of its generation's folder
//! stands in that folder before it is touched, so that whatever becomes of that `up`, the next one or `down` can take
//! it back.

mod generation;
mod left;
mod lock;
mod state;

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use diagnostics::Failure;

use crate::manifest::RUN;
use crate::name::Name;

pub use generation::{AGENT_FOLDER, Generation, PUBLIC_SOCKET};
pub use left::Left;
pub use lock::Turn;
pub use state::{FileId, Service, State};

/// Most instances, and generations of one; more are not this program's.
const MAX_FOLDERS: usize = 4096;
/// What everybody may enter and only root change.
const PUBLIC: u32 = 0o755;
/// The link to the generation that serves.
const CURRENT: &str = "current";

/// An instance, whether it is there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    folder: PathBuf,
}

/// A step on a file failed.
pub(crate) fn failed(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let path = diagnostics::one_line(&path.display().to_string());
    Failure::new("instance", format!("{path}: {}", diagnostics::one_line(&error.to_string())))
}

/// Makes a folder with this mode, whatever the umask.
fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

impl Instance {
    /// The instance of this name.
    #[must_use]
    pub fn of(name: &Name) -> Self {
        Self { folder: Path::new(RUN).join(name.as_str()) }
    }

    /// One without a name: that of a command.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The names of the instances that have a folder, sorted.
    ///
    /// # Errors
    /// `instance` when /run/ssh-agent-fwd cannot be read.
    pub fn names() -> Result<Vec<Name>, Failure> {
        let mut names: Vec<Name> =
            entries(Path::new(RUN))?.iter().filter_map(|name| name.parse().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its generations, oldest first.
    ///
    /// # Errors
    /// `instance` when the folder cannot be read.
    pub fn generations(&self) -> Result<Vec<Generation>, Failure> {
        let names = entries(&self.folder)?;
        let mut generations: Vec<Generation> =
            names.iter().filter_map(|name| Generation::of(&self.folder, name)).collect();
        generations.sort_by_key(Generation::number);
        Ok(generations)
    }

    /// Files that generations which have gone could not give back.
    ///
    /// # Errors
    /// `instance` when the folder cannot be read.
    pub fn left(&self) -> Result<Vec<Left>, Failure> {
        Left::all(&self.folder)
    }

    /// The generation that serves: the one that clients find, whatever `current` says; an `up` that was killed between
    /// its renames has not come to that. Where they find none, the one that served last.
    ///
    /// # Errors
    /// `instance` when the folder or the link cannot be read.
    pub fn serving(&self) -> Result<Option<Generation>, Failure> {
        let found = self.generations()?.into_iter().rev().find(Generation::is_found);
        found.map_or_else(|| self.current(), |found| Ok(Some(found)))
    }

    /// The generation that serves, or did when it was last heard of. `None`: there is none, or no `up` has come so far.
    ///
    /// # Errors
    /// `instance` when the link cannot be read.
    pub fn current(&self) -> Result<Option<Generation>, Failure> {
        let link = self.current_link();
        match fs::read_link(&link) {
            Ok(target) => {
                let generation = target.to_str().and_then(|name| Generation::of(&self.folder, name));
                Ok(generation.filter(|generation| generation.folder().is_dir()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&link, &error)),
        }
    }

    /// The link to the generation that serves: its number.
    #[must_use]
    pub fn current_link(&self) -> PathBuf {
        self.folder.join(CURRENT)
    }

    /// Makes the folder, where there is none, and that of a new generation.
    ///
    /// # Errors
    /// `instance`; nothing is then left of it.
    pub fn begin(&self) -> Result<Generation, Failure> {
        match make_folder(&self.folder, PUBLIC) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed(&self.folder, &error));
            }
            _ => {}
        }
        let newest = self.generations()?.last().map_or(0, Generation::number);
        let generation = Generation::make(&self.folder, newest.saturating_add(1));
        if generation.is_err() {
            let _ = self.remove_if_empty();
        }
        generation
    }

    /// Takes the folder away when there is no generation any more, and every file was given back.
    ///
    /// # Errors
    /// `instance` when something else is in it.
    pub fn remove_if_empty(&self) -> Result<(), Failure> {
        if !self.generations()?.is_empty() {
            return Ok(());
        }
        absent(&self.current_link(), fs::remove_file)?;
        if !self.left()?.is_empty() {
            return Ok(());
        }
        absent(&self.folder, fs::remove_dir)
    }
}

/// Removes what may have gone already.
fn absent<'a>(path: &'a Path, remove: impl FnOnce(&'a Path) -> io::Result<()>) -> Result<(), Failure> {
    match remove(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

/// The names in a folder; none when there is no folder. A name that is not UTF-8 is not ours.
fn entries(folder: &Path) -> Result<Vec<String>, Failure> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, &error)),
    };
    let names = listed.take(MAX_FOLDERS).map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    let names: io::Result<Vec<Option<String>>> = names.collect();
    names.map(|names| names.into_iter().flatten().collect()).map_err(|error| failed(folder, &error))
}

#[cfg(test)]
mod tests;
