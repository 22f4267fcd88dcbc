//! /run/sudo-helper: what only root may see, and what is gone after a boot.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat};
use nix::unistd::geteuid;

/// Where it is.
pub const RUN_FOLDER: &str = "/run/sudo-helper";

/// A folder that is held open, that belongs to us, and that nobody else may enter.
#[derive(Debug)]
pub struct RunFolder(OwnedFd);

impl RunFolder {
    /// Opens the folder, or makes it when it is missing. Its parent must be one where only root can
    /// make names, as /run is.
    ///
    /// # Errors
    /// Those of mkdirat(2) and openat(2), and when it is not ours alone.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::at(AT_FDCWD, path.as_os_str())
    }

    /// A folder in this one, made when it is missing.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        Self::at(self.0.as_fd(), OsStr::new(name))
    }

    fn at(parent: BorrowedFd<'_>, path: &OsStr) -> io::Result<Self> {
        match mkdirat(parent, path, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let folder = openat(parent, path, flags, Mode::empty())?;
        let stat = fstat(&folder)?;
        let private = Mode::from_bits_truncate(stat.st_mode) == Mode::S_IRWXU;
        let is_folder = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR;
        if stat.st_uid != geteuid().as_raw() || !private || !is_folder {
            let error =
                format!("{} is not a folder of root's alone, of mode 0700; remove it", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
        }
        Ok(Self(folder))
    }
}

impl AsFd for RunFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn made_private_and_opened_again() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("run");
        RunFolder::open(&path).expect("made").folder("requests").expect("made");
        RunFolder::open(&path).expect("opened").folder("requests").expect("opened");
        let mode = path.join("requests").metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
    }

    #[test]
    fn a_folder_that_others_may_enter_or_a_link_is_refused() {
        let parent = tempfile::tempdir().expect("a folder");
        let open = parent.path().join("open");
        std::fs::create_dir(&open).expect("made");
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).expect("opened");
        let error = RunFolder::open(&open).expect_err("open").to_string();
        assert!(error.contains("/open is not a folder of root's alone"), "{error}");
        let link = parent.path().join("link");
        symlink(&open, &link).expect("a link");
        assert!(RunFolder::open(&link).is_err());
    }
}
