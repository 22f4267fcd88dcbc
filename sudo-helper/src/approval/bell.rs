//! The bell of a request: a fifo(7) whose read end is held by the process that waits.
//!
//! While that process lives the fifo has a reader, whatever becomes of the process; so the kernel
//! says who is still there (open(2): ENXIO), tells it to who watches (poll(2): POLLERR), and the byte
//! of a decision reaches the one who waits. Nothing is polled, and no hostile number of waiting
//! processes uses up what all of root's daemons share, as inotify(7) instances would.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{mkfifoat, read, write};

use crate::run_folder::RunFolder;

/// More than the rings that a request can have: an approval and a denial.
const RINGS: usize = 16;

/// The bell itself: whoever has it, outside the lock, is the one who waits.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

impl Bell {
    /// Makes a bell, and waits at it.
    ///
    /// # Errors
    /// Those of mkfifo(3), EEXIST among them: no name is used again; and of openat(2).
    pub(super) fn make(folder: &RunFolder, name: &str) -> io::Result<Self> {
        mkfifoat(folder, name, Mode::S_IRUSR | Mode::S_IWUSR)?;
        Self::hold(folder, name)
    }

    /// Waits at a bell that exists, or is about to ring it.
    pub(super) fn hold(folder: &RunFolder, name: &str) -> io::Result<Self> {
        // Open for writing too (fifo(7)), it reports no hang-up when a writer has been and gone, and
        // ringing raises no SIGPIPE when the one who waited has just died.
        Ok(Self(open(folder, name, OFlag::O_RDWR)?))
    }

    /// Wakes who waits at it.
    pub(super) fn ring(&self) -> io::Result<()> {
        match write(self, b"!") {
            // A full pipe wakes as well.
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes back the rings that were heard.
    pub(super) fn silence(&self) -> io::Result<()> {
        match read(self, &mut [0; RINGS]) {
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The write end: it reports an error once nobody waits at the bell any more.
#[derive(Debug)]
pub(super) struct Presence(OwnedFd);

impl Presence {
    /// That of the process that waits at a bell; `None` when none does.
    pub(super) fn at(folder: &RunFolder, name: &str) -> io::Result<Option<Self>> {
        match open(folder, name, OFlag::O_WRONLY) {
            Ok(fifo) => Ok(Some(Self(fifo))),
            Err(Errno::ENXIO | Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Presence {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Opens a fifo; anything else by its name is as good as none.
fn open(folder: &RunFolder, name: &str, access: OFlag) -> nix::Result<OwnedFd> {
    let flags = access | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fifo = openat(folder, name, flags, Mode::empty())?;
    let kind = SFlag::from_bits_truncate(fstat(&fifo)?.st_mode & SFlag::S_IFMT.bits());
    if kind == SFlag::S_IFIFO { Ok(fifo) } else { Err(Errno::ENXIO) }
}
