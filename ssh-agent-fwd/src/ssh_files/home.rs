//! The user's home and its folder `.ssh`, held open. What other processes of the user's do to the names meanwhile
//! leads nowhere else.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use diagnostics::{Failure, one_line};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, geteuid, unlinkat};

const SSH: &str = ".ssh";
/// ssh(1), FILES: `~/.ssh` is for its user alone.
const OWNER_ALONE: Mode = Mode::S_IRWXU;
/// The bits of a mode that chmod(2) changes.
const ALL_BITS: u32 = 0o7777;
const FOLDER: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// The home of the user that this process is. Root has the turn to change it: a lock on a folder that others can open
/// could be anybody's (flock(2)).
pub(super) struct Home {
    folder: OwnedFd,
    path: PathBuf,
}

/// The folder `.ssh`.
pub(super) struct SshFolder {
    folder: OwnedFd,
    path: PathBuf,
    /// Whether it was made just now.
    pub made: bool,
}

/// `code`: what is wrong with which file, and what was not done.
pub(super) fn refused(code: &'static str, path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let path = one_line(&path.display().to_string());
    Failure::new(code, format!("{path}: {}; nothing was changed", one_line(&why.to_string())))
}

fn is_ours(stat: &FileStat) -> bool {
    stat.st_uid == geteuid().as_raw()
}

impl Home {
    /// Opens it; `None` when it is not there.
    ///
    /// # Errors
    /// `home` when it is somebody else's or cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let refused = |why: &dyn std::fmt::Display| refused("home", path, why);
        let folder = match openat(AT_FDCWD, path, FOLDER, Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(None),
            other => other
                .map_err(|errno| refused(&format_args!("the home cannot be opened: {}", errno.desc())))?,
        };
        let stat = fstat(&folder).map_err(|errno| refused(&errno.desc()))?;
        if !is_ours(&stat) {
            let why = format!("the home belongs to uid {}, not to uid {}", stat.st_uid, geteuid());
            return Err(refused(&why));
        }
        Ok(Some(Self { folder, path: path.to_owned() }))
    }

    /// Its folder `.ssh`, when it has one.
    ///
    /// # Errors
    /// `ssh-folder` when it is not a folder of the user's own.
    pub(super) fn ssh(&self) -> Result<Option<SshFolder>, Failure> {
        let path = self.path.join(SSH);
        let refused = |why: &str| refused("ssh-folder", &path, &why);
        let folder = match openat(&self.folder, SSH, FOLDER | OFlag::O_NOFOLLOW, Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                return Err(refused(
                    "this is a symbolic link or no folder, and is not followed: put a folder there",
                ));
            }
            other => other.map_err(|errno| refused(errno.desc()))?,
        };
        let stat = fstat(&folder).map_err(|errno| refused(errno.desc()))?;
        if is_ours(&stat) {
            Ok(Some(SshFolder { folder, path, made: false }))
        } else {
            Err(refused(&format!("this folder belongs to uid {}", stat.st_uid)))
        }
    }

    /// Its folder `.ssh`, made when it has none.
    ///
    /// # Errors
    /// As for [`Self::ssh`], and when it cannot be made.
    pub(super) fn ssh_or_made(&self) -> Result<SshFolder, Failure> {
        if let Some(ssh) = self.ssh()? {
            return Ok(ssh);
        }
        let refused = |errno: Errno| refused("ssh-folder", &self.path.join(SSH), &errno.desc());
        mkdirat(&self.folder, SSH, OWNER_ALONE).map_err(refused)?;
        let ssh = self.ssh()?.ok_or(Errno::ENOENT).map_err(refused)?;
        Ok(SshFolder { made: true, ..ssh })
    }

    /// Takes `.ssh` away if it is empty.
    pub(super) fn remove_empty_ssh(&self) {
        // ENOTEMPTY: the user has something there.
        let _ = unlinkat(&self.folder, SSH, UnlinkatFlags::RemoveDir);
        let _ = fsync(&self.folder);
    }

    /// Makes the name `.ssh` durable.
    pub(super) fn sync(&self) {
        let _ = fsync(&self.folder);
    }
}

impl SshFolder {
    /// The path of a file in it, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Lets nobody else enter it, whatever it allowed before or got from the home (its default ACL, its set-group-ID bit).
    ///
    /// # Errors
    /// `ssh-folder` when its mode cannot be set.
    pub(super) fn make_private(&self) -> Result<(), Failure> {
        let refused = |errno: Errno| refused("ssh-folder", &self.path, &errno.desc());
        if fstat(&self.folder).map_err(refused)?.st_mode & ALL_BITS == OWNER_ALONE.bits() {
            return Ok(());
        }
        fchmod(&self.folder, OWNER_ALONE).map_err(refused)
    }

    /// Makes its names durable; that they might not survive a power cut is no reason to take them back.
    pub(super) fn sync(&self) {
        let _ = fsync(&self.folder);
    }
}

impl AsFd for SshFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}
