//! One run at a time: the lock of a file that nobody but root can open.
//!
//! flock(2) asks for no more than an open descriptor, and any account may open a file or a folder that others may
//! read: its own lock could be held by anybody.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use crate::error::PathError;
use crate::walk::{Sticky, walk};

/// How long another run is waited for.
const WAIT: Duration = Duration::from_secs(30);
/// How often the lock is asked for; flock(2) tells nobody when it is free.
const PAUSE: Duration = Duration::from_millis(50);
/// What others than root may do with a file.
const OTHERS: u32 = 0o077;

/// The lock, held until this is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock ends with it")] Flock<OwnedFd>);

/// Why there is no lock.
#[derive(Debug)]
pub enum LockError {
    /// Another run held it for as long as was waited.
    Busy(PathBuf),
    /// Others than root could open the file, and hold its lock.
    Open(PathBuf),
    /// The file is not in a folder of root's alone.
    Path(PathError),
    /// The system refused a step.
    Call(PathBuf, Errno),
}

impl LockError {
    /// The stable word for it: `busy`, or `lock` for a file that will not do.
    #[must_use]
    pub fn code(&self) -> &'static str {
        if matches!(self, Self::Busy(_)) { "busy" } else { "lock" }
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(path) => {
                let path = path.display();
                write!(f, "another run holds the lock of {path}: try again when it has ended")
            }
            Self::Open(path) => {
                let path = path.display();
                write!(f, "{path} is no file that only root can open: others could hold its lock; remove it")
            }
            Self::Path(error) => error.fmt(f),
            Self::Call(path, errno) => write!(f, "{}: {errno}", path.display()),
        }
    }
}

impl std::error::Error for LockError {}

impl Lock {
    /// Waits for its turn, for 30 s. The file is made where there is none, and stays: a lock file that is removed
    /// can be locked twice.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let mut file = open(path)?;
        let deadline = Instant::now() + WAIT;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(locked) => return Ok(Self(locked)),
                Err((again, Errno::EWOULDBLOCK | Errno::EINTR)) if Instant::now() < deadline => file = again,
                Err((_, Errno::EWOULDBLOCK)) => return Err(LockError::Busy(path.to_owned())),
                Err((_, errno)) => return Err(LockError::Call(path.to_owned(), errno)),
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Opens the file, or makes it. Its folder is root's alone, so that its name is, too.
fn open(path: &Path) -> Result<OwnedFd, LockError> {
    let failed = |errno| LockError::Call(path.to_owned(), errno);
    let place = walk(path, Sticky::Refused).map_err(LockError::Path)?;
    let flags = OFlag::O_RDONLY
        | OFlag::O_CREAT
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let file = openat(&place.folder, place.name.as_os_str(), flags, mode).map_err(failed)?;
    if is_roots_alone(&fstat(&file).map_err(failed)?) {
        return Ok(file);
    }
    Err(LockError::Open(path.to_owned()))
}

fn is_roots_alone(stat: &FileStat) -> bool {
    let is_file = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits();
    is_file && stat.st_uid == 0 && stat.st_mode & OTHERS == 0
}
