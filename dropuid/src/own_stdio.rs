//! Pipes on the standard descriptors, handed to the user, so that it may open /dev/stdout.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::statfs::{FsType, fstatfs};
use nix::unistd::{Uid, fchown};

/// The file system of anonymous pipes (linux/magic.h, PIPEFS_MAGIC): a FIFO with a name is on another.
const PIPEFS: FsType = FsType(0x5049_5045);

/// Makes `user` the owner of each anonymous pipe on 0, 1 and 2, and of nothing else.
///
/// # Errors
/// Those of fstatfs(2) and fchown(2).
pub fn hand_over(user: Uid) -> io::Result<()> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let standard: [BorrowedFd<'_>; 3] = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    for fd in standard {
        if fstatfs(fd)?.filesystem_type() == PIPEFS {
            fchown(fd, Some(user), None)?;
        }
    }
    Ok(())
}
