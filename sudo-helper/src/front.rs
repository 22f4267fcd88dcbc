//! The process that sudo(8) starts. It waits for the one that does the work, out of the caller's
//! reach, hands on what that has to say, and tells it that somebody wants sudo to end.
//!
//! The worker holds nothing of the caller's: who does not read what it says holds up the front alone,
//! which is where the caller is and counts as the caller's.

use std::collections::VecDeque;
use std::io::{self, Read, Stderr, Stdout, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdout};

use crate::answer::{Answer, Exit, Failure};
use crate::consent::ENDINGS;

/// How long a worker waits for a front that does not listen: one that is stopped, say.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of the worker's that a front holds for a caller who does not read: two outputs at their
/// cap, escaped, and the rest.
const MAX_HELD: usize = 256 * 1024 * 1024;
/// What is read at once.
const CHUNK: usize = 16 * 1024;
/// What is written at once: no more than a pipe that is ready for writing takes without waiting
/// (PIPE_BUF, pipe(7)).
const MAX_WRITE: usize = 4096;
/// The first byte of the worker's: it has begun.
const BORN: u8 = 0;

/// The worker's ends of its standard output and standard error.
pub(crate) struct WorkersEnds {
    stdout: UnixStream,
    stderr: UnixStream,
}

/// The front's ends.
pub(crate) struct FrontsEnds {
    stdout: UnixStream,
    stderr: UnixStream,
}

/// Two lines from a worker to its front.
///
/// # Errors
/// Those of socketpair(2) and setsockopt(2).
pub(crate) fn lines() -> io::Result<(FrontsEnds, WorkersEnds)> {
    let line = || -> io::Result<(UnixStream, UnixStream)> {
        let (front, worker) = UnixStream::pair()?;
        worker.set_write_timeout(Some(PATIENCE))?;
        Ok((front, worker))
    };
    let ((front_stdout, stdout), (front_stderr, stderr)) = (line()?, line()?);
    Ok((FrontsEnds { stdout: front_stdout, stderr: front_stderr }, WorkersEnds { stdout, stderr }))
}

impl WorkersEnds {
    /// Speaks to the front from now on, and tells it that there is somebody.
    ///
    /// # Errors
    /// Those of dup2(2) and write(2).
    pub(crate) fn take_up(mut self) -> io::Result<()> {
        dup2_stdout(&self.stdout)?;
        dup2_stderr(&self.stderr)?;
        self.stdout.write_all(&[BORN])
    }
}

impl FrontsEnds {
    /// Whether the worker has begun; not when it was killed before it could.
    pub(crate) fn hears_a_worker(&mut self) -> bool {
        self.stdout.read_exact(&mut [BORN]).is_ok()
    }
}

/// The process that sudo has started.
pub struct Front {
    /// The process that does the work.
    pub(crate) worker: Pid,
    /// What that one speaks into the other ends of.
    pub(crate) ends: FrontsEnds,
}

impl Front {
    /// Waits for the end of the worker, and hands on what it says: its exit status.
    #[must_use]
    pub fn attend(self) -> u8 {
        let Self { worker, ends } = self;
        Attendance::new(worker, ends).and_then(Attendance::attend).unwrap_or_else(|error| {
            diagnostics::complain(
                "sudo-helper",
                &format_args!("process {worker}, which does the work: {error}"),
            );
            Exit::Failed as u8
        })
    }
}

struct Attendance {
    worker: Pid,
    signals: SignalFd,
    stdout: Relay<Stdout>,
    stderr: Relay<Stderr>,
    ended: Option<WaitStatus>,
}

impl Attendance {
    fn new(worker: Pid, ends: FrontsEnds) -> io::Result<Self> {
        let heard: SigSet = ENDINGS.into_iter().chain([Signal::SIGCHLD]).collect();
        let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let stdout = Relay::new(ends.stdout, io::stdout())?;
        let stderr = Relay::new(ends.stderr, io::stderr())?;
        Ok(Self { worker, signals, stdout, stderr, ended: None })
    }

    fn attend(mut self) -> io::Result<u8> {
        loop {
            if self.ended.is_none() {
                self.ended = reaped(self.worker)?;
            }
            self.stdout.read()?;
            self.stderr.read()?;
            if self.ended.is_some() && self.stdout.is_done() && self.stderr.is_done() {
                return Ok(self.status());
            }
            self.wait()?;
            while let Some(signal) = self.signals.read_signal()? {
                let signal = Signal::try_from(i32::try_from(signal.ssi_signo).unwrap_or(0))?;
                match (signal, self.ended) {
                    (Signal::SIGCHLD, _) => {}
                    (signal, None) => kill(self.worker, signal)?,
                    // All that is left is a caller who does not read.
                    (_, Some(_)) => return Ok(self.status()),
                }
            }
            self.stdout.write();
            self.stderr.write();
        }
    }

    fn wait(&self) -> io::Result<()> {
        let mut events = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        events.extend(self.stdout.events());
        events.extend(self.stderr.events());
        match poll(&mut events, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// That of the worker, unless its answer did not get through.
    fn status(&self) -> u8 {
        match self.ended {
            Some(WaitStatus::Exited(_, 0)) if self.stdout.broken => Exit::Failed as u8,
            Some(WaitStatus::Exited(_, code)) => u8::try_from(code).unwrap_or(Exit::Failed as u8),
            ended => self.no_answer(ended),
        }
    }

    fn no_answer(&self, ended: Option<WaitStatus>) -> u8 {
        let error = format!("process {}, which does the work, was ended: {ended:?}", self.worker);
        let failure = Failure::new(Exit::Failed, "no-worker", &error);
        if !self.stdout.has_spoken {
            let _ = diagnostics::print(&Answer::from(failure).line(), Exit::Failed as u8);
        }
        Exit::Failed as u8
    }
}

fn reaped(worker: Pid) -> io::Result<Option<WaitStatus>> {
    match waitpid(worker, Some(WaitPidFlag::WNOHANG))? {
        ended @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => Ok(Some(ended)),
        _ => Ok(None),
    }
}

/// What the worker says, on its way to the caller.
struct Relay<W> {
    from: Option<UnixStream>,
    to: W,
    held: VecDeque<u8>,
    broken: bool,
    has_spoken: bool,
}

impl<W: AsFd> Relay<W> {
    fn new(from: UnixStream, to: W) -> io::Result<Self> {
        from.set_nonblocking(true)?;
        Ok(Self { from: Some(from), to, held: VecDeque::new(), broken: false, has_spoken: false })
    }

    /// Whether everything was said and handed on.
    fn is_done(&self) -> bool {
        self.from.is_none() && self.held.is_empty()
    }

    fn events(&self) -> impl Iterator<Item = PollFd<'_>> {
        let from = self.from.as_ref().filter(|_| self.held.len() < MAX_HELD);
        // Asked for nothing, poll(2) still tells that nobody is there any more.
        let writable = if self.held.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let to = (!self.broken).then(|| PollFd::new(self.to.as_fd(), writable));
        from.map(|from| PollFd::new(from.as_fd(), PollFlags::POLLIN)).into_iter().chain(to)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        while let Some(from) = self.from.as_mut().filter(|_| self.held.len() < MAX_HELD) {
            match from.read(&mut chunk) {
                Ok(0) => self.from = None,
                Ok(length) => self.held.extend(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.has_spoken |= !self.held.is_empty();
        Ok(())
    }

    /// Hands on what the caller takes now; the worker learns from the end of its line that nobody
    /// takes anything any more.
    fn write(&mut self) {
        while !self.broken
            && takes(self.to.as_fd(), !self.held.is_empty()).unwrap_or_else(|Gone| self.hang_up())
        {
            let part: Vec<u8> = self.held.iter().copied().take(MAX_WRITE).collect();
            match nix::unistd::write(self.to.as_fd(), &part) {
                Ok(written) => drop(self.held.drain(..written)),
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Err(_) => {
                    self.hang_up();
                }
            }
        }
    }

    fn hang_up(&mut self) -> bool {
        self.broken = true;
        self.from = None;
        self.held.clear();
        false
    }
}

/// Nobody reads a standard output any more.
struct Gone;

/// Whether it takes a write now without waiting.
fn takes(to: BorrowedFd<'_>, wanted: bool) -> Result<bool, Gone> {
    let mut to = [PollFd::new(to, if wanted { PollFlags::POLLOUT } else { PollFlags::empty() })];
    let _ = poll(&mut to, PollTimeout::ZERO);
    let events = to[0].revents().unwrap_or(PollFlags::empty());
    if events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL) {
        return Err(Gone);
    }
    Ok(events.contains(PollFlags::POLLOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> (UnixStream, Relay<UnixStream>, UnixStream) {
        let (from, worker) = UnixStream::pair().expect("a pair");
        let (to, caller) = UnixStream::pair().expect("a pair");
        (worker, Relay::new(from, to).expect("a relay"), caller)
    }

    #[test]
    fn a_caller_who_does_not_read_holds_nobody_up_but_the_front() {
        let (mut worker, mut relay, mut caller) = relay();
        let said: Vec<u8> = (0..4 << 20).map(|number: u32| number.to_le_bytes()[1]).collect();
        let mut rest = &said[..];
        worker.set_nonblocking(true).expect("set");
        while !rest.is_empty() {
            if let Ok(written) = worker.write(rest) {
                rest = &rest[written..];
            }
            relay.read().expect("read");
            relay.write();
        }
        drop(worker);
        let heard = std::thread::spawn(move || {
            let mut heard = Vec::new();
            caller.read_to_end(&mut heard).map(|_| heard)
        });
        while !relay.is_done() {
            relay.read().expect("read");
            relay.write();
        }
        drop(relay);
        assert!(heard.join().expect("no panic").expect("read") == said);
    }

    #[test]
    fn a_worker_learns_that_its_caller_is_gone() {
        let (mut worker, mut relay, caller) = relay();
        drop(caller);
        relay.write();
        assert!(relay.broken && relay.is_done());
        assert_eq!(worker.write(b"x").expect_err("nobody there").kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_worker_that_never_began_is_not_heard() {
        let (mut front, worker) = lines().expect("lines");
        drop(worker);
        assert!(!front.hears_a_worker());
        let (mut front, mut worker) = lines().expect("lines");
        worker.stdout.write_all(&[BORN]).expect("said");
        assert!(front.hears_a_worker());
    }
}
