//! Signals that would stop a change half-way wait, and are asked for between its steps.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use diagnostics::Failure;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use supervise::{Inherited, Signals, signal_name};

/// What ends a change: an operator, a service manager, the end of a terminal.
const ENDING: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];

/// All signals, held from now on.
#[derive(Debug)]
pub struct Interrupts(Signals);

impl Interrupts {
    /// Holds them. Those that the caller has had us ignore stay ignored. For a process of one thread.
    ///
    /// # Errors
    /// `signals` when it cannot.
    pub fn take() -> Result<Self, Failure> {
        let inherited = Inherited::take().map_err(|error| failed(&error))?;
        Signals::only(&ENDING, &inherited).map(Self).map_err(|error| failed(&error))
    }

    /// Goes on, unless one of them has come that ends a change.
    ///
    /// # Errors
    /// `interrupted`.
    pub fn check(&self) -> Result<(), Failure> {
        self.came()?.map_or(Ok(()), |signal| {
            let why = format!("{} came, and everything is as it was before", signal_name(signal));
            Err(Failure::new("interrupted", why))
        })
    }

    /// The one of them that ends a change, if it has come by now.
    ///
    /// # Errors
    /// `signals`.
    pub fn came(&self) -> Result<Option<i32>, Failure> {
        while is_readable(self.0.as_fd())? {
            if let Some(signal) = self.next()? {
                return Ok(Some(signal));
            }
        }
        Ok(None)
    }

    /// Waits for the next signal; the one that ends a change, or `None` for one that says nothing to us.
    ///
    /// # Errors
    /// `signals`.
    pub fn next(&self) -> Result<Option<i32>, Failure> {
        let delivery = self.0.next().map_err(|error| failed(&error))?;
        Ok(ENDING.contains(&delivery.signal).then_some(delivery.signal))
    }
}

fn is_readable(fd: BorrowedFd<'_>) -> Result<bool, Failure> {
    loop {
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::ZERO) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed(&errno.into())),
        }
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::new("signals", error)
}
