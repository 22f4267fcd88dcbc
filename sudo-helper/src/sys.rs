//! The system calls that have no safe wrapper. All unsafe code of this program stands here.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    Errno::result(result).map_err(io::Error::from)
}

/// Bytes of the kernel's random number generator, once it is seeded (getrandom(2)).
pub(crate) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    const { assert!(N <= 256, "more than getrandom(2) always gives whole") };
    let mut bytes = [0; N];
    // SAFETY: the buffer is valid for writes of N bytes.
    let length = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), N, 0) };
    if check(length as libc::c_long)? == N as libc::c_long {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// A descriptor that polls readable when `pid` has ended (pidfd_open(2), Linux 5.3).
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = RawFd::try_from(fd).map_err(|_| io::Error::from(Errno::EBADF))?;
    // SAFETY: the call returned a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Disarms one of the three timers of setitimer(2), which outlive execve(2).
pub(crate) fn disarm_timer(which: libc::c_int) -> io::Result<()> {
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = [never; 2];
    let old = std::ptr::null_mut::<libc::timeval>();
    // SAFETY: two timevals are laid out as the itimerval that is read; a null old one is not written.
    check(unsafe { libc::syscall(libc::SYS_setitimer, which, timer.as_ptr(), old) }).map(drop)
}

/// Sets the nice value of this process (setpriority(2)).
pub(crate) fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: setpriority takes plain integers; 0 means this process.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) }.into()).map(drop)
}

/// The scheduling policy of this process with its flags (sched_getscheduler(2)).
pub(crate) fn scheduler() -> io::Result<i32> {
    // SAFETY: sched_getscheduler takes one integer; 0 means this process. glibc's is a plain call.
    let policy = check(unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) })?;
    i32::try_from(policy).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Makes this process an ordinary one for the scheduler: SCHED_OTHER without SCHED_RESET_ON_FORK.
pub(crate) fn set_ordinary_scheduler() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameter is valid for reads; 0 means this process.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_OTHER, &raw const priority) };
    check(result).map(drop)
}

/// Gives up the I/O priority, so that it follows from the nice value (ioprio_set(2)).
pub(crate) fn clear_io_priority() -> io::Result<()> {
    /// IOPRIO_WHO_PROCESS of linux/ioprio.h.
    const PROCESS: libc::c_int = 1;
    /// IOPRIO_CLASS_NONE with no data.
    const NONE: libc::c_int = 0;
    // SAFETY: ioprio_set takes three integers; 0 means this process.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, PROCESS, 0, NONE) }).map(drop)
}

/// Sets the execution domain to PER_LINUX without flags (personality(2)).
pub(crate) fn clear_personality() -> io::Result<()> {
    /// PER_LINUX of linux/personality.h, without flags.
    const LINUX: libc::c_ulong = 0;
    // SAFETY: personality takes one integer.
    check(unsafe { libc::personality(LINUX) }.into()).map(drop)
}
