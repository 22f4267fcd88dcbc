//! Where an inventory comes from.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Fault, InventoryError, reading};

/// Where the user's own inventory is, below the folder for settings (XDG base directory specification).
const DEFAULT_FILES: [&str; 2] = ["agent-utilities/inventory.yaml", "agent-utilities/inventory.yml"];

/// Folders beside an inventory of Ansible's from which Ansible takes variables too.
const VARIABLES: [&str; 2] = ["group_vars", "host_vars"];

/// Where an inventory comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of YAML, or of JSON as `ansible-inventory --list` prints it.
    File(PathBuf),
    /// `--inventory -`: the same on standard input.
    Stdin,
}

impl Source {
    /// The user's own inventory: `agent-utilities/inventory.yaml` or `.yml` below
    /// `$XDG_CONFIG_HOME` or `~/.config`.
    ///
    /// # Errors
    /// When there is neither, or both.
    pub fn default_file() -> Result<Self, InventoryError> {
        let settings = settings_folder(env::var_os("XDG_CONFIG_HOME"), env::var_os("HOME"))?;
        default_below(&settings)
    }

    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => diagnostics::one_line(&path.to_string_lossy()),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// All of it.
    pub(super) fn read(&self) -> Result<String, InventoryError> {
        let text = match self {
            Self::File(path) => reading::file(path),
            Self::Stdin => reading::text(std::io::stdin().lock()),
        };
        text.map_err(|fault: Fault| InventoryError::in_file(&self.name(), fault))
    }

    /// Variables in other files could name other hosts and logins than the inventory does by itself.
    pub(super) fn refuse_variables_beside(&self) -> Result<(), InventoryError> {
        let Self::File(path) = self else { return Ok(()) };
        let there = |name: &&&str| path.with_file_name(name).is_dir();
        let Some(name) = VARIABLES.iter().find(there) else { return Ok(()) };
        let what = format!(
            "the folder {name} beside it is not read here; run \
             'ansible-inventory -i FILE --list | sudoers-install cluster --inventory -'"
        );
        Err(InventoryError::in_file(&self.name(), Fault { line: None, what }))
    }
}

/// A relative `$XDG_CONFIG_HOME` does not count (XDG base directory specification).
fn settings_folder(xdg: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, InventoryError> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    xdg.and_then(absolute)
        .or_else(|| home.and_then(absolute).map(|home| home.join(".config")))
        .ok_or_else(|| InventoryError::new("$HOME names no folder; name the inventory with --inventory FILE"))
}

fn default_below(settings: &Path) -> Result<Source, InventoryError> {
    let there = |name: &&str| settings.join(name).symlink_metadata().is_ok();
    let folder = diagnostics::one_line(&settings.to_string_lossy());
    match DEFAULT_FILES.iter().filter(|name| there(name)).collect::<Vec<_>>()[..] {
        [name] => Ok(Source::File(settings.join(name))),
        [] => Err(InventoryError::new(format!(
            "there is no {folder}/{}; write one, or name the inventory with --inventory FILE",
            DEFAULT_FILES[0]
        ))),
        _ => Err(InventoryError::new(format!(
            "both {folder}/{} and {folder}/{} are there; remove one, or name one with --inventory FILE",
            DEFAULT_FILES[0], DEFAULT_FILES[1]
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_where_the_specification_says() {
        for (xdg, home, expected) in [
            (Some("/x"), Some("/h"), Some("/x")),
            (Some("x"), Some("/h"), Some("/h/.config")),
            (Some(""), Some("/h"), Some("/h/.config")),
            (None, Some("/h"), Some("/h/.config")),
            (None, Some("h"), None),
            (None, None, None),
        ] {
            let folder = settings_folder(xdg.map(OsString::from), home.map(OsString::from)).ok();
            assert_eq!(folder, expected.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }

    #[test]
    fn one_default_file_is_taken_and_two_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = default_below(folder.path()).expect_err("none").to_string();
        assert!(none.contains("/agent-utilities/inventory.yaml; write one"), "{none}");
        std::fs::create_dir(folder.path().join("agent-utilities")).expect("made");
        let yml = folder.path().join("agent-utilities/inventory.yml");
        std::fs::write(&yml, "").expect("written");
        assert_eq!(default_below(folder.path()), Ok(Source::File(yml)));
        std::fs::write(folder.path().join("agent-utilities/inventory.yaml"), "").expect("written");
        let both = default_below(folder.path()).expect_err("both").to_string();
        assert!(both.starts_with("both "), "{both}");
    }
}
