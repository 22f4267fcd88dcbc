//! The system calls that have no safe wrapper. All unsafe code of this program stands here.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, RawFd};

/// Another descriptor for what `fd` refers to, close-on-exec and above the standard ones.
pub(crate) fn duplicate(fd: RawFd) -> io::Result<File> {
    // SAFETY: F_DUPFD_CLOEXEC takes integers; an fd that is not open is an error.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if copy == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call made a new descriptor that nobody else owns.
    Ok(unsafe { File::from_raw_fd(copy) })
}
