//! A file of ours by its name, in a folder that is held open.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fsync, geteuid, unlinkat};

use diagnostics::Failure;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Most names that the folder may hold.
const MAX_NAMES: usize = 10_000;
/// Mode of what everybody may read: how the agent is run.
pub const PUBLIC: u32 = 0o644;
/// Mode of what is root's alone.
const PRIVATE: u32 = 0o600;
/// The bits of a mode that chmod(2) takes.
pub const PERMISSIONS: u32 = 0o7777;
/// How a temporary file's name ends; systemd reads none of that name.
const TEMPORARY: &str = ".tmp";

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Its permissions, as chmod(2) takes them.
    pub mode: u32,
    /// Whose it is.
    pub owner: u32,
}

impl Contents {
    /// What everybody may read.
    #[must_use]
    pub fn public(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), mode: PUBLIC, owner: 0 }
    }

    /// What is root's alone.
    #[must_use]
    pub fn private(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), mode: PRIVATE, owner: 0 }
    }
}

/// A file, or the place for one.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    folder: &'a OwnedFd,
    shown: &'a Path,
    name: &'a str,
}

impl<'a> Entry<'a> {
    /// The file of this name in a folder, which is shown by its path.
    #[must_use]
    pub fn new(folder: &'a OwnedFd, shown: &'a Path, name: &'a str) -> Self {
        Self { folder, shown, name }
    }

    /// Where it is, or would be.
    #[must_use]
    pub fn path(self) -> PathBuf {
        self.shown.join(self.name)
    }

    /// What it is; `None` when there is none.
    ///
    /// # Errors
    /// `foreign-file` when it is no regular file; `folder` when it cannot be read.
    pub fn read(self) -> Result<Option<Contents>, Failure> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let refuse = |error: &dyn Display| failed(&self.path(), error);
        let foreign = |why: &str| Failure::new("foreign-file", failed(&self.path(), &why).error);
        let file = match openat(self.folder, self.name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(foreign("it is a link, and it is left alone")),
            Err(errno) => return Err(refuse(&errno)),
        };
        let metadata = file.metadata().map_err(|error| refuse(&error))?;
        if !metadata.is_file() {
            return Err(foreign("it is no regular file, and it is left alone"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| refuse(&error))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(foreign("it is larger than 1 MiB, and it is left alone"));
        }
        Ok(Some(Contents { bytes, mode: metadata.mode() & PERMISSIONS, owner: metadata.uid() }))
    }

    /// Has it be this file, of root's, or be gone: whole, at once, and durable.
    ///
    /// # Errors
    /// `folder` when a step fails; it is as it was then, or whole and not durable.
    pub fn set(self, contents: Option<&Contents>) -> Result<(), Failure> {
        let done = match contents {
            None => match unlinkat(self.folder, self.name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => Ok(()),
                Err(errno) => Err(io::Error::from(errno)),
            },
            Some(contents) => self.replace(contents),
        };
        done.and_then(|()| Ok(fsync(self.folder)?)).map_err(|error| failed(&self.path(), &error))
    }

    fn replace(self, contents: &Contents) -> io::Result<()> {
        let temporary = format!(".{}.{}{TEMPORARY}", self.name, std::process::id());
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(self.folder, temporary.as_str(), flags, Mode::S_IRUSR)?);
        let written = fill(file, contents)
            .and_then(|()| Ok(renameat(self.folder, temporary.as_str(), self.folder, self.name)?));
        if written.is_err() {
            let _ = unlinkat(self.folder, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        written
    }

    /// Removes the temporary files of runs that were killed.
    ///
    /// # Errors
    /// `folder` when it cannot be read or changed, or holds more than 10 000 names.
    pub fn sweep(self) -> Result<(), Failure> {
        let refuse = |errno: Errno| failed(self.shown, &errno);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = Dir::openat(self.folder, ".", flags, Mode::empty()).map_err(refuse)?;
        for (count, entry) in dir.iter().enumerate() {
            let entry = entry.map_err(refuse)?;
            if count >= MAX_NAMES {
                return Err(failed(self.shown, &format!("it holds more than {MAX_NAMES} names")));
            }
            if self.is_temporary(entry.file_name().to_bytes()) {
                unlinkat(self.folder, entry.file_name(), UnlinkatFlags::NoRemoveDir).map_err(refuse)?;
            }
        }
        Ok(())
    }

    fn is_temporary(self, name: &[u8]) -> bool {
        let number = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.strip_prefix('.')?.strip_prefix(self.name)?.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(TEMPORARY));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

fn fill(mut file: File, contents: &Contents) -> io::Result<()> {
    let metadata = file.metadata()?;
    // Who builds an image may be somebody else than root.
    if geteuid().is_root() && (metadata.uid(), metadata.gid()) != (0, 0) {
        fchown(&file, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))?;
    }
    fchmod(&file, Mode::from_bits_truncate(contents.mode))?;
    file.write_all(&contents.bytes)?;
    file.sync_all()
}

/// That a step failed, with the path that it was for.
pub(super) fn failed(path: &Path, error: &dyn Display) -> Failure {
    Failure::new("folder", format!("{}: {error}", diagnostics::one_line(&path.display().to_string())))
}
