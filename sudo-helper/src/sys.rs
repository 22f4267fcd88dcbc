//! The system calls that have no safe wrapper. All unsafe code of this program stands here.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};

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

/// fork(2) with the child in another cgroup from its first moment (clone3(2), CLONE_INTO_CGROUP, Linux
/// 5.7). `folder` is that of the cgroup; without one it stays in ours. To be called from the only thread: in the child a lock of
/// another one would stay locked for ever.
pub(crate) fn fork_into_cgroup(folder: Option<BorrowedFd<'_>>) -> io::Result<ForkResult> {
    /// CLONE_INTO_CGROUP of linux/sched.h; the constant of libc is an int, which it does not fit.
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let Some(folder) = folder else {
        // SAFETY: with a single thread no lock of the allocator or of std can be held by another one.
        return unsafe { nix::unistd::fork() }.map_err(io::Error::from);
    };
    let cgroup = u64::try_from(folder.as_raw_fd()).map_err(|_| io::Error::from(Errno::EBADF))?;
    // SAFETY: clone_args is made of integers, for which zero is a valid value.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = INTO_CGROUP;
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.cgroup = cgroup;
    // SAFETY: the arguments are valid for reads of their size. Without CLONE_VM and a stack the child
    // goes on here with a copy of all memory, as after fork(2); it has the only thread.
    let pid = check(unsafe {
        libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>())
    })?;
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from(Errno::ESRCH))?;
    Ok(if pid == 0 { ForkResult::Child } else { ForkResult::Parent { child: Pid::from_raw(pid) } })
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

/// Leaves the caller's session keyring for a new one of our own (keyctl(2)).
pub(crate) fn leave_session_keyring() -> io::Result<()> {
    /// KEYCTL_JOIN_SESSION_KEYRING of linux/keyctl.h.
    const JOIN: libc::c_long = 1;
    let nameless = std::ptr::null::<libc::c_char>();
    // SAFETY: a null name asks for a new keyring without a name; nothing else is read.
    check(unsafe { libc::syscall(libc::SYS_keyctl, JOIN, nameless) }).map(drop)
}

/// Takes memory from any NUMA node again (set_mempolicy(2)).
pub(crate) fn clear_memory_policy() -> io::Result<()> {
    let no_nodes = std::ptr::null::<libc::c_ulong>();
    // SAFETY: MPOL_DEFAULT takes no nodes: the null mask of no bits is not read.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, libc::MPOL_DEFAULT, no_nodes, 0) }).map(drop)
}

/// Columns of a terminal; 0 when it does not know them (TIOCGWINSZ of ioctl_tty(2)).
pub(crate) fn terminal_width(terminal: BorrowedFd<'_>) -> io::Result<u16> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one winsize, which lives until after the call.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    check(result.into()).map(|_| size.ws_col)
}

#[cfg(test)]
mod tests {
    use supervise::Group;

    use super::*;

    /// Whether it is true in a process of its own, which then ends.
    fn apart(body: impl FnOnce() -> bool) -> bool {
        let child = supervise::fork(Group::Callers, || u8::from(!body())).expect("forked");
        let ended = nix::sys::wait::waitpid(child.pid(), None).expect("reaped");
        ended == nix::sys::wait::WaitStatus::Exited(child.pid(), 0)
    }

    #[test]
    fn the_callers_session_keyring_is_left() {
        // KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING.
        // SAFETY: it takes integers only.
        let session = || unsafe { libc::syscall(libc::SYS_keyctl, 0, -3, 0) };
        assert!(apart(|| {
            // A container may forbid keyrings altogether.
            let Ok(()) = leave_session_keyring() else { return session() == -1 };
            let callers = session();
            leave_session_keyring().is_ok() && session() != callers
        }));
    }

    #[test]
    fn memory_comes_from_any_node_again() {
        let mode = || {
            let (mut mode, none) = (-1, std::ptr::null_mut::<libc::c_ulong>());
            // SAFETY: the mode is valid for writes; a null mask is not written.
            let asked = unsafe { libc::syscall(libc::SYS_get_mempolicy, &raw mut mode, none, 0, none, 0) };
            if asked == 0 { mode } else { libc::MPOL_DEFAULT }
        };
        let first_node: libc::c_ulong = 1;
        assert!(apart(|| {
            // SAFETY: the mask is valid for reads of its 64 bits.
            let bound =
                unsafe { libc::syscall(libc::SYS_set_mempolicy, libc::MPOL_BIND, &raw const first_node, 64) };
            // Without NUMA there is nothing to bind to.
            bound == -1 || mode() == libc::MPOL_BIND && clear_memory_policy().is_ok() && mode() == 0
        }));
    }
}
