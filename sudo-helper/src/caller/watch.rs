//! Learning that the caller of a blocking request is gone.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use super::Caller;
use super::ancestry::{Parent, parent_of};
use crate::sys;

/// The first process never ends.
const INIT: u32 = 1;

/// Why the caller cannot be watched.
#[derive(Debug)]
pub enum WatchError {
    /// It is gone already.
    Gone,
    /// A call failed.
    Call(io::Error),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the caller ended before the request could wait"),
            Self::Call(error) => write!(f, "cannot watch for the end of the caller: {error}"),
        }
    }
}

impl std::error::Error for WatchError {}

impl Caller {
    /// Descriptors of the processes without which nobody waits for the answer any more: each sudo
    /// above us (with use_pty there are two), and the process that ran it. One that polls readable
    /// has ended (pidfd_open(2)). The first process of the system is never among them.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub fn watched(&self) -> Result<Vec<OwnedFd>, WatchError> {
        let awaited = awaited(&self.parents);
        let pidfds = awaited.iter().map(|parent| open(parent.pid)).collect::<Result<_, _>>()?;
        // While a process is its child's parent, its pid is nobody else's: so the descriptors are
        // those of our ancestors when the chain is still what it was.
        let mut child = std::process::id();
        // Through sudo our own front is between us and them.
        if awaited.first().is_some_and(|first| parent_of(child) != Some(first.pid)) {
            child = parent_of(child).ok_or(WatchError::Gone)?;
        }
        for parent in awaited {
            if parent_of(child) != Some(parent.pid) {
                return Err(WatchError::Gone);
            }
            child = parent.pid;
        }
        Ok(pidfds)
    }
}

/// The nearest ancestors, up to and with the first that is not sudo.
fn awaited(parents: &[Parent]) -> &[Parent] {
    let sudos = parents.iter().take_while(|parent| parent.is_sudo() && parent.pid != INIT).count();
    let caller = parents.get(sudos).is_some_and(|parent| parent.pid != INIT);
    &parents[..sudos + usize::from(caller)]
}

fn open(pid: u32) -> Result<OwnedFd, WatchError> {
    sys::pidfd_open(pid).map_err(|error| match error.raw_os_error() {
        Some(libc::ESRCH) => WatchError::Gone,
        _ => WatchError::Call(error),
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn chain(exes: &[(u32, &str)]) -> Vec<Parent> {
        exes.iter().map(|&(pid, exe)| Parent { pid, exe: Some(exe.to_owned()) }).collect()
    }

    fn readable(fd: &OwnedFd, timeout: u16) -> bool {
        poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], PollTimeout::from(timeout)).expect("polled")
            > 0
    }

    #[test]
    fn every_sudo_and_who_ran_it_is_awaited() {
        let parents = chain(&[(9, "/usr/bin/sudo"), (8, "/usr/bin/sudo"), (7, "/bin/sh"), (6, "/bin/sh")]);
        assert_eq!(awaited(&parents), &parents[..3]);
        let direct = chain(&[(7, "/bin/sh"), (1, "/sbin/init")]);
        assert_eq!(awaited(&direct), &direct[..1]);
        let orphan = chain(&[(9, "/usr/bin/sudo"), (1, "/sbin/init")]);
        assert_eq!(awaited(&orphan), &orphan[..1]);
        assert_eq!(awaited(&chain(&[(1, "/usr/bin/sudo")])), &[]);
        assert_eq!(awaited(&[]), &[]);
    }

    #[test]
    fn our_own_parent_is_watched_and_lives() {
        let caller = Caller::examine().expect("a caller");
        let watched = caller.watched().expect("watched");
        assert!(!watched.iter().any(|fd| readable(fd, 0)));
    }

    #[test]
    fn an_ended_process_polls_readable() {
        let mut child = Command::new("/bin/cat").stdin(Stdio::piped()).spawn().expect("started");
        let watched = open(child.id()).expect("opened");
        assert!(!readable(&watched, 0));
        drop(child.stdin.take());
        assert!(readable(&watched, 20_000));
        child.wait().expect("waited for");
    }

    #[test]
    fn a_caller_that_went_before_it_could_be_watched_is_gone() {
        let mut child = Command::new("/bin/true").spawn().expect("started");
        let pid = child.id();
        child.wait().expect("waited for");
        let mut caller = Caller::examine().expect("a caller");
        caller.parents = chain(&[(pid, "/usr/bin/sudo")]);
        assert!(matches!(caller.watched(), Err(WatchError::Gone)));
        // A live process that is not our parent: the pid was reused, or we were reparented.
        caller.parents = chain(&[(std::process::id(), "/usr/bin/sudo")]);
        assert!(matches!(caller.watched(), Err(WatchError::Gone)));
    }
}
