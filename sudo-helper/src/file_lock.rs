//! Waiting for a lock file without asking again and again.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::Mode;

use crate::run_folder::RunFolder;

/// Held while packages are changed: one change at a time.
const PACKAGES: &str = "packages.lock";

/// Tells when somebody closes a file, which ends the locks of fcntl(2) that they hold on it: before
/// it is told.
struct Closes(Inotify);

impl Closes {
    /// Watches a file from now on.
    fn of(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        inotify.add_watch(path, AddWatchFlags::IN_CLOSE)?;
        Ok(Self(inotify))
    }

    /// Waits until somebody has closed it since the last call; `false` when the time is over.
    fn next(&self, deadline: Instant) -> io::Result<bool> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) if left.is_zero() => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        match self.0.read_events() {
            Ok(_) | Err(Errno::EAGAIN) => Ok(true),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Waits until nobody else holds a lock of fcntl(2) on a file, as apt-get(8) does; `false` when the
/// time is over.
///
/// # Errors
/// Those of open(2), fcntl(2) and inotify(7).
pub fn await_unlocked(path: &Path, deadline: Instant) -> io::Result<bool> {
    let file = File::open(path)?;
    // Watched before it is asked, so that no end of the lock is missed.
    let closes = Closes::of(path)?;
    while is_locked(&file)? {
        if !closes.next(deadline)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_locked(file: &File) -> io::Result<bool> {
    let whence = i16::try_from(libc::SEEK_SET).unwrap_or(0);
    let exclusive = i16::try_from(libc::F_WRLCK).unwrap_or(0);
    let mut lock = libc::flock { l_type: exclusive, l_whence: whence, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(file, FcntlArg::F_GETLK(&mut lock))?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

/// Locks a file as flock(2) does, waiting no longer than `patience`; `None` when that is over.
///
/// # Errors
/// Those of flock(2).
pub fn lock_within(file: File, patience: Duration) -> io::Result<Option<Flock<File>>> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((file, Errno::EWOULDBLOCK)) => wait_for(file, patience),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// flock(2) knows no time limit, so another thread waits. It gives up the lock that it gets too late.
/// (A close is told of by inotify(7) before its lock has ended, so that cannot be waited for.)
fn wait_for(file: File, patience: Duration) -> io::Result<Option<Flock<File>>> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().spawn(move || {
        // Nobody listens any more: the lock that cannot be sent is dropped, which frees it.
        let _ = sender.send(lock_in_turn(file));
    })?;
    let Ok(lock) = receiver.recv_timeout(patience) else { return Ok(None) };
    // Its send was its last act. Ended, it is in nobody's way when this process forks.
    let _ = thread.join();
    lock.map(Some)
}

fn lock_in_turn(mut file: File) -> io::Result<Flock<File>> {
    loop {
        match Flock::lock(file, FlockArg::LockExclusive) {
            Ok(lock) => return Ok(lock),
            Err((again, Errno::EINTR)) => file = again,
            Err((_, errno)) => return Err(errno.into()),
        }
    }
}

/// The right to change packages, as long as it exists.
#[derive(Debug)]
pub struct PackageLock(#[expect(dead_code, reason = "the lock ends with it")] Flock<File>);

impl PackageLock {
    /// Waits for its turn; `None` when that takes longer than `patience`.
    ///
    /// # Errors
    /// Those of openat(2) and flock(2).
    pub fn take(folder: &RunFolder, patience: Duration) -> io::Result<Option<Self>> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = File::from(openat(folder.as_fd(), PACKAGES, flags, mode)?);
        Ok(lock_within(file, patience)?.map(Self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn one_change_at_a_time_and_then_the_next() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::open(&parent.path().join("run")).expect("made");
        let first = PackageLock::take(&folder, Duration::ZERO).expect("tried").expect("free");
        assert!(PackageLock::take(&folder, Duration::ZERO).expect("tried").is_none());
        std::thread::scope(|scope| {
            let second = scope.spawn(|| PackageLock::take(&folder, LONG).expect("tried").is_some());
            drop(first);
            assert!(second.join().expect("no panic"));
        });
    }

    #[test]
    fn a_file_that_nobody_locks_is_not_waited_for() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(await_unlocked(file.path(), Instant::now() + LONG).expect("asked"));
    }
}
