//! `<unit>.d`, held open, and our one file in it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::entry::{Contents, Entry, failed};
use crate::drop_in::NAME;
use crate::unit::Unit;
use diagnostics::Failure;

/// Mode of a folder that is made.
const FOLDER_MODE: u32 = 0o755;
const OPEN_FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// A unit's folder of drop-ins, or of what it wants.
#[derive(Debug)]
pub struct Folder {
    open: OwnedFd,
    parent: OwnedFd,
    name: String,
    path: PathBuf,
}

impl Folder {
    /// Opens the unit's folder in this one; `None` when there is none.
    ///
    /// # Errors
    /// `folder` when it cannot be opened, or is a link.
    pub fn find(parent: &OwnedFd, shown: &Path, unit: &Unit) -> Result<Option<Self>, Failure> {
        Self::find_named(parent, shown, format!("{unit}.d"))
    }

    /// Opens a folder of units by its name; `None` when there is none.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn find_named(parent: &OwnedFd, shown: &Path, name: String) -> Result<Option<Self>, Failure> {
        let path = shown.join(&name);
        let refuse = |errno: Errno| match errno {
            Errno::ELOOP | Errno::ENOTDIR => failed(&path, &"it is no folder, and it is left alone"),
            errno => failed(&path, &errno),
        };
        let open = match openat(parent, name.as_str(), OPEN_FOLDER, Mode::empty()) {
            Ok(open) => open,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(refuse(errno)),
        };
        let parent = parent.try_clone().map_err(|error| failed(shown, &error))?;
        Ok(Some(Self { open, parent, name, path }))
    }

    /// Opens the unit's folder in this one, or makes it.
    ///
    /// # Errors
    /// `folder` when it can be neither.
    pub fn make(parent: &OwnedFd, shown: &Path, unit: &Unit) -> Result<Self, Failure> {
        Self::make_named(parent, shown, format!("{unit}.d"))
    }

    /// Opens a folder of units by its name, or makes it.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub fn make_named(parent: &OwnedFd, shown: &Path, name: String) -> Result<Self, Failure> {
        if let Some(found) = Self::find_named(parent, shown, name.clone())? {
            return Ok(found);
        }
        let path = shown.join(&name);
        let mode = Mode::from_bits_truncate(FOLDER_MODE);
        mkdirat(parent, name.as_str(), mode).map_err(|errno| failed(&path, &errno))?;
        let gone = || failed(&path, &"somebody has removed it meanwhile");
        let made = Self::find_named(parent, shown, name)?.ok_or_else(gone)?;
        // The umask may have taken away what systemd's other tools need.
        fchmod(&made.open, mode).and_then(|()| fsync(parent)).map_err(|errno| failed(&path, &errno))?;
        Ok(made)
    }

    /// Where our file is, or would be.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path.join(NAME)
    }

    /// The folder, open.
    #[must_use]
    pub fn open(&self) -> &OwnedFd {
        &self.open
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn entry(&self) -> Entry<'_> {
        Entry::new(&self.open, &self.path, NAME)
    }

    /// Our file; `None` when there is none.
    ///
    /// # Errors
    /// As [`Entry::read`].
    pub fn read(&self) -> Result<Option<Contents>, Failure> {
        self.entry().read()
    }

    /// Has our file be this one, or be gone: whole, at once, and durable.
    ///
    /// # Errors
    /// As [`Entry::set`].
    pub fn set(&self, contents: Option<&Contents>) -> Result<(), Failure> {
        self.entry().set(contents)
    }

    /// Removes the temporary files of runs that were killed.
    ///
    /// # Errors
    /// As [`Entry::sweep`].
    pub fn sweep(&self) -> Result<(), Failure> {
        self.entry().sweep()
    }

    /// Removes the folder, if it holds nothing. Whether it did.
    ///
    /// # Errors
    /// `folder` when it cannot be removed for another reason.
    pub fn remove_if_empty(&self) -> Result<bool, Failure> {
        match unlinkat(&self.parent, self.name.as_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) => fsync(self.parent.as_fd()).map(|()| true).map_err(|errno| failed(&self.path, &errno)),
            // The last of a folder that something is mounted on.
            Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOENT | Errno::EBUSY) => Ok(false),
            Err(errno) => Err(failed(&self.path, &errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn parent() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().expect("a folder");
        let open = File::open(folder.path()).expect("open").into();
        (folder, open)
    }

    fn unit() -> Unit {
        Unit::PACKAGE.parse().expect("a unit")
    }

    #[test]
    fn the_file_comes_whole_and_goes_with_its_folder() {
        let (place, open) = parent();
        assert!(Folder::find(&open, place.path(), &unit()).expect("looked").is_none());
        let folder = Folder::make(&open, place.path(), &unit()).expect("made");
        assert_eq!(folder.read(), Ok(None));
        folder.set(Some(&Contents::private("one"))).expect("set");
        folder.set(Some(&Contents::public("two"))).expect("set");
        let read = folder.read().expect("read").expect("there");
        assert_eq!((read.bytes.as_slice(), read.mode), (b"two".as_slice(), 0o644));
        let mode = fs::metadata(folder.file()).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        assert_eq!(fs::read_dir(&folder.path).expect("read").count(), 1);
        assert_eq!(folder.remove_if_empty(), Ok(false));
        folder.set(None).expect("set");
        assert_eq!(folder.set(None), Ok(()));
        assert_eq!(folder.remove_if_empty(), Ok(true));
        assert!(!folder.path.exists());
    }

    #[test]
    fn links_are_left_alone() {
        let (place, open) = parent();
        let folder = Folder::make(&open, place.path(), &unit()).expect("made");
        symlink("/dev/null", folder.file()).expect("linked");
        assert_eq!(folder.read().map_err(|failure| failure.code), Err("foreign-file"));
        fs::remove_dir_all(&folder.path).expect("removed");
        symlink("/etc", &folder.path).expect("linked");
        let found = Folder::find(&open, place.path(), &unit());
        assert_eq!(found.map_err(|failure| failure.code).err(), Some("folder"));
    }

    #[test]
    fn only_temporary_files_of_ours_are_swept() {
        let (place, open) = parent();
        let folder = Folder::make(&open, place.path(), &unit()).expect("made");
        let others =
            [".restart.conf.tmp", ".restart.conf.x.tmp", "restart.conf.7.tmp", ".a.7.tmp", "override.conf"];
        for name in others.iter().chain(&[".restart.conf.7.tmp"]) {
            fs::write(folder.path.join(name), "").expect("written");
        }
        folder.sweep().expect("swept");
        assert!(others.iter().all(|name| folder.path.join(name).exists()));
        assert!(!folder.path.join(".restart.conf.7.tmp").exists());
    }
}
