//! A place outside of a generation's folder, where others look: the public socket's, the agent's, that of `current`.

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use diagnostics::{Failure, one_line};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, readlinkat, renameat};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat, stat};
use trusted_path::{Named, Sticky, walk};

/// A name in a folder of root's.
#[derive(Debug)]
pub struct Place {
    named: Named,
    shown: String,
}

impl Place {
    /// Finds it.
    ///
    /// # Errors
    /// `place-untrusted` when others than root can change its folder, or one on the way.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let shown = one_line(&path.to_string_lossy());
        let named = walk(path, Sticky::Refused).map_err(|error| {
            let help = "put the socket in a folder that is there, and root's alone";
            Failure::new("place-untrusted", format!("{}; {help}", one_line(&error.to_string())))
        })?;
        Ok(Self { named, shown })
    }

    /// Makes sure that what is made in `folder` can be moved there.
    ///
    /// # Errors
    /// `place-elsewhere` on another file system: rename(2) does not cross them.
    pub fn is_near(&self, folder: &Path) -> Result<(), Failure> {
        let failed = |errno| self.failed(errno);
        if stat(folder).map_err(failed)?.st_dev == fstat(&self.named.folder).map_err(failed)?.st_dev {
            return Ok(());
        }
        let why =
            format!("{} is on another file system than /run/ssh-agent-fwd: name a place in /run", self.shown);
        Err(Failure::new("place-elsewhere", why))
    }

    /// Makes sure that nothing has the name but what is ours, or a socket that is served by nobody any more.
    ///
    /// # Errors
    /// `place-in-use`, `place-occupied`.
    pub fn is_free(&self, is_ours: impl Fn(&FileStat) -> bool) -> Result<(), Failure> {
        let there = fstatat(&self.named.folder, self.named.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW);
        match there {
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(self.failed(errno)),
            Ok(stat) if is_ours(&stat) => Ok(()),
            Ok(stat) if kind(&stat) != SFlag::S_IFSOCK => {
                let why = format!("{} is something else: remove it, or name another place", self.shown);
                Err(Failure::new("place-occupied", why))
            }
            Ok(_) if self.probe() == Err(Errno::ECONNREFUSED) => Ok(()),
            // What is not clear is taken for served.
            Ok(_) => {
                let why = format!(
                    "{} is served by another process: end that one, or name another place",
                    self.shown
                );
                Err(Failure::new("place-in-use", why))
            }
        }
    }

    /// Whether it is a link to something in this folder, which may have gone.
    #[must_use]
    pub fn leads_into(&self, folder: &Path) -> bool {
        let target = readlinkat(&self.named.folder, self.named.name.as_os_str());
        target.is_ok_and(|target| Path::new(&target).starts_with(folder))
    }

    /// Moves what was made there: whoever looks finds what was there before, or this.
    ///
    /// # Errors
    /// `place-failed`; what was there is there still.
    pub fn take(&self, made: &Path) -> Result<(), Failure> {
        renameat(AT_FDCWD, made, &self.named.folder, self.named.name.as_os_str())
            .map_err(|errno| self.failed(errno))
    }

    fn failed(&self, errno: Errno) -> Failure {
        Failure::new("place-failed", format!("{}: {errno}", self.shown))
    }

    /// Whether somebody listens there; a connection that is accepted is closed at once.
    fn probe(&self) -> nix::Result<()> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        // Through the folder that is held open: the name is not looked up again.
        let folder = format!("/proc/self/fd/{}", self.named.folder.as_fd().as_raw_fd());
        connect(socket.as_raw_fd(), &UnixAddr::new(&Path::new(&folder).join(&self.named.name))?)
    }
}

/// Of which kind the file is.
pub fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}
