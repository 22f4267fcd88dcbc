//! What a run that was killed has left: proven again, or put back as it was.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::folder::{Folder, Present, TEMPORARY, look, names};
use super::{PREFIXES, held_signals, path_of};
use crate::drop_in::DropIn;
use crate::proof::confirm;
use diagnostics::Failure;

/// How the name of the old state ends.
const PREVIOUS: &str = ".previous";

/// How far a run came that has left the old state of a file behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// The old state was kept and is still the state: nothing was changed.
    Unchanged,
    /// The new file stands, valid and not proven; the old one is kept.
    OverOld,
    /// The new file stands, valid and not proven; there was none before.
    OverNone,
}

/// What was done about a file that a killed run has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The file's name.
    pub name: String,
    /// Why the new rule was taken back; `None` when it was proven or had not been put in place.
    pub reverted: Option<Failure>,
}

/// How far a run came with this file; `None` when none was interrupted.
///
/// # Errors
/// When the files cannot be looked at.
pub fn pending(name: &str) -> Result<Option<Pending>, Failure> {
    let inode = |name: &str| match fs::symlink_metadata(path_of(name)) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino(), metadata.len()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new("folder", format!("{}: {error}", path_of(name).display()))),
    };
    let kept = inode(&previous(name))?;
    Ok(kept.map(|kept| match inode(name)? {
        // A name that is gone was removed by somebody else since, who is not contradicted.
        None => Ok(Pending::Unchanged),
        Some(stands) if stands == kept => Ok(Pending::Unchanged),
        Some(_) if kept.2 == 0 => Ok(Pending::OverNone),
        Some(_) => Ok(Pending::OverOld),
    }))
    .and_then(Option::transpose)
}

/// What killed runs have left besides rules that are not proven: names that sudo passes over, and that the next
/// run takes away. Those of a run that is at work are among them.
///
/// # Errors
/// When the folder cannot be read.
pub fn leftovers() -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for name in names()?.iter().filter_map(|name| name.to_str()) {
        let unused = match of_previous(name) {
            Some(file) => pending(file)? == Some(Pending::Unchanged),
            None => is_temporary(name),
        };
        if unused {
            found.push(path_of(name));
        }
    }
    Ok(found)
}

fn previous(name: &str) -> String {
    format!(".{name}{PREVIOUS}")
}

/// The file whose old state has this name.
fn of_previous(name: &str) -> Option<&str> {
    name.strip_prefix('.')?.strip_suffix(PREVIOUS).filter(|name| is_ours(name))
}

fn is_temporary(name: &str) -> bool {
    name.strip_prefix('.').is_some_and(|rest| is_ours(rest) && rest.ends_with(TEMPORARY))
}

fn is_ours(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl Folder {
    pub(super) fn keep_previous(&self, name: &str) -> Result<(), Failure> {
        self.link_or_mark(name, &previous(name))
    }

    pub(super) fn drop_previous(&self, name: &str) -> Result<(), Failure> {
        self.unlink(&previous(name))?;
        self.sync()
    }

    /// Puts back what was there before.
    pub(super) fn revert(&self, name: &str) -> Result<(), Failure> {
        match pending(name)? {
            None => return Ok(()),
            Some(Pending::Unchanged) => self.unlink(&previous(name))?,
            Some(Pending::OverOld) => self.rename(&previous(name), name)?,
            Some(Pending::OverNone) => {
                // The marker goes last: without it the rule would count as proven.
                self.unlink(name)?;
                self.sync()?;
                self.unlink(&previous(name))?;
            }
        }
        self.sync()
    }

    /// Finishes what killed runs have begun, or takes it back, and sweeps their temporary files.
    ///
    /// # Errors
    /// When the folder cannot be read or changed.
    pub fn recover(&self) -> Result<Vec<Recovered>, Failure> {
        let _held = held_signals()?;
        let mut recovered = Vec::new();
        for name in names()?.iter().filter_map(|name| name.to_str()) {
            if is_temporary(name) {
                self.unlink(name)?;
            } else if let Some(name) = of_previous(name) {
                recovered.push(self.finish(name)?);
            }
        }
        Ok(recovered)
    }

    fn finish(&self, name: &str) -> Result<Recovered, Failure> {
        let proven = match pending(name)? {
            Some(Pending::OverOld | Pending::OverNone) => proven(name),
            Some(Pending::Unchanged) | None => Ok(()),
        };
        match proven {
            Ok(()) => self.drop_previous(name)?,
            Err(_) => self.revert(name)?,
        }
        Ok(Recovered { name: name.to_owned(), reverted: proven.err() })
    }
}

fn proven(name: &str) -> Result<(), Failure> {
    let drop_in = match look(name)? {
        Present::File { text, .. } => DropIn::of_file(name, &text),
        Present::Absent => None,
    };
    let path = path_of(name);
    let drop_in = drop_in.ok_or_else(|| {
        Failure::new("foreign-file", format!("{} is not what this program writes", path.display()))
    })?;
    confirm(&drop_in, &path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_this_program_makes_are_swept() {
        for name in [".zz-sudo-helper-a.77.tmp", ".zz-sudo-commands-a_0123abcd.1.tmp"] {
            assert!(is_temporary(name), "{name}");
        }
        for name in
            ["zz-sudo-helper-a.77.tmp", ".zz-sudo-helper-a.previous", ".a.tmp", ".tmp", ".zz-sudo-other.tmp"]
        {
            assert!(!is_temporary(name), "{name}");
        }
        assert_eq!(of_previous(&previous("zz-sudo-helper-a")), Some("zz-sudo-helper-a"));
        for name in [".previous", "zz-sudo-helper-a.previous", ".other.previous", ".zz-sudo-helper-a"] {
            assert_eq!(of_previous(name), None, "{name}");
        }
    }
}
