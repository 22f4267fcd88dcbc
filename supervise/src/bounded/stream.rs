//! One output of a child, and what is kept of it.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::ready::ready;

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;

/// The pipe is gone once it is at its end.
#[derive(Debug)]
pub(super) struct Stream {
    pipe: Option<PipeReader>,
    kept: Vec<u8>,
    /// How many bytes are kept.
    most: usize,
    over: bool,
}

impl Stream {
    pub(super) fn new(pipe: Option<PipeReader>, most: usize) -> Self {
        Self { pipe, kept: Vec::new(), most, over: false }
    }

    /// What was kept so far.
    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    pub(super) fn into_kept(self) -> Vec<u8> {
        self.kept
    }

    /// Whether there was more than is kept.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// What to wait for, until its end.
    pub(super) fn wanted(&self) -> Option<PollFd<'_>> {
        self.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
    }

    /// What there is. To be called when there is something, or the end.
    pub(super) fn read(&mut self) -> io::Result<()> {
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

    /// What is in the pipe already, as far as it is kept: what holds it open is not waited for.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        while !self.over && ready([self.wanted()], Instant::now())? == [true] {
            self.read()?;
        }
        Ok(())
    }
}
