//! A child that is attended turn by turn: what it writes is read, until it has ended or may go on no longer.

use std::io::{self, PipeReader};
use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::process::Process;
use super::ready::{is_over, ready};
use super::stream::Stream;
use crate::child::Child;
use crate::ended::Outcome;

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

/// What one look at all descriptors came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// The child has ended; there may still be something to [`Attended::drain`].
    pub ended: bool,
    /// The time is over.
    pub late: bool,
    /// Its standard input takes something, or is read no more.
    pub writable: bool,
}

/// A child and what it writes; dropped, it is gone with its group.
#[derive(Debug)]
pub(super) struct Attended {
    process: Process,
    /// Standard output and standard error.
    streams: [Stream; 2],
}

impl Attended {
    /// A child that was just started, by its output, of each of which `output` bytes are kept.
    pub(super) fn of(child: Child, streams: [Option<PipeReader>; 2], output: usize) -> io::Result<Self> {
        let process = Process::of(child)?;
        Ok(Self { process, streams: streams.map(|pipe| Stream::new(pipe, output)) })
    }

    /// What polls readable once it has ended.
    #[cfg(test)]
    pub(super) fn ended(&self) -> BorrowedFd<'_> {
        self.process.ended()
    }

    /// What it has written to standard output.
    pub(super) fn stdout(&self) -> &[u8] {
        self.streams[0].kept()
    }

    /// What it has written to standard error.
    pub(super) fn stderr(&self) -> &[u8] {
        self.streams[1].kept()
    }

    /// Waits until there is something to read, room in `stdin`, or nothing more to wait for; reads.
    pub(super) fn turn(&mut self, until: Instant, stdin: Option<BorrowedFd<'_>>) -> io::Result<Turn> {
        // Seen before the wait: a stream that never rests does not hold the limit up.
        let late = is_over(until);
        let [stdout, stderr] = self.streams.each_ref().map(Stream::wanted);
        let ended = PollFd::new(self.process.ended(), PollFlags::POLLIN);
        let stdin = stdin.map(|fd| PollFd::new(fd, PollFlags::POLLOUT));
        let [stdout, stderr, ended, writable] = ready([stdout, stderr, Some(ended), stdin], until)?;
        for (stream, _) in self.streams.iter_mut().zip([stdout, stderr]).filter(|(_, ready)| *ready) {
            stream.read()?;
        }
        Ok(Turn { ended, late, writable })
    }

    /// Reads what one that has ended wrote before; what it started may hold the pipes open.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        self.streams.iter_mut().try_for_each(Stream::drain)
    }

    /// Reads both streams until it has ended or is stopped, kills what is left of its group, and reaps it.
    pub(super) fn capture(mut self, until: Instant, excess: Excess) -> io::Result<Captured> {
        let stopped = self.gather(until, excess);
        let outcome = self.process.end()?;
        let mut stopped = stopped?;
        self.drain()?;
        if excess == Excess::Refused && self.streams.iter().any(Stream::is_over) {
            stopped = stopped.or(Some(Stopped::Output));
        }
        Ok(Captured { outcome, streams: self.streams.map(Stream::into_kept), stopped })
    }

    fn gather(&mut self, until: Instant, excess: Excess) -> io::Result<Option<Stopped>> {
        loop {
            let turn = self.turn(until, None)?;
            if turn.ended {
                return Ok(None);
            }
            if excess == Excess::Refused && self.streams.iter().any(Stream::is_over) {
                return Ok(Some(Stopped::Output));
            }
            if turn.late {
                return Ok(Some(Stopped::Time));
            }
        }
    }
}
