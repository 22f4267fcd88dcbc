//! Undoing what sudo(8) passes on from the caller, so that no operation ends half-way because of a
//! limit, a timer or a priority that the caller chose.

mod limits;

use std::env;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Pid, setgroups, setresgid};

use crate::sys;

pub use limits::LimitError;

/// Files of ours are written by their owner alone.
const UMASK: Mode = Mode::S_IWGRP.union(Mode::S_IWOTH);
/// The kernel's own default (prctl(2), PR_SET_TIMERSLACK); 0 would mean what the caller had.
const TIMER_SLACK_NS: libc::c_ulong = 50_000;
/// How likely the kernel ends us when memory is short, from -1000 to 1000 (proc(5)).
const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";

/// What could not be restored.
#[derive(Debug)]
pub enum SurroundingsError {
    /// A resource limit.
    Limit(LimitError),
    /// Something else: what it is and what the system said.
    Call(&'static str, io::Error),
}

impl fmt::Display for SurroundingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(error) => error.fmt(f),
            Self::Call(what, error) => write!(f, "cannot restore {what}: {error}"),
        }
    }
}

impl std::error::Error for SurroundingsError {}

impl From<LimitError> for SurroundingsError {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}

/// Restores what a process that init(1) started would have: resource limits, descriptors, timers,
/// priorities, session keyring, umask, working directory and groups. Signals are [`supervise::Inherited::discard`]'s,
/// afterwards. To be called by root before any thread or child is started.
///
/// # Errors
/// See [`SurroundingsError`]. Nothing may be done then: an operation might end half-way. Priorities
/// that only CAP_SYS_NICE or CAP_SYS_RESOURCE restore stay as they are where root lacks these.
pub fn restore() -> Result<(), SurroundingsError> {
    limits::restore()?;
    // sudo closes them, unless a rule lets its caller choose (closefrom_override).
    named("the open descriptors", supervise::close_others_on_exec(&[]))?;
    restore_timers()?;
    restore_groups()?;
    restore_priorities()?;
    named("the session keyring", where_permitted(sys::leave_session_keyring()))?;
    umask(UMASK);
    named("the working directory", env::set_current_dir("/"))
}

fn named<E: Into<io::Error>>(what: &'static str, result: Result<(), E>) -> Result<(), SurroundingsError> {
    result.map_err(|error| SurroundingsError::Call(what, error.into()))
}

/// To be done before signals get their default actions, which a timer that fires would meet.
fn restore_timers() -> Result<(), SurroundingsError> {
    for timer in [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF] {
        named("the interval timers", sys::disarm_timer(timer))?;
    }
    named("the timer slack", prctl::set_timerslack(TIMER_SLACK_NS))?;
    named("the parent-death signal", prctl::set_pdeathsig(None))
}

/// sudo -P keeps the caller's groups, and a rule may allow -g.
fn restore_groups() -> Result<(), SurroundingsError> {
    let root = Gid::from_raw(0);
    named("the supplementary groups", setgroups(&[root]))?;
    named("the group", setresgid(root, root, root))
}

fn restore_priorities() -> Result<(), SurroundingsError> {
    named("the scheduling policy", where_permitted(restore_scheduler()))?;
    named("the nice value", where_permitted(sys::set_nice(0)))?;
    named("the I/O priority", where_permitted(sys::clear_io_priority()))?;
    named("the CPU affinity", where_permitted(restore_affinity().map_err(io::Error::from)))?;
    named("the memory policy", where_permitted(sys::clear_memory_policy()))?;
    named("the execution domain", where_permitted(sys::clear_personality()))?;
    named("the OOM score", where_permitted(restore_oom_score()))
}

/// A container may lack the capability, the call or the file; an operation is slower then, not wrong.
fn where_permitted(result: io::Result<()>) -> io::Result<()> {
    match result.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(libc::EPERM | libc::EACCES | libc::ENOSYS | libc::ENOENT | libc::EROFS)) => Ok(()),
        _ => result,
    }
}

/// The policy with its flags must be plain: SCHED_RESET_ON_FORK would change our children's.
fn restore_scheduler() -> io::Result<()> {
    if sys::scheduler()? == libc::SCHED_OTHER { Ok(()) } else { sys::set_ordinary_scheduler() }
}

/// The kernel takes of the set what the cpuset(7) allows.
fn restore_affinity() -> Result<(), Errno> {
    let mut all = CpuSet::new();
    (0..CpuSet::count()).try_for_each(|cpu| all.set(cpu))?;
    sched_setaffinity(Pid::from_raw(0), &all)
}

fn restore_oom_score() -> io::Result<()> {
    OpenOptions::new().write(true).open(OOM_SCORE_ADJ)?.write_all(b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_container_forbids_is_left() {
        for errno in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::ENOENT, libc::EROFS] {
            assert!(where_permitted(Err(io::Error::from_raw_os_error(errno))).is_ok());
        }
        assert!(where_permitted(Err(io::Error::from_raw_os_error(libc::EINVAL))).is_err());
        assert!(where_permitted(Ok(())).is_ok());
    }

    #[test]
    fn the_umask_is_the_usual_one() {
        assert_eq!(UMASK.bits(), 0o022);
    }

    #[test]
    fn errors_say_what() {
        let error = named("the group", Err(Errno::EPERM)).expect_err("an error");
        assert_eq!(error.to_string(), "cannot restore the group: Operation not permitted (os error 1)");
    }
}
