//! A process that is no child of ours, held so that its number cannot come to mean another one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::sys;

/// A process, the same one for as long as this is held (pidfd_open(2), Linux 5.3).
#[derive(Debug)]
pub struct ProcessHandle {
    pidfd: OwnedFd,
}

impl ProcessHandle {
    /// The process that has this number now. Whether it is the one that is meant can be asked again afterwards:
    /// if it is, this is it.
    ///
    /// # Errors
    /// ESRCH when there is none, EINVAL for no number of a process, ENOSYS before Linux 5.3.
    pub fn open(pid: i32) -> io::Result<Self> {
        sys::pidfd_open(pid).map(|pidfd| Self { pidfd })
    }

    /// Sends it a signal (pidfd_send_signal(2)).
    ///
    /// # Errors
    /// ESRCH when it has ended and was waited for, EPERM when this process may not.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        sys::pidfd_send_signal(&self.pidfd, signal)
    }

    /// Waits for its end until then; whether it has ended.
    ///
    /// # Errors
    /// Those of poll(2).
    pub fn wait(&self, until: Instant) -> io::Result<bool> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Rounded up: a wait of less than a millisecond would be a busy one.
            let left = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)], left) {
                Ok(0) if Instant::now() >= until => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_signalled_and_its_end_waited_for() {
        let mut child = Command::new("/bin/sleep").arg("60").spawn().expect("sleep");
        let handle = ProcessHandle::open(i32::try_from(child.id()).expect("a pid")).expect("a handle");
        assert!(!handle.wait(Instant::now() + Duration::from_millis(20)).expect("poll"), "it sleeps");
        handle.signal(libc::SIGKILL).expect("a signal");
        assert!(handle.wait(Instant::now() + Duration::from_secs(10)).expect("poll"), "it has ended");
        child.wait().expect("its status");
        let gone = handle.signal(libc::SIGKILL).expect_err("nobody is there");
        assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn what_is_no_process_has_no_handle() {
        assert_eq!(ProcessHandle::open(-1).expect_err("no number").raw_os_error(), Some(libc::EINVAL));
    }
}
