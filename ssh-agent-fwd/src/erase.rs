//! The file of a key, erased once it is not needed any more: that file and no other, and what cannot be promised of it
//! is said.

mod medium;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use diagnostics::{Failure, one_line};
use nix::fcntl::OFlag;
use nix::unistd::{UnlinkatFlags, unlinkat};
use trusted_path::{Named, PathError};

use crate::manifest::MAX_KEY;
use medium::Medium;

/// The file that a key was read from. It is held open, so that no other file can get its inode.
#[derive(Debug)]
pub struct KeyFile {
    place: Named,
    read: File,
    identity: Identity,
}

/// Which file it is, and that its content is what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl KeyFile {
    /// The file that was opened at this place, as it was when it was opened.
    pub(crate) fn of(place: Named, read: File, metadata: &Metadata) -> Self {
        Self { place, read, identity: Identity::of(metadata) }
    }

    /// Overwrites the file, and takes its name away. What of it may be left all the same is said, a sentence each; so
    /// is that it was gone already: two entries may name one file.
    ///
    /// # Errors
    /// `key-changed` when another file has the name by now, or another content: nothing is done to it. `key-not-erased`
    /// when a step fails; the file may be overwritten then, and still have its name.
    pub fn erase(self) -> Result<Vec<String>, Failure> {
        let shown = one_line(&self.place.path.to_string_lossy());
        let not_erased = |error: &dyn std::fmt::Display| {
            let error = one_line(&error.to_string());
            Failure::new(
                "key-not-erased",
                format!("the key {shown} is not erased: {error}; remove it yourself"),
            )
        };
        // First without writing: on overlayfs a file that is opened to be written is copied.
        let Some(_there) = self.examine(OFlag::O_RDONLY, &shown)? else { return Ok(vec![gone(&shown)]) };
        let medium = Medium::of(&self.read).map_err(|error| not_erased(&error))?;
        let Some(file) = self.examine(OFlag::O_WRONLY, &shown)? else { return Ok(vec![gone(&shown)]) };
        overwrite(&file, self.identity.size).map_err(|error| not_erased(&error))?;
        unlinkat(&self.place.folder, self.place.name.as_os_str(), UnlinkatFlags::NoRemoveDir)
            .map_err(|errno| not_erased(&errno))?;
        self.place.sync_folder().map_err(|error| not_erased(&error))?;
        Ok(medium.warning().map(|why| format!("the key {shown} is erased, but {why}")).into_iter().collect())
    }

    /// What has the name now, if it is the file that was read; `None` when nothing has it.
    fn examine(&self, access: OFlag, shown: &str) -> Result<Option<File>, Failure> {
        let changed = |why: &str| {
            let why = one_line(why);
            Failure::new("key-changed", format!("the key {shown} is not erased: {why}; look at it yourself"))
        };
        let file = match self.place.open_existing(access) {
            Ok(file) => file,
            Err(PathError::Call(_, error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(changed(&error.to_string())),
        };
        let metadata = file.metadata().map_err(|error| changed(&error.to_string()))?;
        if Identity::of(&metadata) != self.identity {
            return Err(changed("another file is there by now, or another content than was loaded"));
        }
        if metadata.nlink() != 1 {
            return Err(changed("it has got another name since it was read"));
        }
        Ok(Some(file))
    }
}

fn gone(shown: &str) -> String {
    format!("the key {shown} was gone before it could be erased: if it was moved, it is still there")
}

/// Its content becomes zeros, on the disk, as far as the file system lets it: where it was.
fn overwrite(file: &File, size: u64) -> io::Result<()> {
    let zeros = [0; MAX_KEY];
    let size = usize::try_from(size).unwrap_or(MAX_KEY).min(MAX_KEY);
    file.write_all_at(&zeros[..size], 0)?;
    file.sync_all()
}
