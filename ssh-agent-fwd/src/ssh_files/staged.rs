//! A file's next text, on the disk but without its name: what can fail for want of space has failed before the first
//! file is changed.

use std::fs::File;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::home::SshFolder;

const OWNER_ALONE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// A new file beside the one that it is to replace; dropped, it is gone.
pub(super) struct Staged<'a> {
    folder: &'a SshFolder,
    name: &'static str,
}

/// One name for each file, since the home is locked: what a process that was killed has left is found again.
fn aside(name: &str) -> String {
    format!(".{name}.ssh-agent-fwd")
}

/// Takes away what a process that was killed has left.
pub(super) fn sweep(folder: &SshFolder, name: &str) {
    let _ = unlinkat(folder, aside(name).as_str(), UnlinkatFlags::NoRemoveDir);
}

impl<'a> Staged<'a> {
    /// Writes the text beside the file of this name, mode 0600.
    ///
    /// # Errors
    /// Those of openat(2), write(2) and fsync(2).
    pub(super) fn write(folder: &'a SshFolder, name: &'static str, text: &[u8]) -> io::Result<Self> {
        sweep(folder, name);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(folder, aside(name).as_str(), flags, OWNER_ALONE)?);
        let staged = Self { folder, name };
        fchmod(&file, OWNER_ALONE)?;
        file.write_all(text)?;
        file.sync_all()?;
        Ok(staged)
    }

    /// The file that it is to replace.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Puts it in the place of the file: whoever reads that finds the old one or the new one, whole.
    ///
    /// # Errors
    /// Those of renameat(2).
    pub(super) fn take_place(self) -> Result<(), Errno> {
        renameat(self.folder, aside(self.name).as_str(), self.folder, self.name)
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        sweep(self.folder, self.name);
    }
}
