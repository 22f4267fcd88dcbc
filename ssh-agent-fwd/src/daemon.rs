//! A process that goes on when this one has ended: it says in a file which it is before it becomes its program.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use diagnostics::Failure;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

use crate::harden::allow_descriptors;
use crate::policy::MOST_CONNECTIONS;
use crate::process::Process;
use crate::program::Program;

/// How long it is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Until somebody ends it.
    ItsOwn,
    /// As long as this process, whose end is a SIGTERM to it (prctl(2), PR_SET_PDEATHSIG).
    ItsStarters,
}

/// What is to go on.
#[derive(Debug, Clone, Copy)]
pub struct Daemon<'a> {
    /// The absolute path of its program, and the arguments.
    pub argv: &'a [OsString],
    /// Its whole environment.
    pub env: &'a [(&'a str, &'a OsStr)],
    /// How long it is to live.
    pub life: Life,
    /// Where it writes which process it is. There is no such file yet.
    pub pid_file: &'a Path,
    /// Its standard output; /dev/null where none is said, as its standard input is.
    pub stdout: Option<BorrowedFd<'a>>,
    /// Its standard error; /dev/null where none is said.
    pub stderr: Option<BorrowedFd<'a>>,
    /// What else it has open, by the numbers that it has here.
    pub kept: &'a [BorrowedFd<'a>],
}

/// Starts it in a session of its own, in `/`, with umask 077, without core dumps, with no_new_privs, no signal ignored
/// or blocked, no descriptor but those that are said, and as many more as the most connections need, within the
/// caller's hard limit. It has come to its program when this returns, and may have ended. To be called from the only
/// thread of the process.
///
/// # Errors
/// `program-not-started` when it does not come to its program. The pid file may be there then.
pub fn start(daemon: &Daemon<'_>) -> Result<Process, Failure> {
    let Daemon { argv, env, life, pid_file, stdout, stderr, kept } = *daemon;
    let starter = Pid::this();
    let program = Program { argv, env, stdio: [None, stdout, stderr], kept };
    let child = program.start(|| {
        if life == Life::ItsStarters {
            set_pdeathsig(Signal::SIGTERM)?;
            // Its end was not to be told yet.
            if getppid() != starter {
                return Err(io::Error::other("whoever started it has ended"));
            }
        }
        allow_descriptors(MOST_CONNECTIONS)?;
        Process::this()?.write(pid_file)
    })?;
    Process::child(child.pid().as_raw())
        .map_err(|error| Failure::new("program-not-started", error.to_string()))
}
