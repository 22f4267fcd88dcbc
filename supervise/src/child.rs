//! A child of ours: its birth, what becomes of it, and the signals it is sent.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdout, setpgid};

use crate::ended::Ended;
use crate::exec::{Command, ExecFailure};
use crate::inherited::Inherited;
use crate::sys;

/// Which process group a child is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The one that we are in ourselves: signals from the terminal or to the group reach both.
    Callers,
    /// One of its own, in the same session (setpgid(2)).
    Own,
    /// One of its own, in a session of its own without a terminal (setsid(2)).
    OwnSession,
}

/// What a look at a child found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It has ended and was reaped.
    Ended(Ended),
    /// It was stopped by a signal.
    Stopped,
    /// It goes on after having been stopped.
    Continued,
}

/// A child that has not been reaped, so that its pid cannot name anything else.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    group: Group,
}

impl Child {
    pub(crate) fn new(pid: Pid, group: Group) -> Self {
        Self { pid, group }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it is in our own process group.
    #[must_use]
    pub fn shares_group(&self) -> bool {
        self.group == Group::Callers
    }

    /// Sends `signal` to the child, or to its whole group when that is its own; to both when the
    /// child has moved to another group. A child that has ended but was not reaped yet takes signals
    /// without effect.
    pub fn signal(&self, signal: i32) {
        // EPERM: it runs a setuid program as somebody else; there is nothing that we could do.
        if !self.shares_group() {
            let _ = sys::kill(-self.pid.as_raw(), signal);
        }
        if self.shares_group() || nix::unistd::getpgid(Some(self.pid)) != Ok(self.pid) {
            let _ = sys::kill(self.pid.as_raw(), signal);
        }
    }

    /// Sends `signal` to the child alone, whatever group it is in: for a program that looks after its
    /// own children when it is told to stop.
    pub fn signal_alone(&self, signal: i32) {
        let _ = sys::kill(self.pid.as_raw(), signal);
    }

    /// What became of the child since the last look; `None` when nothing did. Does not wait.
    ///
    /// # Errors
    /// Those of wait4(2).
    pub fn look(&self) -> io::Result<Option<Event>> {
        let flags = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;
        let Some((_, status, usage)) = sys::wait4(self.pid.as_raw(), flags)? else { return Ok(None) };
        Ok(Some(match Ended::from_wait(status, &usage) {
            Some(ended) => Event::Ended(ended),
            None if libc::WIFSTOPPED(status) => Event::Stopped,
            None => Event::Continued,
        }))
    }
}

/// Runs `body` in a child, which then ends with the status that it returned. The body may replace
/// the process. To be called from the only thread of the process.
///
/// # Errors
/// Those of fork(2).
pub fn fork(group: Group, body: impl FnOnce() -> u8) -> io::Result<Child> {
    match sys::fork()? {
        ForkResult::Parent { child } => Ok(Child::new(child, group)),
        ForkResult::Child => {
            let status = enter(group).map_or(125, |()| body());
            std::process::exit(i32::from(status))
        }
    }
}

fn enter(group: Group) -> Result<(), Errno> {
    match group {
        Group::Callers => Ok(()),
        Group::Own => setpgid(Pid::from_raw(0), Pid::from_raw(0)),
        Group::OwnSession => nix::unistd::setsid().map(drop),
    }
}

/// How a command is started.
pub struct Start<'a> {
    /// The command.
    pub command: &'a Command,
    /// The process group that it gets.
    pub group: Group,
    /// What becomes its standard output.
    pub stdout: BorrowedFd<'a>,
    /// What becomes its standard error.
    pub stderr: BorrowedFd<'a>,
    /// The signal mask and dispositions that it gets.
    pub inherited: Inherited,
    /// A file such as a cgroup's cgroup.procs that the child writes its own pid into.
    pub join: Option<&'a std::path::Path>,
}

/// Why a command was not started.
#[derive(Debug)]
pub enum StartError {
    /// A system call before the exec failed.
    Call(io::Error),
    /// The exec failed.
    Exec(ExecFailure),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => write!(f, "cannot start the command: {error}"),
            Self::Exec(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Call(error)
    }
}

/// Starts a command. `ready` runs when the child is there and before the command begins: what
/// cannot go wrong any more once it runs, and what needs threads. Returns once the command runs, or
/// with the reason why it does not.
///
/// # Errors
/// See [`StartError`].
pub fn start(start: &Start<'_>, ready: impl FnOnce() -> io::Result<()>) -> Result<Child, StartError> {
    let (told, teller) = io::pipe()?;
    let gate = Gate::new()?;
    let child = fork(start.group, || launch(start, &gate, &teller))?;
    drop(teller);
    let outcome = gate.open_after(ready).and_then(|()| hear_failure(told));
    if outcome.is_err() {
        // It waits at the gate, or has told its failure.
        let _ = sys::kill(child.pid().as_raw(), libc::SIGKILL);
        let _ = sys::wait4(child.pid().as_raw(), 0);
    }
    outcome.map(|()| child)
}

/// Where the child waits until its parent is ready for the command.
pub(crate) struct Gate {
    waiting: PipeReader,
    opener: PipeWriter,
}

impl Gate {
    pub(crate) fn new() -> io::Result<Self> {
        let (waiting, opener) = io::pipe()?;
        Ok(Self { waiting, opener })
    }

    /// The parent's side.
    pub(crate) fn open_after(self, ready: impl FnOnce() -> io::Result<()>) -> Result<(), StartError> {
        drop(self.waiting);
        ready()?;
        (&self.opener).write_all(&[1])?;
        Ok(())
    }

    /// The child's side; an error when the parent was not ready or is gone.
    fn wait(&self) -> io::Result<()> {
        // Our own copy of the writing end would keep the end of file away.
        sys::close(self.opener.as_raw_fd());
        (&self.waiting).read_exact(&mut [0])
    }
}

/// The child's side: becomes the command, or tells why not and returns.
pub(crate) fn launch(start: &Start<'_>, gate: &Gate, teller: &PipeWriter) -> u8 {
    let failure = match gate.wait().and_then(|()| prepare(start)) {
        Ok(()) => StartError::Exec(start.command.exec()),
        Err(error) => StartError::Call(error),
    };
    tell_failure(teller, &failure);
    125
}

fn prepare(start: &Start<'_>) -> io::Result<()> {
    if let Some(procs) = start.join {
        // Best effort: without the cgroup the watcher still walks the tree.
        let _ = std::fs::write(procs, "0");
    }
    dup2_stdout(start.stdout)?;
    dup2_stderr(start.stderr)?;
    start.inherited.restore()
}

/// One byte for the kind, four for the errno, the rest is the file's name.
fn tell_failure(mut teller: &PipeWriter, failure: &StartError) {
    use std::os::unix::ffi::OsStrExt;
    let (kind, errno, file) = match failure {
        StartError::Call(error) => (b'c', error.raw_os_error().unwrap_or(libc::EIO), &b""[..]),
        StartError::Exec(ExecFailure::NotFound(program)) => (b'n', libc::ENOENT, program.as_bytes()),
        StartError::Exec(ExecFailure::NotExecutable(file, errno)) => {
            (b'x', *errno as i32, file.as_os_str().as_bytes())
        }
        StartError::Exec(ExecFailure::NoInterpreter(file)) => {
            (b'i', libc::ENOENT, file.as_os_str().as_bytes())
        }
    };
    let _ = teller.write_all(&[&[kind], &errno.to_le_bytes()[..], file].concat());
}

/// End of file without a word means that the exec closed the pipe: the command runs.
pub(crate) fn hear_failure(mut told: PipeReader) -> Result<(), StartError> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let mut words = Vec::new();
    told.read_to_end(&mut words)?;
    let Some((head, file)) = words.split_first_chunk::<5>() else { return Ok(()) };
    let errno = i32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let file = OsString::from_vec(file.to_vec());
    Err(match head[0] {
        b'n' => StartError::Exec(ExecFailure::NotFound(file)),
        b'x' => StartError::Exec(ExecFailure::NotExecutable(file.into(), Errno::from_raw(errno))),
        b'i' => StartError::Exec(ExecFailure::NoInterpreter(file.into())),
        _ => StartError::Call(io::Error::from_raw_os_error(errno)),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader};
    use std::os::fd::AsFd;

    use super::*;

    /// The inner shell lives until it hears SIGUSR1; the signals that are tested would kill it.
    const PARENT_AND_CHILD: &str = r#"trap 'echo parent' INT TERM; trap : USR1
        sh -c 'trap "echo child; exit" USR1; echo ready; while :; do sleep 0.01; done'
        exit 0"#;

    /// What both shells say of a signal that is sent when both are there.
    fn said_after(send: impl FnOnce(&Child)) -> String {
        let inherited = Inherited::take().expect("a mask").with_empty_mask();
        let argv = ["/bin/sh".into(), "-c".into(), PARENT_AND_CHILD.into()];
        let command = Command::new(argv, [("PATH".into(), crate::DEFAULT_PATH.into())], "".into());
        let (stdout, writer) = io::pipe().expect("a pipe");
        let null = File::options().write(true).open("/dev/null").expect("/dev/null");
        let begin = Start {
            command: &command.expect("no NUL"),
            group: Group::OwnSession,
            stdout: writer.as_fd(),
            stderr: null.as_fd(),
            inherited,
            join: None,
        };
        let child = start(&begin, || Ok(())).expect("started");
        drop(writer);
        let mut said = BufReader::new(stdout);
        said.read_line(&mut String::new()).expect("ready");
        send(&child);
        child.signal(libc::SIGUSR1);
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("the rest");
        sys::wait4(child.pid().as_raw(), 0).expect("reaped");
        rest
    }

    #[test]
    fn a_signal_for_the_child_alone_leaves_its_own_children_be() {
        assert_eq!(said_after(|child| child.signal_alone(libc::SIGINT)), "child\nparent\n");
        assert_eq!(said_after(|child| child.signal(libc::SIGTERM)), "parent\n");
    }

    fn heard(failure: &StartError) -> String {
        let (told, teller) = io::pipe().expect("a pipe");
        tell_failure(&teller, failure);
        drop(teller);
        hear_failure(told).expect_err("a failure").to_string()
    }

    #[test]
    fn failures_cross_the_pipe_unchanged() {
        let failures = [
            StartError::Call(io::Error::from_raw_os_error(libc::ENOMEM)),
            StartError::Exec(ExecFailure::NotFound("prog".into())),
            StartError::Exec(ExecFailure::NotExecutable("/etc".into(), Errno::EACCES)),
            StartError::Exec(ExecFailure::NoInterpreter("/tmp/script".into())),
        ];
        for failure in failures {
            assert_eq!(heard(&failure), failure.to_string());
        }
    }

    #[test]
    fn silence_means_that_the_command_runs() {
        let (told, teller) = io::pipe().expect("a pipe");
        drop(teller);
        assert!(hear_failure(told).is_ok());
    }
}
