//! A program from its start to its end: what it reads, what it says, how long it may take.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use diagnostics::Failure;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::PollFlags;
use supervise::{Child, Event, Outcome, ProcessHandle};

use super::{AFTER_KILL, Program};
use crate::deadline::is_ready;

/// Most bytes that are kept of what a program writes: a public key of RSA of 16384 bits has 3 KiB.
const MAX_OUTPUT: u64 = 16 * 1024;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With this status.
    Status(u8),
    /// By this signal.
    Signal(i32),
    /// It was killed: it took longer than it may.
    Late,
}

/// How it ended and what it wrote, as far as it is kept.
#[derive(Debug)]
pub(crate) struct Ran {
    pub ended: Ended,
    pub stdout: String,
    pub stderr: String,
}

impl Program<'_> {
    /// Runs it with these bytes as its whole standard input, of which no copy is made here. What it writes is read
    /// when it has ended: it must not write more than a pipe holds (pipe(7)). To be called from the only thread.
    ///
    /// # Errors
    /// `program-not-started`, or `program-lost` when it cannot be waited for.
    pub(crate) fn run(&self, stdin: &[u8], limit: Duration) -> Result<Ran, Failure> {
        let lost = |error: io::Error| {
            let path = self.argv.first().map(|path| diagnostics::one_line(&path.to_string_lossy()));
            Failure::new("program-lost", format!("{}: {error}", path.unwrap_or_default()))
        };
        let until = Instant::now() + limit;
        let (reads, feed) = io::pipe().map_err(lost)?;
        let (mut out, stdout) = io::pipe().map_err(lost)?;
        let (mut err, stderr) = io::pipe().map_err(lost)?;
        let stdio = [reads.as_fd(), stdout.as_fd(), stderr.as_fd()].map(Some);
        let child = Program { stdio, ..*self }.start(|| Ok(()))?;
        drop((reads, stdout, stderr));
        let fed = give(feed, stdin, until);
        let ended = end(&child, until).map_err(lost)?;
        fed.map_err(lost)?;
        let stdout = said(&mut out).map_err(lost)?;
        Ok(Ran { ended, stdout, stderr: said(&mut err).map_err(lost)? })
    }
}

/// Writes all of it, and closes the pipe. A program that reads no more, or not in time, says why by its end.
fn give(mut feed: PipeWriter, mut bytes: &[u8], until: Instant) -> io::Result<()> {
    fcntl(&feed, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    while !bytes.is_empty() {
        match feed.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !is_ready(&feed, PollFlags::POLLOUT, until)? {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits for its end, kills it when it is late, and reaps it.
fn end(child: &Child, until: Instant) -> io::Result<Ended> {
    let handle = ProcessHandle::open(child.pid().as_raw())?;
    let late = !handle.wait(until)?;
    if late {
        child.signal(libc::SIGKILL);
        if !handle.wait(Instant::now() + AFTER_KILL)? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "SIGKILL has not ended it"));
        }
    }
    while let Some(event) = child.look()? {
        let Event::Ended(ended) = event else { continue };
        return Ok(match ended.outcome {
            _ if late => Ended::Late,
            Outcome::Exited(status) => Ended::Status(status),
            Outcome::Signaled { signal, .. } => Ended::Signal(signal),
        });
    }
    Err(io::Error::other("its status cannot be had"))
}

/// What is in the pipe; what may still hold it open is not waited for.
fn said(pipe: &mut PipeReader) -> io::Result<String> {
    fcntl(&*pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut bytes = Vec::new();
    match pipe.take(MAX_OUTPUT).read_to_end(&mut bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
