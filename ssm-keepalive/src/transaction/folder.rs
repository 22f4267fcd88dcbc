//! `<unit>.d`, held open, and our one file in it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fsync, geteuid, unlinkat};

use crate::drop_in::NAME;
use crate::failure::Failure;
use crate::unit::Unit;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Most names that the folder may hold.
const MAX_NAMES: usize = 10_000;
/// Mode of the file: everybody may read how the agent is run.
const FILE_MODE: u32 = 0o644;
/// Mode of a folder that is made.
const FOLDER_MODE: u32 = 0o755;
/// How a temporary file's name ends; systemd reads `*.conf` alone.
const TEMPORARY: &str = ".tmp";
const OPEN_FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// A unit's folder of drop-ins.
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
        let name = format!("{unit}.d");
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
        if let Some(found) = Self::find(parent, shown, unit)? {
            return Ok(found);
        }
        let name = format!("{unit}.d");
        let path = shown.join(&name);
        let mode = Mode::from_bits_truncate(FOLDER_MODE);
        mkdirat(parent, name.as_str(), mode).map_err(|errno| failed(&path, &errno))?;
        let gone = || failed(&path, &"somebody has removed it meanwhile");
        let made = Self::find(parent, shown, unit)?.ok_or_else(gone)?;
        // The umask may have taken away what systemd's other tools need.
        fchmod(&made.open, mode).and_then(|()| fsync(parent)).map_err(|errno| failed(&path, &errno))?;
        Ok(made)
    }

    /// Where our file is, or would be.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.path.join(NAME)
    }

    /// The bytes of our file; `None` when there is none.
    ///
    /// # Errors
    /// `foreign-file` when it is no regular file; `folder` when it cannot be read.
    pub fn read(&self) -> Result<Option<Vec<u8>>, Failure> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let refuse = |error: &dyn std::fmt::Display| failed(&self.file(), error);
        let foreign = |why: &str| Failure::new("foreign-file", failed(&self.file(), &why).error);
        let file = match openat(&self.open, NAME, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(foreign("it is a link, and it is left alone")),
            Err(errno) => return Err(refuse(&errno)),
        };
        if !file.metadata().map_err(|error| refuse(&error))?.is_file() {
            return Err(foreign("it is no regular file, and it is left alone"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| refuse(&error))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(foreign("it is larger than 1 MiB, and it is left alone"));
        }
        Ok(Some(bytes))
    }

    /// Has our file hold these bytes, or be gone: whole, at once, and durable.
    ///
    /// # Errors
    /// `folder` when a step fails; our file is as it was then, or whole and not durable.
    pub fn set(&self, bytes: Option<&[u8]>) -> Result<(), Failure> {
        let done = match bytes {
            None => match unlinkat(&self.open, NAME, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => Ok(()),
                Err(errno) => Err(io::Error::from(errno)),
            },
            Some(bytes) => self.replace(bytes),
        };
        done.and_then(|()| Ok(fsync(&self.open)?)).map_err(|error| failed(&self.file(), &error))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let temporary = format!(".{NAME}.{}{TEMPORARY}", std::process::id());
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(&self.open, temporary.as_str(), flags, Mode::S_IRUSR)?);
        let written =
            fill(file, bytes).and_then(|()| Ok(renameat(&self.open, temporary.as_str(), &self.open, NAME)?));
        if written.is_err() {
            let _ = unlinkat(&self.open, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        written
    }

    /// Removes the temporary files of runs that were killed.
    ///
    /// # Errors
    /// `folder` when it cannot be read or changed, or holds more than 10 000 names.
    pub fn sweep(&self) -> Result<(), Failure> {
        let refuse = |errno: Errno| failed(&self.path, &errno);
        let mut dir = Dir::openat(&self.open, ".", OPEN_FOLDER, Mode::empty()).map_err(refuse)?;
        for (count, entry) in dir.iter().enumerate() {
            let entry = entry.map_err(refuse)?;
            if count >= MAX_NAMES {
                return Err(failed(&self.path, &format!("it holds more than {MAX_NAMES} names")));
            }
            if is_temporary(entry.file_name().to_bytes()) {
                unlinkat(&self.open, entry.file_name(), UnlinkatFlags::NoRemoveDir).map_err(refuse)?;
            }
        }
        Ok(())
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

fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    // Who builds an image may be somebody else than root.
    if geteuid().is_root() {
        fchown(&file, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))?;
    }
    fchmod(&file, Mode::from_bits_truncate(FILE_MODE))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn is_temporary(name: &[u8]) -> bool {
    let number = std::str::from_utf8(name)
        .ok()
        .and_then(|name| name.strip_prefix('.')?.strip_prefix(NAME)?.strip_prefix('.'))
        .and_then(|rest| rest.strip_suffix(TEMPORARY));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new("folder", format!("{}: {error}", diagnostics::one_line(&path.display().to_string())))
}

#[cfg(test)]
mod tests {
    use std::fs;
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
        folder.set(Some(b"one")).expect("set");
        folder.set(Some(b"two")).expect("set");
        assert_eq!(folder.read(), Ok(Some(b"two".to_vec())));
        let mode = fs::metadata(folder.file()).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, FILE_MODE);
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
