//! A file of rules comes into /etc/sudoers.d whole and with effect, or everything stays as it was.
//!
//! The new text is written under a name that sudo passes over (one with a dot), examined there, and
//! renamed. Before that `.NAME.previous` is made: the old file under a second name, or an empty file where
//! there was none. While it stands, the new rule is valid and not proven yet; it goes when the rule is
//! proven, and whoever finds it after a run was killed proves the rule again or puts the old state back.

mod folder;
mod intent;
mod pending;

use std::path::{Path, PathBuf};

use supervise::HeldSignals;

use crate::drop_in::DropIn;
use crate::legacy::Legacy;
use crate::proof::{Effect, confirm};
use crate::visudo::{Visudo, added};
use diagnostics::Failure;

pub use folder::{Folder, MAX_FILE, Present, look, names};
pub use pending::{Pending, Recovered, leftovers, pending};

/// Where the files of rules are.
pub const FOLDER: &str = "/etc/sudoers.d";
/// How the names of this program's files begin.
pub const PREFIXES: [&str; 2] = ["zz-sudo-helper-", "zz-sudo-commands-"];

/// Has what would stop this half-way wait.
fn held_signals() -> Result<HeldSignals, Failure> {
    HeldSignals::hold().map_err(|error| Failure::new("signals", format!("sigprocmask: {error}")))
}

/// What an installation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Whether a file was written.
    pub changed: bool,
    /// How it is known that the rule has effect.
    pub effect: Effect,
    /// What visudo had to say against the configuration before and still has.
    pub complaints: Vec<String>,
    /// Files of systems-manager-helper that were removed.
    pub removed: Vec<PathBuf>,
}

/// How a file would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is none yet.
    New,
    /// There is another one, written by this program.
    Changed,
    /// It is there already, word for word.
    Same,
}

impl Change {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Same => "already so",
        }
    }
}

/// How installing it would change the folder.
///
/// # Errors
/// `foreign-file` when the file that is there was not written by this program, or was changed since.
pub fn change(present: &Present, drop_in: &DropIn) -> Result<Change, Failure> {
    let Present::File { text, proper } = present else { return Ok(Change::New) };
    let name = drop_in.file_name();
    match DropIn::of_file(&name, text) {
        Some(there) if there == *drop_in && *proper => Ok(Change::Same),
        Some(there) if there.user == drop_in.user => Ok(Change::Changed),
        None if drop_in.is_bare(text) => Ok(Change::Changed),
        _ => {
            let error = format!(
                "{} is there and is not what this program writes for '{}': move it away, or remove it",
                path_of(&name).display(),
                drop_in.user.escape_debug()
            );
            Err(Failure::new("foreign-file", error))
        }
    }
}

/// The path of a file in the folder.
#[must_use]
pub fn path_of(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

impl Folder {
    /// Puts the file in place and makes sure that it has effect; then removes `legacy`, which it replaces.
    ///
    /// # Errors
    /// When any of it fails; the file that was there before is then there again, or none if there was none.
    pub fn install(&self, drop_in: &DropIn, legacy: &[Legacy]) -> Result<Installed, Failure> {
        let name = drop_in.file_name();
        let path = path_of(&name);
        let visudo = Visudo::find()?;
        let before = visudo.check_all()?;
        let changed = change(&self.read(&name)?, drop_in)? != Change::Same;
        let effect = if changed {
            self.replace(&name, drop_in, &visudo, &before)?
        } else {
            confirm(drop_in, &path).map_err(|failure| {
                Failure::new(failure.code, format!("{} is in place already, but {failure}", path.display()))
            })?
        };
        let removed = self.remove_legacy(legacy)?;
        Ok(Installed { changed, effect, complaints: before, removed })
    }

    fn replace(
        &self,
        name: &str,
        drop_in: &DropIn,
        visudo: &Visudo,
        before: &[String],
    ) -> Result<Effect, Failure> {
        let staged = self.stage(name, &drop_in.render())?;
        visudo.check_file(&path_of(staged.name()))?;
        intent::compare(&path_of(staged.name()), &self.read(staged.name())?, drop_in)?;
        // Nobody stops this half-way: a signal counts once the new rule is proven or the old one is back.
        let _held = held_signals()?;
        if let Err(failure) = self.keep_previous(name) {
            let _ = self.drop_previous(name);
            return Err(failure);
        }
        let installed = staged.rename(name).and_then(|()| {
            let after = visudo.check_all()?;
            blame(before, &after)?;
            confirm(drop_in, &path_of(name))
        });
        match installed {
            Ok(effect) => self.drop_previous(name).map(|()| effect),
            Err(failure) => Err(self.revert(name).err().map_or(failure.clone(), |worse| {
                Failure::new(
                    "not-reverted",
                    format!("{failure}; and putting the old state back failed: {worse}"),
                )
            })),
        }
    }

    fn remove_legacy(&self, legacy: &[Legacy]) -> Result<Vec<PathBuf>, Failure> {
        let mut removed = Vec::new();
        for old in legacy {
            let Some(name) = old.path.file_name().and_then(std::ffi::OsStr::to_str) else { continue };
            self.unlink(name)?;
            removed.push(old.path.clone());
        }
        if !removed.is_empty() {
            self.sync()?;
        }
        Ok(removed)
    }

    /// Removes a file of this program's.
    ///
    /// # Errors
    /// Those of unlinkat(2) and fsync(2).
    pub fn remove(&self, name: &str) -> Result<(), Failure> {
        self.unlink(name)?;
        self.sync()
    }
}

/// What others have done wrong is theirs; what is new since our file is there is ours.
fn blame(before: &[String], after: &[String]) -> Result<(), Failure> {
    match added(before, after).as_slice() {
        [] => Ok(()),
        lines => {
            Err(Failure::new("invalid-configuration", format!("with it visudo says: {}", lines.join("; "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::CommandLine;
    use crate::drop_in::Grant;

    #[test]
    fn how_it_would_change() {
        let drop_in = |path: &str| DropIn {
            uid: 1001,
            user: "ai-agent".into(),
            token: "ai-agent".into(),
            grant: Grant::Helper(path.into()),
        };
        let (ours, other) = (drop_in("/usr/bin/sudo-helper"), drop_in("/usr/local/bin/sudo-helper"));
        let commands = DropIn {
            grant: Grant::Commands(vec![CommandLine::parse("/usr/bin/true").expect("one")]),
            ..ours.clone()
        };
        let another = DropIn { user: "someone".into(), token: "someone".into(), ..ours.clone() };
        let file = |text: String, proper| Present::File { text, proper };
        for (present, expected) in [
            (Present::Absent, Some(Change::New)),
            (file(ours.render(), true), Some(Change::Same)),
            (file(ours.render(), false), Some(Change::Changed)),
            (file(other.render(), true), Some(Change::Changed)),
            (file(another.render(), true), None),
            (file(commands.render(), true), None),
            (file("ai-agent ALL=(ALL) ALL\n".into(), true), None),
            // Pasted by hand: the line alone.
            (
                file("ai-agent ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n".into(), true),
                Some(Change::Changed),
            ),
            (file("# mine\nai-agent ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n".into(), true), None),
            (file("ai-agent ALL=(root) NOPASSWD: /usr/bin/id\n".into(), true), None),
            (file(ours.render() + "# a word\n", true), None),
            (file(String::new(), true), None),
        ] {
            assert_eq!(change(&present, &ours).ok(), expected, "{present:?}");
        }
    }

    #[test]
    fn only_new_complaints_are_ours() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(blame(&lines(&["a"]), &lines(&["a"])), Ok(()));
        assert_eq!(blame(&lines(&["a"]), &[]), Ok(()));
        let failure = blame(&lines(&["a"]), &lines(&["a", "b"])).expect_err("new");
        assert_eq!(failure.error, "with it visudo says: b");
    }
}
