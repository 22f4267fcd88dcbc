//! An output of ours, of any kind: LOG or standard output.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, tee};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Devices of the kernel that never stall: null, zero and full (Linux's admin-guide/devices.txt).
const MEMORY_MAJOR: u32 = 1;

/// A pipe that polls writable takes this much at once (PIPE_BUF, pipe(7)).
const NEVER_BLOCKS: usize = 4096;

/// How often a stalled output is left to see whether it is given up, in milliseconds.
const LOOK_UP: u8 = 100;

/// An open file that is written to.
#[derive(Debug)]
pub struct Output {
    file: File,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A regular file or a device that never stalls.
    Prompt,
    /// A pipe, with or without a name.
    Pipe,
    /// A terminal, a socket, any other device.
    Other,
}

/// What a tee(2) came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Teed {
    /// So many bytes went to the output and are still to be read.
    Bytes(usize),
    /// Nothing: the input has ended, or a write that faulted left an empty buffer in the pipe
    /// (Linux before 6.15). Only read(2) can tell.
    Nothing,
    /// Not possible, or not without waiting: write instead.
    Impossible,
}

impl Output {
    /// Finds out what the file is.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        let memory = kind.is_char_device() && libc::major(metadata.rdev()) == MEMORY_MAJOR;
        let kind = match (kind.is_file() || memory, kind.is_fifo()) {
            (true, _) => Kind::Prompt,
            (_, true) => Kind::Pipe,
            _ => Kind::Other,
        };
        Ok(Self { file, kind })
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether tee(2) can pass pages on to it.
    #[must_use]
    pub fn is_pipe(&self) -> bool {
        self.kind == Kind::Pipe
    }

    /// Writes all of it, waiting as long as that takes. O_NONBLOCK belongs to the open file, which
    /// others share: it is neither set nor relied on to be unset.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&self.file).write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.await_room(PollTimeout::NONE)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of it, but stops waiting for a stalled output once that is `given_up`.
    ///
    /// # Errors
    /// Those of write(2), and TimedOut when it was given up.
    pub fn write_until(&self, mut bytes: &[u8], given_up: &AtomicBool) -> io::Result<()> {
        if self.kind == Kind::Prompt {
            return self.write(bytes);
        }
        while !bytes.is_empty() {
            if given_up.load(Ordering::Acquire) && !self.await_room(PollTimeout::ZERO)? {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "its reader does not read on"));
            }
            if self.await_room(PollTimeout::from(LOOK_UP))? {
                let (now, _) = bytes.split_at(bytes.len().min(NEVER_BLOCKS));
                match (&self.file).write(now) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => bytes = &bytes[count..],
                    Err(error)
                        if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Whether a write would go through now; also when nobody reads any more.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.await_room(PollTimeout::ZERO).unwrap_or(true)
    }

    fn await_room(&self, patience: PollTimeout) -> io::Result<bool> {
        match poll(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)], patience) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Passes up to `limit` bytes of a pipe on without taking them out of it (tee(2)): the kernel
    /// shares the pages. Waits for input and for room.
    ///
    /// # Errors
    /// Those of tee(2), EPIPE among them.
    pub fn tee(&self, input: BorrowedFd<'_>, limit: usize) -> io::Result<Teed> {
        loop {
            match tee(input, &self.file, limit, SpliceFFlags::empty()) {
                Ok(0) => return Ok(Teed::Nothing),
                Ok(count) => return Ok(Teed::Bytes(count)),
                Err(Errno::EINTR) => {}
                // EAGAIN: whoever opened the output set O_NONBLOCK. EINVAL: not a pipe after all.
                Err(Errno::EAGAIN | Errno::EINVAL) => return Ok(Teed::Impossible),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
