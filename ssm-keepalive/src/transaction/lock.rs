//! One run at a time: the lock of a file that nobody but root can open.
//!
//! flock(2) asks for no more than an open descriptor, and anybody may open a folder of mode 0755.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use trusted_path::{Sticky, walk};

use crate::failure::Failure;

/// The file. It stays: a lock file that is removed can be locked twice.
const LOCK: &str = "/run/ssm-keepalive.lock";
/// How long another run is waited for.
const WAIT: Duration = Duration::from_secs(30);
/// How often the lock is asked for; flock(2) tells nobody when it is free.
const PAUSE: Duration = Duration::from_millis(50);
/// What others than root may do with a file.
const OTHERS: u32 = 0o077;

/// The lock, held until this is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock ends with it")] Flock<OwnedFd>);

impl Lock {
    /// Waits for its turn, for 30 s.
    ///
    /// # Errors
    /// `busy` when another run does not end; `lock` when the file is not root's alone.
    pub fn take() -> Result<Self, Failure> {
        let mut file = open()?;
        let deadline = Instant::now() + WAIT;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(locked) => return Ok(Self(locked)),
                Err((again, Errno::EWOULDBLOCK | Errno::EINTR)) if Instant::now() < deadline => file = again,
                Err((_, Errno::EWOULDBLOCK)) => {
                    let error = format!("another run holds the lock of {LOCK}: try again when it has ended");
                    return Err(Failure::new("busy", error));
                }
                Err((_, errno)) => return Err(failed(errno)),
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Opens the file, or makes it. Its folder is root's alone, so that its name is, too.
fn open() -> Result<OwnedFd, Failure> {
    let place = walk(Path::new(LOCK), Sticky::Refused).map_err(|error| Failure::new("lock", error))?;
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
    let error = format!("{LOCK} is no file that only root can open: others could hold its lock; remove it");
    Err(Failure::new("lock", error))
}

fn is_roots_alone(stat: &FileStat) -> bool {
    let is_file = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits();
    is_file && stat.st_uid == 0 && stat.st_mode & OTHERS == 0
}

fn failed(errno: Errno) -> Failure {
    Failure::new("lock", format!("{LOCK}: {errno}"))
}
