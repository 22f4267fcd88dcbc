//! The system calls that have no safe wrapper. All unsafe code of this crate stands here.

#![allow(unsafe_code)]

use std::io::{self, PipeReader, PipeWriter};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, Pid};

/// One heap for all threads (mallopt(3)): a second one is a mapping of 64 MiB and four system calls.
pub(crate) fn keep_one_arena() {
    // SAFETY: called before any thread is started; the value is one that M_ARENA_MAX takes.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Opens /dev/null in place of each standard descriptor that the caller closed, so that no file
/// that is opened later becomes standard output or error by chance.
pub(crate) fn fill_standard_descriptors() -> io::Result<()> {
    let mut standard = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: the array is valid for reads and writes of its three elements.
    check(unsafe { libc::poll(standard.as_mut_ptr(), 3, 0) })?;
    for closed in standard.iter().filter(|slot| slot.revents & libc::POLLNVAL != 0) {
        // SAFETY: the path ends in NUL. open(2) returns the lowest free number, which is this one.
        let opened = check(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) })?;
        if opened != closed.fd {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
    }
    Ok(())
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Whether this process ignores `signal`.
pub(crate) fn is_ignored(signal: i32) -> io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null new action only queries; the old one is written in full on success.
    check(unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: sigaction succeeded.
    let action = unsafe { action.assume_init() };
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

/// Sets `signal` to be ignored, or to its default action. No handler can be set here. Returns
/// whether it was ignored before.
pub(crate) fn set_ignored(signal: i32, ignored: bool) -> io::Result<bool> {
    let handler = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: neither SIG_IGN nor SIG_DFL runs code of ours.
    let previous = unsafe { libc::signal(signal, handler) };
    if previous == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(previous == libc::SIG_IGN) }
}

/// A set of signals by number: nix's own constructors know no real-time signals.
pub(crate) fn signal_set(signals: impl Iterator<Item = i32>) -> SigSet {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset writes the whole set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set was initialised above; an invalid number only returns an error.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: sigemptyset initialised it.
    let set = unsafe { set.assume_init() };
    // SAFETY: the set is valid; nix asks only that it holds signals.
    unsafe { SigSet::from_sigset_t_unchecked(set) }
}

/// kill(2) for any signal number: nix knows no real-time signals. Negative: a process group.
pub(crate) fn kill(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes plain integers.
    check(unsafe { libc::kill(target, signal) }).map(drop)
}

/// fork(2). To be called from the only thread: the child of a process with more threads could find
/// a lock held for ever (fork(2), "async-signal-safe"). Threads are started after the last fork.
pub(crate) fn fork() -> io::Result<ForkResult> {
    // SAFETY: with a single thread no lock of the allocator or of std can be held by another one.
    unsafe { nix::unistd::fork() }.map_err(io::Error::from)
}

/// One wait4(2): the process that changed state, its status word and its usage; `None` when no
/// child has changed state. `pid` -1 means any child.
pub(crate) fn wait4(pid: i32, flags: i32) -> io::Result<Option<(Pid, i32, libc::rusage)>> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are valid for writes of their types.
    let found = check(unsafe { libc::wait4(pid, &raw mut status, flags, usage.as_mut_ptr()) })?;
    // SAFETY: rusage is made of integers, for which zero is a valid value.
    let usage = unsafe { usage.assume_init() };
    Ok((found != 0).then(|| (Pid::from_raw(found), status, usage)))
}

/// The supplementary groups. nix's wrapper reads a file of /proc first, to learn their largest number.
pub(crate) fn supplementary_groups() -> io::Result<Vec<libc::gid_t>> {
    loop {
        // SAFETY: size 0 only asks for the number of groups (getgroups(2)).
        let count = check(unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
        let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
        // SAFETY: the buffer has room for `count` ids.
        match check(unsafe { libc::getgroups(count, groups.as_mut_ptr()) }) {
            // EINVAL: somebody added a group in between.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            Err(error) => return Err(error),
            Ok(filled) => {
                groups.truncate(usize::try_from(filled).unwrap_or(0));
                return Ok(groups);
            }
        }
    }
}

/// A descriptor that polls readable when `pid` has ended (pidfd_open(2), Linux 5.3).
pub(crate) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = RawFd::try_from(fd).unwrap_or(-1);
    check(fd)?;
    // SAFETY: the call returned a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to the process of a pidfd (pidfd_send_signal(2), Linux 5.1).
pub(crate) fn pidfd_send_signal(pidfd: &OwnedFd, signal: i32) -> io::Result<()> {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: no siginfo is handed over, so that the kernel fills it in as for kill(2).
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, info, 0) };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// Marks every descriptor from `first` to `last` close-on-exec (close_range(2), Linux 5.11).
pub(crate) fn close_range_on_exec(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: with CLOSE_RANGE_CLOEXEC nothing is closed now, so no owner loses its descriptor.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// Closes every descriptor from `first` to `last` (close_range(2), Linux 5.9).
pub(crate) fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: called where nothing is open that is used again: before anything was opened, or in a child that ends by
    // exit, so that no owner's drop runs there.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// Closes a descriptor of which this process knows only the number.
pub(crate) fn close(fd: RawFd) {
    // SAFETY: as in close_range(), or in a child that ends by exec.
    let _ = unsafe { libc::close(fd) };
}

/// prctl(2) with integer arguments.
fn prctl(option: i32, argument: libc::c_ulong) -> io::Result<libc::c_int> {
    const NONE: libc::c_ulong = 0;
    // SAFETY: every option used below takes integers only.
    check(unsafe { libc::prctl(option, argument, NONE, NONE, NONE) })
}

/// The securebits of this thread (capabilities(7)).
pub(crate) fn securebits() -> io::Result<libc::c_int> {
    prctl(libc::PR_GET_SECUREBITS, 0)
}

/// Empties the ambient capability set (Linux 4.3).
pub(crate) fn clear_ambient_capabilities() -> io::Result<()> {
    // SAFETY: PR_CAP_AMBIENT_CLEAR_ALL takes three zeros after it.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) }).map(drop)
}

/// The highest number that a capability can have: a set is 64 bits (linux/capability.h).
const MAX_CAPABILITY: libc::c_ulong = 63;

/// Takes every capability out of the bounding set, unless this process may not (PR_CAPBSET_DROP of prctl(2)).
pub(crate) fn empty_bounding_set() -> io::Result<()> {
    for capability in 0..=MAX_CAPABILITY {
        match prctl(libc::PR_CAPBSET_DROP, capability) {
            // EINVAL: the kernel has no more of them.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EPERM)) => break,
            other => other.map(drop)?,
        }
    }
    Ok(())
}

/// The three sets that capget(2) and capset(2) carry, as masks of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CapabilitySets {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
}

/// _LINUX_CAPABILITY_VERSION_3: two words of 32 bits a set (linux/capability.h).
const CAPABILITY_VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The capability sets of this thread.
pub(crate) fn capabilities() -> io::Result<CapabilitySets> {
    let mut header = CapHeader { version: CAPABILITY_VERSION, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: version 3 reads the header and writes exactly two data words.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    Errno::result(result).map_err(io::Error::from)?;
    let join = |low: u32, high: u32| u64::from(low) | (u64::from(high) << 32);
    Ok(CapabilitySets {
        effective: join(data[0].effective, data[1].effective),
        permitted: join(data[0].permitted, data[1].permitted),
        inheritable: join(data[0].inheritable, data[1].inheritable),
    })
}

/// Gives up every permitted, effective and inheritable capability of this thread.
pub(crate) fn clear_capabilities() -> io::Result<()> {
    let mut header = CapHeader { version: CAPABILITY_VERSION, pid: 0 };
    let data = [CapData::default(); 2];
    // SAFETY: version 3 reads the header and exactly two data words.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) };
    Errno::result(result).map(drop).map_err(io::Error::from)
}

/// Marks one descriptor close-on-exec; one that is not open any more is none to mark.
pub(crate) fn set_close_on_exec(fd: u32) -> io::Result<()> {
    let fd = RawFd::try_from(fd).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: F_SETFD changes a flag of a descriptor number and touches no memory.
    match check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) }) {
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(()),
        other => other.map(drop),
    }
}

/// fcntl(2), F_DUPFD_CLOEXEC: the same open file by another number, `lowest` or above.
pub(crate) fn duplicate(fd: RawFd, lowest: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl takes three integers here.
    let copy = check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, lowest) })?;
    // SAFETY: a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// fcntl(2); libc has no name for it (asm-generic/fcntl.h).
const F_SETSIG: libc::c_int = 10;

/// Puts what `command` starts into a session of its own, which the kernel kills when every copy of `writer` is closed
/// (fcntl(2): F_SETSIG, F_SETOWN). It inherits `reader`.
pub(crate) fn tie_session(command: &mut Command, reader: &PipeReader, writer: &PipeWriter) {
    let (reader, writer) = (reader.as_raw_fd(), writer.as_raw_fd());
    // SAFETY: between fork and exec only system calls are made, and nothing is allocated (fork(2)).
    unsafe { command.pre_exec(move || tie(reader, writer)) };
}

/// The child's side of [`tie_session`].
fn tie(reader: RawFd, writer: RawFd) -> io::Result<()> {
    let session = nix::unistd::setsid()?;
    // Our own copy would keep the pipe from hanging up.
    close(writer);
    set(reader, libc::F_SETOWN, -session.as_raw())?;
    set(reader, F_SETSIG, libc::SIGKILL)?;
    set(reader, libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK)?;
    set(reader, libc::F_SETFD, 0)?;
    // It hung up before there was anybody to signal.
    let mut byte = [0_u8];
    // SAFETY: the buffer is valid for writes of its one byte.
    match unsafe { libc::read(reader, byte.as_mut_ptr().cast(), 1) } {
        0 => Err(io::Error::from_raw_os_error(libc::EPIPE)),
        _ => Ok(()),
    }
}

/// fcntl(2) with an integer.
fn set(fd: RawFd, what: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: every operation used above takes an integer and touches no memory.
    check(unsafe { libc::fcntl(fd, what, value) }).map(drop)
}
