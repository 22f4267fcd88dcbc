//! Sudoers files (sudoers(5)), read as sudo(8) does. What is not understood is said; whether it is right
//! is visudo(8)'s business.

mod command;
mod cursor;
mod entry;
mod grants;
mod include;
mod members;
mod parser;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use entry::{
    Alias, AliasMembers, Change, Command, CommandArguments, Defaults, Entry, Grant, HostGrants, Include,
    Kind, Member, Place, Rule, Runas, Scope, Setting, Where, Who,
};

use diagnostics::Failure;
use include::{Owner, Reading};

/// The system's own file.
pub const SYSTEM: &str = "/etc/sudoers";

/// What the files say, in the order in which sudo reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sudoers {
    /// The entries.
    pub entries: Vec<Entry>,
    /// What could not be read, and why; sudo(8) may think otherwise.
    pub faults: Vec<(Place, String)>,
    /// Files of included folders that sudo(8) passes over, for their names.
    pub ignored: Vec<PathBuf>,
}

impl Sudoers {
    /// Reads a file, usually [`SYSTEM`], and what it includes, as far as sudo(8) would: files that are not
    /// root's or that others can write are faults.
    ///
    /// # Errors
    /// When the file itself cannot be read.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        Self::read_of(root, Owner::Root)
    }

    /// Reads a file, and what it includes, whoever they belong to.
    ///
    /// # Errors
    /// When the file itself cannot be read.
    pub fn read_anybodys(root: &Path) -> Result<Self, Failure> {
        Self::read_of(root, Owner::Anybody)
    }

    fn read_of(root: &Path, owner: Owner) -> Result<Self, Failure> {
        let mut reading = Reading::new(owner);
        match reading.file(root, 1) {
            Ok(()) => Ok(reading.found),
            Err(why) => {
                let path = root.display().to_string();
                Err(Failure::new("sudoers-unreadable", format!("{}: {why}", path.escape_debug())))
            }
        }
    }

    /// Reads a text; what it includes is not followed.
    #[must_use]
    pub fn parse(text: &str, file: &Path) -> Self {
        parser::parse(text, file)
    }

    /// Whether the files of this folder are read.
    #[must_use]
    pub fn includes_dir(&self, folder: &Path) -> bool {
        self.entries.iter().any(|entry| match &entry.kind {
            Kind::Include(include) => include.folder && Path::new(&include.path) == folder,
            _ => false,
        })
    }
}
