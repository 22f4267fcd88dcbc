//! The pipe that the command writes into.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::{FcntlArg, SpliceFFlags, fcntl, tee};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The size that is asked for: it takes a command's bursts.
pub const PIPE_SIZE: usize = 1 << 20;

/// Our end of the pipe, opened twice: one waits, the other never does.
///
/// The command, or another user who was given the pipe, may read from it too. What was there when
/// waiting ended may be gone when it is read, and the reader must not wait for it.
#[derive(Debug)]
pub struct Input {
    waiting: PipeReader,
    prompt: File,
    /// A pipe that takes what was only waited for.
    bin: (PipeReader, PipeWriter),
}

impl Input {
    /// A pipe as large as allowed, and the command's end of it.
    ///
    /// # Errors
    /// Those of pipe(2) and of opening /proc/self/fd.
    pub fn new() -> io::Result<(Self, PipeWriter)> {
        let (waiting, output) = io::pipe()?;
        // Best effort: a user with many pipes is refused more (pipe-user-pages-soft, pipe(7)).
        let _ = fcntl(&waiting, FcntlArg::F_SETPIPE_SZ(i32::try_from(PIPE_SIZE).unwrap_or(i32::MAX)));
        let path = format!("/proc/self/fd/{}", waiting.as_raw_fd());
        let prompt = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        Ok((Self { waiting, prompt, bin: io::pipe()? }, output))
    }

    /// Waits until there is something to read, or the end of it, and takes nothing out. This is a
    /// tee(2) and no poll(2): a pipe that was polled once wakes its readers at every write (Linux's
    /// fs/pipe.c, `poll_usage`), which slows a command that writes line by line.
    ///
    /// # Errors
    /// Those of tee(2) and read(2).
    pub fn wait(&self) -> io::Result<()> {
        let taken = tee(&self.waiting, &self.bin.1, 1, SpliceFFlags::empty())?;
        (&self.bin.0).read_exact(&mut [0][..taken.min(1)])
    }

    /// Whether there is something to read, or the end of it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)
            .is_ok_and(|ready| ready > 0)
    }

    /// Reads what is there; `None` when that is nothing. Never waits.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match (&self.prompt).read(buffer) {
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Input {
    /// The end that waits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiting.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn waiting_takes_nothing_out() {
        let (input, mut output) = Input::new().expect("a pipe");
        output.write_all(b"abc").expect("room");
        input.wait().expect("input");
        input.wait().expect("input");
        let mut buffer = [0; 8];
        assert_eq!(input.read(&mut buffer).expect("a read"), Some(3));
        assert_eq!(&buffer[..3], b"abc");
    }

    #[test]
    fn reading_never_waits_and_knows_the_end() {
        let (input, output) = Input::new().expect("a pipe");
        let mut buffer = [0; 8];
        assert_eq!(input.read(&mut buffer).expect("a read"), None);
        assert!(!input.is_ready());
        drop(output);
        assert!(input.is_ready());
        input.wait().expect("the end");
        assert_eq!(input.read(&mut buffer).expect("a read"), Some(0));
    }
}
