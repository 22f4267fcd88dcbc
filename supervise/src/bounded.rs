//! A program, run by absolute path: limited in time and in output, and gone afterwards with all that it started.
//!
//! It gets a process group of its own, `/` as its working directory, the environment that it is given and
//! nothing else, no blocked signal, and on standard input nothing but the bytes that it is given. When its
//! time is over it is killed with its group; when it has ended, what it left in its group is.
//!
//! [`run`] and [`ask`] wait for its end; a [`Dialogue`] speaks with it before. None of them starts a thread, which
//! a signal to this process could find.
//!
//! One that [`run_tied`] runs is gone as well when this process ends before it, by SIGKILL even.
//!
//! What has to be asked before it is killed, hears signals, or is to outlive us is not for this: see
//! [`crate::start`], [`crate::attend`] and [`crate::Watcher`].

mod attended;
mod dialogue;
mod input;
mod process;
mod ready;
mod stream;
mod tied;
mod user;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::Pid;

use crate::child::{Child, Group};
use crate::ended::Outcome;
use crate::sys;

use attended::{Attended, Captured, Excess, Stopped};
use input::input;

pub use dialogue::{Dialogue, Heard};
pub use tied::{Untold, run_tied};
pub use user::{run_as, run_confined};

/// How sudo(8) begins to tell that this host's own name has no address, before it goes on.
const UNRESOLVED: &str = "sudo: unable to resolve host ";

/// What to run and what it may use.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The absolute path and the arguments.
    pub argv: &'a [OsString],
    /// The whole environment; for [`run_tied`] what is set in ours.
    pub env: &'a [(&'a str, &'a str)],
    /// Standard input: a file in memory, sealed, that holds these bytes; /dev/null without any.
    pub stdin: &'a [u8],
    /// How long it may take; it is killed then, with its process group.
    pub limit: Duration,
    /// How many bytes of each of its output streams are kept.
    pub output: usize,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output, as far as it was kept.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, as far as it was kept.
    pub stderr: Vec<u8>,
    /// Whether it was killed because its time was over.
    pub timed_out: bool,
}

impl Ran {
    /// Its own words: the first line that says something, of standard error before standard output,
    /// without control characters. What sudo(8) says of the network comes last, since it is never why it ended.
    #[must_use]
    pub fn words(&self) -> String {
        let texts = [&self.stderr, &self.stdout].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let said = texts.iter().flat_map(|text| text.lines()).map(str::trim).filter(|line| !line.is_empty());
        let line = said.min_by_key(|line| line.starts_with(UNRESOLVED));
        match (line, self.timed_out, self.status) {
            (Some(line), ..) => diagnostics::one_line(line),
            (None, true, _) => "it did not end in time".to_owned(),
            (None, _, Some(status)) => format!("it ended with status {status} and without a word"),
            (None, _, None) => "a signal ended it".to_owned(),
        }
    }
}

impl From<Captured> for Ran {
    fn from(captured: Captured) -> Self {
        let status = match captured.outcome {
            Outcome::Exited(status) => Some(i32::from(status)),
            Outcome::Signaled { .. } => None,
        };
        let [stdout, stderr] = captured.streams;
        Self { status, stdout, stderr, timed_out: captured.stopped == Some(Stopped::Time) }
    }
}

/// The whole of what a program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code or signal.
    pub outcome: Outcome,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
}

/// Why a program gave no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// It could not be started or waited for.
    Call(io::Error),
    /// It took longer than it may; it was killed.
    TimedOut(Duration),
    /// It wrote more than it may; it was killed.
    TooMuchOutput(usize),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::TimedOut(limit) => write!(f, "no answer within {} s", limit.as_secs()),
            Self::TooMuchOutput(limit) => write!(f, "more than {limit} bytes of output"),
        }
    }
}

impl std::error::Error for NoAnswer {}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Call(error)
    }
}

/// Runs it. What it writes beyond its limit is read and dropped. May be called from several threads, by a
/// program that does not ignore SIGCHLD (wait(2)).
///
/// # Errors
/// When it cannot be started or waited for.
pub fn run(run: &Run<'_>) -> io::Result<Ran> {
    let (child, streams) = spawn(run.argv, run.env, input(run.stdin)?.into(), Stdio::piped())?;
    capture(child, streams, run, Excess::Dropped).map(Ran::from)
}

/// Runs it for what it writes to standard output: the whole of it, or nothing. What it writes to standard
/// error is nobody's. To be called from the only thread of the process.
///
/// # Errors
/// See [`NoAnswer`].
pub fn ask(run: &Run<'_>) -> Result<Answer, NoAnswer> {
    // A caller that ignores SIGCHLD would have the kernel reap the program (wait(2)).
    let sigchld_ignored = sys::set_ignored(libc::SIGCHLD, false)?;
    let captured = input(run.stdin)
        .and_then(|stdin| spawn(run.argv, run.env, stdin.into(), Stdio::null()))
        .and_then(|(child, streams)| capture(child, streams, run, Excess::Refused));
    sys::set_ignored(libc::SIGCHLD, sigchld_ignored)?;
    let Captured { outcome, streams: [stdout, _], stopped } = captured?;
    match stopped {
        None => Ok(Answer { outcome, stdout }),
        Some(Stopped::Time) => Err(NoAnswer::TimedOut(run.limit)),
        Some(Stopped::Output) => Err(NoAnswer::TooMuchOutput(run.output)),
    }
}

/// A child's standard output and standard error, as far as they are read.
type Streams = [Option<PipeReader>; 2];

fn capture(child: Child, streams: Streams, run: &Run<'_>, excess: Excess) -> io::Result<Captured> {
    let until = Instant::now() + run.limit;
    Attended::of(child, streams, run.output)?.capture(until, excess)
}

fn spawn(
    argv: &[OsString],
    env: &[(&str, &str)],
    stdin: Stdio,
    stderr: Stdio,
) -> io::Result<(Child, Streams)> {
    let mut command = command(argv, env, stdin, stderr)?;
    begin(command.current_dir("/").process_group(0), Group::Own)
}

fn command(argv: &[OsString], env: &[(&str, &str)], stdin: Stdio, stderr: Stdio) -> io::Result<Command> {
    let (program, arguments) = argv.split_first().ok_or(Errno::EINVAL)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env.iter().copied());
    command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr);
    Ok(command)
}

/// Starts a command that gets this group.
fn begin(command: &mut Command, group: Group) -> io::Result<(Child, Streams)> {
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().map(OwnedFd::from);
    let streams = [stdout, child.stderr.take().map(OwnedFd::from)].map(|stream| stream.map(PipeReader::from));
    Ok((Child::new(Pid::from_raw(child.id().cast_signed()), group), streams))
}

#[cfg(test)]
mod tests;
