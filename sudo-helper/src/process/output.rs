//! What a program writes, read while it is attended.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::tail::{Tail, Tailed};

/// What is read from a pipe at once.
const CHUNK: usize = 16 * 1024;
/// How often at most before the clock is looked at again: together the most that a pipe holds
/// (fs.pipe-max-size, pipe(7)), so that nothing of a program that has ended is left in it.
const READS: usize = 64;

/// One output of the program; the pipe is gone when its end was reached.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Option<PipeReader>,
    tail: Tail,
}

impl Output {
    pub(super) fn new(pipe: PipeReader, limit: usize) -> io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { pipe: Some(pipe), tail: Tail::new(limit) })
    }

    /// What polls readable when there is more, or the end.
    pub(super) fn awaited(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// What there is, up to a limit: a program that writes without end must not hold us up.
    pub(super) fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        for _ in 0..READS {
            let Some(pipe) = &mut self.pipe else { break };
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.tail.push(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Tailed {
        self.tail.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn an_output_without_end_is_left_after_a_while() {
        let endless: OwnedFd = File::open("/dev/zero").expect("/dev/zero").into();
        let mut output = Output::new(endless.into(), 10).expect("an output");
        output.read().expect("read");
        assert_eq!(output.finish().text, "\0".repeat(10));
    }
}
