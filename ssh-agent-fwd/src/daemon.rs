//! A process that goes on when this one has ended: it says in a file which it is before it becomes its program.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;
use std::path::Path;

use diagnostics::{Failure, one_line};

use crate::process::Process;
use crate::program::Program;

/// What is to go on.
#[derive(Debug, Clone, Copy)]
pub struct Daemon<'a> {
    /// The absolute path of its program, and the arguments.
    pub argv: &'a [OsString],
    /// Its whole environment.
    pub env: &'a [(&'a str, &'a OsStr)],
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
/// or blocked, and no descriptor but those that are said. It runs its program when this returns. To be called from the
/// only thread of the process.
///
/// # Errors
/// `program-not-started` when it does not come to its program, `daemon-ended` when that has ended already. The pid
/// file may be there then.
pub fn start(daemon: &Daemon<'_>) -> Result<Process, Failure> {
    let Daemon { argv, env, pid_file, stdout, stderr, kept } = *daemon;
    let program = Program { argv, env, stdio: [None, stdout, stderr], kept };
    let child = program.start(|| Process::this()?.write(pid_file))?;
    Process::of(child.pid().as_raw()).ok_or_else(|| {
        let path = argv.first().map(|path| one_line(&path.to_string_lossy())).unwrap_or_default();
        Failure::new("daemon-ended", format!("{path} has ended as soon as it was started"))
    })
}
