//! A child whose output is read, and that is gone in the end with all that it started.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use supervise::bounded::Ran;

/// Bytes that are read at a time.
const CHUNK: usize = 4096;

/// What waiting came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// What was waited for.
    It,
    /// The child ended before.
    Ended,
    /// The time was over before.
    Late,
}

/// A child in a process group of its own.
#[derive(Debug)]
pub(super) struct Attended {
    pid: Pid,
    /// Standard output and standard error.
    streams: [Kept; 2],
    /// How many bytes of each are kept.
    output: usize,
    ended: PipeReader,
    /// Until it is reaped.
    waiter: Option<JoinHandle<()>>,
}

/// What one look at all descriptors came to.
struct Turn {
    over: Option<Heard>,
    writable: bool,
}

impl Attended {
    /// One whose output goes to pipes.
    pub(super) fn child(mut child: Child, output: usize) -> io::Result<Self> {
        let stdout = child.stdout.take().map(OwnedFd::from);
        let streams = [stdout, child.stderr.take().map(OwnedFd::from)];
        Self::of(
            Pid::from_raw(child.id().cast_signed()),
            streams.map(|stream| stream.map(PipeReader::from)),
            output,
        )
    }

    /// The child `pid`, by its output.
    pub(super) fn of(pid: Pid, streams: [Option<PipeReader>; 2], output: usize) -> io::Result<Self> {
        let (ended, teller) = io::pipe()?;
        // A zombie keeps its pid and group from naming anything else, so it is not reaped there.
        let waiter = thread::Builder::new().spawn(move || {
            while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
            drop(teller);
        })?;
        let streams = streams.map(|stream| Kept { stream, bytes: Vec::new() });
        Ok(Self { pid, streams, output, ended, waiter: Some(waiter) })
    }

    /// What it has written to standard output.
    pub(super) fn stdout(&self) -> &[u8] {
        &self.streams[0].bytes
    }

    /// What it has written to standard error.
    pub(super) fn stderr(&self) -> &[u8] {
        &self.streams[1].bytes
    }

    /// Reads until `enough` says that standard output holds what was waited for.
    pub(super) fn hear(&mut self, end: Instant, enough: impl Fn(&[u8]) -> bool) -> io::Result<Heard> {
        while !enough(self.stdout()) {
            if let Some(over) = self.turn(end, None)?.over {
                return Ok(if enough(self.stdout()) { Heard::It } else { over });
            }
        }
        Ok(Heard::It)
    }

    /// Reads until something can be written to `stdin`.
    pub(super) fn await_room(&mut self, end: Instant, stdin: BorrowedFd<'_>) -> io::Result<Heard> {
        loop {
            let turn = self.turn(end, Some(stdin))?;
            match turn.over {
                Some(over) => return Ok(over),
                None if turn.writable => return Ok(Heard::It),
                None => {}
            }
        }
    }

    /// Reads both streams until it has ended or the time is over, kills what is left of its group, and
    /// reaps it.
    pub(super) fn end(mut self, end: Instant) -> io::Result<Ran> {
        let heard = self.hear(end, |_| false);
        let status = self.kill()?;
        let timed_out = heard? == Heard::Late;
        // What it wrote before its end is in the pipes still; what it started may hold them open.
        for stream in &mut self.streams {
            stream.drain(self.output)?;
        }
        let [stdout, stderr] = self.streams.each_mut().map(|stream| std::mem::take(&mut stream.bytes));
        Ok(Ran { status, stdout, stderr, timed_out })
    }

    fn kill(&mut self) -> io::Result<Option<i32>> {
        let Some(waiter) = self.waiter.take() else { return Ok(None) };
        let _ = killpg(self.pid, Signal::SIGKILL);
        let _ = waiter.join();
        reap(self.pid)
    }

    fn turn(&mut self, end: Instant, stdin: Option<BorrowedFd<'_>>) -> io::Result<Turn> {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let streams = &self.streams;
        let open: Vec<usize> = (0..streams.len()).filter(|index| streams[*index].stream.is_some()).collect();
        let fds =
            open.iter().filter_map(|index| streams[*index].stream.as_ref()).map(|stream| stream.as_fd());
        let mut wanted: Vec<PollFd<'_>> =
            fds.chain([self.ended.as_fd()]).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        wanted.extend(stdin.map(|fd| PollFd::new(fd, PollFlags::POLLOUT)));
        match poll(&mut wanted, timeout) {
            Ok(0) if left.is_zero() => return Ok(Turn { over: Some(Heard::Late), writable: false }),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = wanted.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        for (index, _) in open.iter().zip(&ready).filter(|(_, ready)| **ready) {
            self.streams[*index].read(self.output)?;
        }
        let at = |place: usize| ready.get(place) == Some(&true);
        let over = match () {
            () if at(open.len()) => Some(Heard::Ended),
            // A stream that never rests does not hold the limit up.
            () if left.is_zero() => Some(Heard::Late),
            () => None,
        };
        Ok(Turn { over, writable: at(open.len() + 1) })
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn reap(pid: Pid) -> io::Result<Option<i32>> {
    loop {
        match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, status)) => return Ok(Some(status)),
            Ok(WaitStatus::Signaled(..)) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// One stream and what was kept of it; the stream is gone once it is at its end.
#[derive(Debug)]
struct Kept {
    stream: Option<PipeReader>,
    bytes: Vec<u8>,
}

impl Kept {
    fn read(&mut self, most: usize) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut chunk = [0; CHUNK];
        let length = match stream.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        };
        let room = most.saturating_sub(self.bytes.len()).min(length);
        self.bytes.extend_from_slice(&chunk[..room]);
        if length == 0 {
            self.stream = None;
        }
        Ok(())
    }

    fn drain(&mut self, most: usize) -> io::Result<()> {
        while self.bytes.len() < most && readable(self.stream.as_ref())? {
            self.read(most)?;
        }
        Ok(())
    }
}

fn readable(stream: Option<&PipeReader>) -> io::Result<bool> {
    let Some(stream) = stream else { return Ok(false) };
    let mut wanted = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut wanted, PollTimeout::ZERO)? > 0)
}
