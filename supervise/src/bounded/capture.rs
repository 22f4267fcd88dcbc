//! What a child writes, until it has ended or may go on no longer.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Run;
use crate::child::{Child, Event};
use crate::ended::Outcome;
use crate::sys;

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;
/// How long a child may take to end that was killed: the kernel may have something to finish for it.
const KILLED: Duration = Duration::from_secs(5);

/// What becomes of a child that writes more than is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// It goes on, and the rest is read and dropped.
    Dropped,
    /// It is killed.
    Refused,
}

/// Why a child was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It took longer than it may.
    Time,
    /// It wrote more than it may.
    Output,
}

/// What a child wrote to standard output and standard error, and how it ended.
#[derive(Debug)]
pub(super) struct Captured {
    pub outcome: Outcome,
    pub streams: [Vec<u8>; 2],
    pub stopped: Option<Stopped>,
}

/// Reads both streams until the child has ended or was stopped, kills what is left of its group, and
/// reaps it.
pub(super) fn capture(
    child: &Child,
    streams: [Option<PipeReader>; 2],
    run: &Run<'_>,
    excess: Excess,
) -> io::Result<Captured> {
    let mut streams = streams.map(|pipe| Stream { pipe, kept: Vec::new(), most: run.output, over: false });
    let ended = sys::pidfd_open(child.pid().as_raw()).inspect_err(|_| child.signal(libc::SIGKILL))?;
    let stopped = gather(&mut streams, &ended, run.limit, excess);
    // A zombie keeps its pid and group from naming anything else.
    child.signal(libc::SIGKILL);
    let outcome = reap(child, &ended)?;
    let mut stopped = stopped?;
    // What it wrote before its end is in the pipes still; what it started may hold them open.
    for stream in &mut streams {
        stream.drain()?;
    }
    if excess == Excess::Refused && streams.iter().any(|stream| stream.over) {
        stopped = stopped.or(Some(Stopped::Output));
    }
    Ok(Captured { outcome, streams: streams.map(|stream| stream.kept), stopped })
}

fn gather(
    streams: &mut [Stream; 2],
    ended: &OwnedFd,
    limit: Duration,
    excess: Excess,
) -> io::Result<Option<Stopped>> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let [stdout, stderr, has_ended] = await_any(streams, ended, left)?;
        for (stream, _) in streams.iter_mut().zip([stdout, stderr]).filter(|(_, ready)| *ready) {
            stream.read()?;
        }
        if has_ended {
            return Ok(None);
        }
        if excess == Excess::Refused && streams.iter().any(|stream| stream.over) {
            return Ok(Some(Stopped::Output));
        }
        // A stream that never rests does not hold the limit up.
        if left.is_zero() {
            return Ok(Some(Stopped::Time));
        }
    }
}

/// Which of the two streams can be read, and whether the child has ended.
fn await_any(streams: &[Stream; 2], ended: &OwnedFd, most: Duration) -> io::Result<[bool; 3]> {
    let [stdout, stderr] = streams.each_ref().map(|stream| stream.pipe.as_ref().map(AsFd::as_fd));
    let open: Vec<_> = [stdout, stderr, Some(ended.as_fd())].into_iter().flatten().collect();
    let mut wanted: Vec<_> = open.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    match poll(&mut wanted, PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut ready = wanted.iter().map(|fd| fd.any().unwrap_or(false));
    let mut of = |is_open: bool| is_open && ready.next().unwrap_or(false);
    Ok([of(stdout.is_some()), of(stderr.is_some()), of(true)])
}

fn reap(child: &Child, ended: &OwnedFd) -> io::Result<Outcome> {
    let deadline = Instant::now() + KILLED;
    loop {
        while let Some(event) = child.look()? {
            if let Event::Ended(ended) = event {
                return Ok(ended.outcome);
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "SIGKILL has not ended it"));
        }
        let mut wanted = [PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wanted, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// One stream and what was kept of it; the pipe is gone once it is at its end.
struct Stream {
    pipe: Option<PipeReader>,
    kept: Vec<u8>,
    most: usize,
    over: bool,
}

impl Stream {
    /// What there is. To be called when there is something, or the end.
    fn read(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut chunk = [0; CHUNK];
        let length = match pipe.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        };
        let room = self.most.saturating_sub(self.kept.len()).min(length);
        self.kept.extend_from_slice(&chunk[..room]);
        self.over |= room < length;
        if length == 0 {
            self.pipe = None;
        }
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        while !self.over && self.is_readable()? {
            self.read()?;
        }
        Ok(())
    }

    fn is_readable(&self) -> io::Result<bool> {
        let Some(pipe) = &self.pipe else { return Ok(false) };
        Ok(poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)? > 0)
    }
}
