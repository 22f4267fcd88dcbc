//! Pipes on the standard descriptors, opened to the user, so that /dev/stdout and the like work.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::stat::{FileStat, Mode, fchmod, fstat};
use nix::sys::statfs::{FsType, fstatfs};
use nix::unistd::{Uid, fchown};

/// The file system of anonymous pipes (linux/magic.h, PIPEFS_MAGIC): a FIFO with a name is on another.
const PIPEFS: FsType = FsType(0x5049_5045);

/// Makes `user` the owner of each anonymous pipe on 1 and 2, and of nothing else. A pipe on 0 may
/// be opened for reading but does not change hands: root's shell may read its script from it, and
/// whoever owns a pipe can write into it.
///
/// # Errors
/// Those of fstat(2), fstatfs(2), fchmod(2) and fchown(2).
pub fn hand_over(user: Uid) -> io::Result<()> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let input = pipe(stdin.as_fd())?;
    if let Some(stat) = &input {
        fchmod(stdin.as_fd(), Mode::from_bits_truncate(stat.st_mode) | Mode::S_IROTH)?;
    }
    let outputs: [BorrowedFd<'_>; 2] = [stdout.as_fd(), stderr.as_fd()];
    for fd in outputs {
        let is_input = |stat: &FileStat| input.is_some_and(|input| input.st_ino == stat.st_ino);
        if pipe(fd)?.is_some_and(|stat| !is_input(&stat)) {
            fchown(fd, Some(user), None)?;
        }
    }
    Ok(())
}

/// What an anonymous pipe is; `None` for anything else.
fn pipe(fd: BorrowedFd<'_>) -> io::Result<Option<FileStat>> {
    Ok(if fstatfs(fd)?.filesystem_type() == PIPEFS { Some(fstat(fd)?) } else { None })
}
