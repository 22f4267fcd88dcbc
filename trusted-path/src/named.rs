//! A name in a folder that is held open.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat};

use crate::error::PathError;
use crate::walk::WRITABLE_BY_OTHERS;

/// A name in a folder that is held open.
#[derive(Debug)]
pub struct Named {
    /// The folder.
    pub folder: OwnedFd,
    /// The last component.
    pub name: OsString,
    /// The whole path, for messages.
    pub path: PathBuf,
    /// Whether other users may add names to the folder, but not take away ours.
    pub sticky: bool,
    /// Whether the last component may not be a symbolic link.
    pub no_follow: bool,
    /// Whether the path was examined: the file must be root's too.
    pub trusted: bool,
}

impl Named {
    /// Opens the file, or makes it with `mode` (less the umask) when it is not there. An existing
    /// file is never opened with O_CREAT: in a sticky folder that fails for another's file
    /// (fs.protected_regular). Returns whether it was made.
    ///
    /// # Errors
    /// Those of openat(2), and when the file is not root's although it must be.
    pub fn open(&self, access: OFlag, mode: u32) -> Result<(File, bool), PathError> {
        let call = |errno: Errno| PathError::Call(self.path.clone(), errno.into());
        match self.open_existing(access) {
            Err(PathError::Call(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                let create = self.flags(access) | OFlag::O_CREAT | OFlag::O_EXCL;
                let fd = openat(&self.folder, self.name.as_os_str(), create, Mode::from_bits_truncate(mode));
                fd.map(|fd| (File::from(fd), true)).map_err(call)
            }
            other => other.map(|file| (file, false)),
        }
    }

    fn flags(&self, access: OFlag) -> OFlag {
        let no_follow = if self.no_follow { OFlag::O_NOFOLLOW } else { OFlag::empty() };
        access | no_follow | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK
    }

    /// Opens the file, which must be there.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_existing(&self, access: OFlag) -> Result<File, PathError> {
        match openat(&self.folder, self.name.as_os_str(), self.flags(access), Mode::empty()) {
            Ok(fd) => {
                let file = File::from(fd);
                self.examine(&file)?;
                Ok(file)
            }
            Err(Errno::ELOOP) => {
                Err(PathError::Untrusted(self.path.clone(), "is a symbolic link, which is not followed here"))
            }
            // fifo(7): opening for writing without a reader fails like this when O_NONBLOCK is set.
            Err(Errno::ENXIO) => Err(PathError::NoReader(self.path.clone())),
            Err(errno) => Err(PathError::Call(self.path.clone(), errno.into())),
        }
    }

    fn examine(&self, file: &File) -> Result<(), PathError> {
        let metadata = file.metadata().map_err(|error| PathError::Call(self.path.clone(), error))?;
        let refuse = |why| Err(PathError::Untrusted(self.path.clone(), why));
        if metadata.is_dir() {
            return Err(PathError::NoName(self.path.clone()));
        }
        if !self.trusted {
            return Ok(());
        }
        match (metadata.is_file(), self.sticky) {
            (false, true) => refuse("is not a regular file, in a folder that everybody can write"),
            (false, false) => Ok(()),
            (true, _) => self.examine_owner(metadata.uid(), metadata.mode()).and_then(|()| {
                if self.sticky && metadata.nlink() != 1 {
                    return refuse("has another name, in a folder that everybody can write");
                }
                Ok(())
            }),
        }
    }

    fn examine_owner(&self, uid: u32, mode: u32) -> Result<(), PathError> {
        let refuse = |why| Err(PathError::Untrusted(self.path.clone(), why));
        match uid {
            0 if mode & WRITABLE_BY_OTHERS == 0 => Ok(()),
            0 => refuse("can be written by others than root"),
            _ => refuse("does not belong to root"),
        }
    }

    /// Where the symbolic link leads that has this name; `None` when it is none, and is root's alone.
    ///
    /// # Errors
    /// Those of readlinkat(2), and when another user than root can change it.
    pub(crate) fn link(&self) -> Result<Option<PathBuf>, PathError> {
        let call = |errno: Errno| PathError::Call(self.path.clone(), errno.into());
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let entry = openat(&self.folder, self.name.as_os_str(), flags, Mode::empty()).map_err(call)?;
        let stat = fstat(&entry).map_err(call)?;
        if SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) != SFlag::S_IFLNK {
            return self.examine_owner(stat.st_uid, stat.st_mode).map(|()| None);
        }
        if stat.st_uid != 0 {
            return Err(PathError::Untrusted(self.path.clone(), "is a symbolic link that is not root's"));
        }
        readlinkat(&entry, "").map(|target| Some(target.into())).map_err(call)
    }

    /// Makes a new file beside this one that nobody else can open, under a name of its own.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn beside(&self) -> io::Result<(File, OsString)> {
        const ATTEMPTS: u32 = 100;
        for attempt in 0..ATTEMPTS {
            let name = self.temporary_name(attempt);
            let flags =
                OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
            match openat(&self.folder, name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
                // Left by a run of the same pid that was killed.
                Err(Errno::EEXIST) => {}
                other => return other.map(|fd| (File::from(fd), name)).map_err(io::Error::from),
            }
        }
        Err(Errno::EEXIST.into())
    }

    fn temporary_name(&self, attempt: u32) -> OsString {
        // NAME_MAX is 255 bytes: a long name is cut.
        let stem = &self.name.as_bytes()[..self.name.len().min(200)];
        let mut name = OsString::from(".");
        name.push(OsStr::from_bytes(stem));
        name.push(format!(".{}-{attempt}.tmp", std::process::id()));
        name
    }

    /// Makes what was done in the folder durable.
    ///
    /// # Errors
    /// Those of openat(2) and fsync(2).
    pub fn sync_folder(&self) -> io::Result<()> {
        let folder = openat(
            &self.folder,
            ".",
            OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        nix::unistd::fsync(folder.as_fd()).map_err(io::Error::from)
    }

    /// Puts a file with this content in the place of the one that may stand there: whoever reads it
    /// finds the old one or the new one, whole.
    ///
    /// # Errors
    /// Those of openat(2), write(2), fsync(2) and renameat(2); the old file is then as it was.
    pub fn replace(&self, content: &[u8], mode: Mode, owner: (Uid, Gid)) -> io::Result<()> {
        let (file, name) = self.beside()?;
        let done = fill(file, content, mode, owner).and_then(|()| {
            renameat(&self.folder, name.as_os_str(), &self.folder, self.name.as_os_str())
                .map_err(io::Error::from)
        });
        if done.is_err() {
            let _ = unlinkat(&self.folder, name.as_os_str(), UnlinkatFlags::NoRemoveDir);
            return done;
        }
        // The new file stands; that it might not survive a power cut is no reason to write it again.
        let _ = self.sync_folder();
        Ok(())
    }
}

fn fill(mut file: File, content: &[u8], mode: Mode, owner: (Uid, Gid)) -> io::Result<()> {
    // chown(2) clears set-id bits, and may change what the mode means: owner first.
    fchown(&file, Some(owner.0), Some(owner.1))?;
    fchmod(&file, mode)?;
    file.write_all(content)?;
    file.sync_all()
}
