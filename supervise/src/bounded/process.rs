//! A child that is killed with its group, and reaped, at the latest when it is dropped.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::ready::{is_over, ready};
use crate::child::{Child, Event};
use crate::ended::Outcome;
use crate::sys;

/// How long a child may take to end that was killed: the kernel may have something to finish for it.
const KILLED: Duration = Duration::from_secs(5);

/// A child that nobody else waits for.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Readable once it has ended (pidfd_open(2)).
    ended: OwnedFd,
    killed: bool,
}

impl Process {
    /// A child that was just started; gone when this fails.
    pub(super) fn of(child: Child) -> io::Result<Self> {
        match sys::pidfd_open(child.pid().as_raw()) {
            Ok(ended) => Ok(Self { child, ended, killed: false }),
            Err(error) => {
                child.signal(libc::SIGKILL);
                let _ = sys::wait4(child.pid().as_raw(), 0);
                Err(error)
            }
        }
    }

    /// What polls readable once it has ended.
    pub(super) fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// Kills what is left of it and of its group; how it ended.
    pub(super) fn end(&mut self) -> io::Result<Outcome> {
        self.killed = true;
        // A zombie keeps its pid and group from naming anything else.
        self.child.signal(libc::SIGKILL);
        let until = Instant::now() + KILLED;
        loop {
            while let Some(event) = self.child.look()? {
                if let Event::Ended(ended) = event {
                    return Ok(ended.outcome);
                }
            }
            if is_over(until) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "SIGKILL has not ended it"));
            }
            ready([Some(PollFd::new(self.ended(), PollFlags::POLLIN))], until)?;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.killed {
            let _ = self.end();
        }
    }
}
