//! A short helper program, run by absolute path, limited in time and in output.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::ended::Outcome;
use crate::sys;

/// How long a helper that was told to end with SIGTERM has before it is killed.
const GRACE: Duration = Duration::from_millis(500);

/// What to run and what it may use.
pub struct Bounded<'a> {
    /// Absolute path of the program.
    pub program: &'a str,
    /// Its arguments, without its name.
    pub arguments: &'a [&'a str],
    /// How long it may take.
    pub time: Duration,
    /// How many bytes it may write to its standard output.
    pub output: usize,
}

/// How a helper ended and what it wrote to its standard output.
#[derive(Debug)]
pub struct Captured {
    /// Its exit code or signal.
    pub outcome: Outcome,
    /// What it wrote.
    pub output: Vec<u8>,
}

/// Why a helper gave no answer.
#[derive(Debug)]
pub enum BoundedError {
    /// It could not be started or waited for.
    Call(io::Error),
    /// It took longer than it may; it was ended.
    TimedOut(Duration),
    /// It wrote more than it may; it was ended.
    TooMuchOutput(usize),
}

impl fmt::Display for BoundedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::TimedOut(limit) => write!(f, "no answer within {} s", limit.as_secs()),
            Self::TooMuchOutput(limit) => write!(f, "more than {limit} bytes of output"),
        }
    }
}

impl std::error::Error for BoundedError {}

impl From<io::Error> for BoundedError {
    fn from(error: io::Error) -> Self {
        Self::Call(error)
    }
}

impl From<Errno> for BoundedError {
    fn from(errno: Errno) -> Self {
        Self::Call(errno.into())
    }
}

impl Bounded<'_> {
    /// Runs the program in its own process group with an empty environment, / as its working
    /// directory and nothing on stdin or stderr; waits for its end or ends it.
    ///
    /// # Errors
    /// See [`BoundedError`].
    pub fn run(&self) -> Result<Captured, BoundedError> {
        // A caller that ignores SIGCHLD would have the kernel reap the helper (wait(2)).
        let sigchld_ignored = sys::set_ignored(libc::SIGCHLD, false)?;
        let captured = self.run_waitable();
        sys::set_ignored(libc::SIGCHLD, sigchld_ignored)?;
        captured
    }

    fn run_waitable(&self) -> Result<Captured, BoundedError> {
        let mut child = Command::new(self.program)
            .args(self.arguments)
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let read = self.read_to_end(&mut child);
        if read.is_err() {
            end_group(&child)?;
        }
        let status = child.wait()?;
        let outcome = Outcome::from_wait_status(status.into_raw()).ok_or(Errno::ECHILD)?;
        read.map(|output| Captured { outcome, output })
    }

    /// Reads until end of file and the end of the program, whichever is later.
    fn read_to_end(&self, child: &mut Child) -> Result<Vec<u8>, BoundedError> {
        let deadline = Instant::now() + self.time;
        let ended = sys::pidfd_open(child.id().cast_signed())?;
        let mut stdout = child.stdout.take().ok_or(Errno::EBADF)?;
        let mut output = Vec::new();
        loop {
            self.await_readable(stdout.as_fd(), deadline)?;
            let mut chunk = [0; 4096];
            let length = stdout.read(&mut chunk)?;
            if length == 0 {
                self.await_readable(ended.as_fd(), deadline)?;
                return Ok(output);
            }
            output.extend_from_slice(&chunk[..length]);
            if output.len() > self.output {
                return Err(BoundedError::TooMuchOutput(self.output));
            }
        }
    }

    fn await_readable(&self, fd: std::os::fd::BorrowedFd<'_>, deadline: Instant) -> Result<(), BoundedError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout) {
                Ok(0) if left.is_zero() => return Err(BoundedError::TimedOut(self.time)),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// SIGTERM to the group, and SIGKILL when it has not ended within the grace.
fn end_group(child: &Child) -> io::Result<()> {
    let group = -child.id().cast_signed();
    let ended = sys::pidfd_open(child.id().cast_signed())?;
    let _ = sys::kill(group, libc::SIGTERM);
    let grace = PollTimeout::try_from(GRACE).unwrap_or(PollTimeout::ZERO);
    let _ = poll(&mut [PollFd::new(ended.as_fd(), PollFlags::POLLIN)], grace);
    let _ = sys::kill(group, libc::SIGKILL);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell<'a>(script: &'a [&'a str; 2]) -> Bounded<'a> {
        Bounded { program: "/bin/sh", arguments: script, time: Duration::from_secs(20), output: 100 }
    }

    #[test]
    fn the_output_and_the_end_are_reported() {
        let captured = shell(&["-c", "echo hello; exit 7"]).run().expect("an answer");
        assert_eq!(captured.output, b"hello\n");
        assert_eq!(captured.outcome, Outcome::Exited(7));
    }

    #[test]
    fn the_environment_is_empty_and_stdin_is_at_its_end() {
        let captured = shell(&["-c", "cat; echo \"${HOME-unset} $PWD\""]).run().expect("an answer");
        assert_eq!(captured.output, b"unset /\n");
    }

    #[test]
    fn too_much_output_ends_it() {
        let error = shell(&["-c", "while :; do echo xxxxxxxxxxxxxxxx; done"]).run().expect_err("too much");
        assert!(matches!(error, BoundedError::TooMuchOutput(100)), "{error}");
    }

    #[test]
    fn too_much_time_ends_it_even_when_it_ignores_sigterm() {
        let arguments = ["-c", "trap '' TERM; while :; do sleep 60; done"];
        let slow = Bounded { time: Duration::from_millis(50), ..shell(&arguments) };
        assert!(matches!(slow.run().expect_err("too slow"), BoundedError::TimedOut(_)));
    }

    #[test]
    fn a_helper_that_closes_stdout_is_still_waited_for() {
        let arguments = ["-c", "exec >&-; while :; do sleep 60; done"];
        let slow = Bounded { time: Duration::from_millis(50), ..shell(&arguments) };
        assert!(matches!(slow.run().expect_err("too slow"), BoundedError::TimedOut(_)));
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let missing = Bounded { program: "/no/such/program", arguments: &[], time: GRACE, output: 1 };
        assert!(matches!(missing.run().expect_err("missing"), BoundedError::Call(_)));
    }
}
