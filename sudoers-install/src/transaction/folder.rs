//! /etc/sudoers.d, held open by the one run that changes it, and the files in it by name.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fsync, linkat, unlinkat};

use trusted_path::Lock;

use super::{FOLDER, path_of};
use diagnostics::Failure;

/// The file whose lock is taken; folder.sh takes the same one.
const LOCK: &str = "/run/sudoers-install.lock";
/// Largest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;
/// Most names that the folder may hold.
const MAX_NAMES: usize = 10_000;
/// Mode of a file of rules (sudoers(5)).
const MODE: u32 = 0o440;
/// How temporary files end.
pub(super) const TEMPORARY: &str = ".tmp";

/// The folder, open, and no other run at work until this is dropped.
#[derive(Debug)]
pub struct Folder {
    open: OwnedFd,
    #[expect(dead_code, reason = "the lock ends with it")]
    lock: Lock,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Present {
    /// There is none of this name.
    Absent,
    /// It is there.
    File {
        /// What it holds.
        text: String,
        /// Whether it is root:root and of mode 0440.
        proper: bool,
    },
}

/// The names in the folder, sorted by their bytes as sudo reads them.
///
/// # Errors
/// When it cannot be read, or holds more than 10 000 names.
pub fn names() -> Result<Vec<OsString>, Failure> {
    let entries = fs::read_dir(FOLDER).map_err(|error| failed(FOLDER, &error))?;
    let names: io::Result<Vec<OsString>> =
        entries.take(MAX_NAMES + 1).map(|entry| entry.map(|entry| entry.file_name())).collect();
    let mut names = names.map_err(|error| failed(FOLDER, &error))?;
    if names.len() > MAX_NAMES {
        return Err(Failure::new("folder", format!("{FOLDER} holds more than {MAX_NAMES} files")));
    }
    names.sort_unstable();
    Ok(names)
}

/// A file of the folder, whose name is one component. What is not UTF-8 is there, with other characters.
///
/// # Errors
/// When it is no regular file, cannot be read, or is larger than [`MAX_FILE`].
pub fn look(name: &str) -> Result<Present, Failure> {
    let path = path_of(name);
    let refuse = |error: &dyn std::fmt::Display| failed(&path.display().to_string(), error);
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(AT_FDCWD, &path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::ENOENT) => return Ok(Present::Absent),
        Err(errno) => return Err(refuse(&errno)),
    };
    let metadata = file.metadata().map_err(|error| refuse(&error))?;
    if !metadata.is_file() {
        return Err(refuse(&"is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| refuse(&error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(refuse(&format!("is larger than {MAX_FILE} bytes")));
    }
    let proper = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid()) == (MODE, 0, 0);
    Ok(Present::File { text: String::from_utf8_lossy(&bytes).into_owned(), proper })
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new("folder", format!("{}: {error}", diagnostics::one_line(what)))
}

impl Folder {
    /// Opens it once no other run is at work, which is waited for, for 30 s.
    ///
    /// # Errors
    /// When it is not there, when others than root may write it, and when another run does not end.
    pub fn open() -> Result<Self, Failure> {
        trusted_path::verify(Path::new(FOLDER)).map_err(|error| Failure::new("folder", error))?;
        let lock = Lock::take(Path::new(LOCK)).map_err(|error| Failure::new(error.code(), error))?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = openat(AT_FDCWD, FOLDER, flags, Mode::empty()).map_err(|errno| failed(FOLDER, &errno))?;
        Ok(Self { open, lock })
    }

    /// A file of the folder; see [`look`].
    ///
    /// # Errors
    /// As there.
    pub fn read(&self, name: &str) -> Result<Present, Failure> {
        look(name)
    }

    /// Writes the text under a name that sudo passes over.
    pub(super) fn stage(&self, name: &str, text: &str) -> Result<Staged<'_>, Failure> {
        let name = format!(".{name}.{}{TEMPORARY}", std::process::id());
        let file = self.create(&name)?;
        let staged = Staged { folder: self, name, renamed: false };
        staged
            .fill(file, text)
            .map_err(|error| failed(&path_of(&staged.name).display().to_string(), &error))?;
        Ok(staged)
    }

    fn create(&self, name: &str) -> Result<File, Failure> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let made = openat(&self.open, name, flags, Mode::S_IRUSR);
        made.map(File::from).map_err(|errno| failed(&path_of(name).display().to_string(), &errno))
    }

    /// Makes what was done in the folder durable.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        fsync(&self.open).map_err(|errno| failed(FOLDER, &errno))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        let renamed = renameat(&self.open, from, &self.open, to);
        renamed.map_err(|errno| failed(&path_of(to).display().to_string(), &errno))
    }

    /// Removes a name; one that is not there is removed already.
    pub(super) fn unlink(&self, name: &str) -> Result<(), Failure> {
        match unlinkat(&self.open, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(failed(&path_of(name).display().to_string(), &errno)),
        }
    }

    /// Gives the file a second name, or makes an empty file of that name when there is none. Durable.
    pub(super) fn link_or_mark(&self, name: &str, second: &str) -> Result<(), Failure> {
        match linkat(&self.open, name, &self.open, second, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::ENOENT) => {
                let marker = self.create(second)?;
                marker.sync_all().map_err(|error| failed(second, &error))?;
            }
            Err(errno) => return Err(failed(&path_of(second).display().to_string(), &errno)),
        }
        self.sync()
    }
}

/// A file that sudo passes over; removed when it is dropped without having been renamed.
#[derive(Debug)]
pub(super) struct Staged<'a> {
    folder: &'a Folder,
    name: String,
    renamed: bool,
}

impl Staged<'_> {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn fill(&self, mut file: File, text: &str) -> io::Result<()> {
        fchown(&file, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))?;
        fchmod(&file, Mode::from_bits_truncate(MODE))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// Puts it in the place of the file of this name.
    pub(super) fn rename(mut self, name: &str) -> Result<(), Failure> {
        self.folder.rename(&self.name, name)?;
        self.renamed = true;
        self.folder.sync()
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = self.folder.unlink(&self.name);
        }
    }
}
