//! A run that is killed where it enters one of its system calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Running, eventually, signal, tool};

/// For sh: stops before it becomes the command.
const STOPPED: &str = "echo ready $$; kill -STOP $$; exec \"$@\"";

/// What strace(1) writes when the signal has stopped it.
const STOPS: &str = "stopped by SIGSTOP";

/// How a run under strace(1) ended, and the calls that it made.
pub struct Traced {
    /// It came to the call, and was killed.
    pub killed: bool,
    /// Its exit status, 128 and the number of the signal that ended it.
    pub status: i32,
    /// Its calls, as strace(1) writes them.
    pub calls: Vec<String>,
}

/// One call among those of a run: strace(1) counts each kind by itself.
pub struct Call<'a> {
    kind: &'a str,
    number: usize,
}

impl<'a> Call<'a> {
    /// The call of this index.
    #[must_use]
    pub fn of(calls: &'a [String], index: usize) -> Option<Self> {
        let kind = calls[index].split_once('(')?.0;
        let same = |call: &&String| call.split_once('(').is_some_and(|(other, _)| other == kind);
        let number = calls[..=index].iter().filter(same).count();
        Some(Self { kind, number })
    }
}

/// Runs these words in the host in which `command` runs words, and has them killed when they enter this call; what they
/// start is not traced, and lives on as it may.
pub fn traced(command: impl FnOnce(&[&str]) -> Command, words: &[&str], at: Option<&Call<'_>>) -> Traced {
    signalled(command, words, at, "KILL")
}

/// The same with another signal, by its name without SIG.
pub fn signalled(
    command: impl FnOnce(&[&str]) -> Command,
    words: &[&str],
    at: Option<&Call<'_>>,
    name: &str,
) -> Traced {
    Tracing::start(command, words, at, name).end()
}

/// A run that is stopped when it enters this call, and goes on once `meanwhile` is done.
pub fn stopped(
    command: impl FnOnce(&[&str]) -> Command,
    words: &[&str],
    at: &Call<'_>,
    meanwhile: impl FnOnce(),
) -> Traced {
    let tracing = Tracing::start(command, words, Some(at), "STOP");
    // Its first stop, before it was traced, has no signal in the log.
    let is_stopped =
        |log: String| log.split_once("--- SIGSTOP {").is_some_and(|(_, after)| after.contains(STOPS));
    eventually("it stops at the call", || fs::read_to_string(&tracing.log).is_ok_and(is_stopped));
    meanwhile();
    signal(tracing.pid, libc::SIGCONT);
    signal(tracing.running.pid(), libc::SIGCONT);
    tracing.end()
}

/// A run under strace(1).
struct Tracing {
    running: Running,
    pid: i32,
    strace: Running,
    log: PathBuf,
    /// Where the log is.
    _folder: tempfile::TempDir,
}

impl Tracing {
    fn start(
        command: impl FnOnce(&[&str]) -> Command,
        words: &[&str],
        at: Option<&Call<'_>>,
        name: &str,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("calls");
        let running = Running::start(command(&[&["sh", "-c", STOPPED, "sh"], words].concat()));
        running.ready();
        let pid = inner(&running);
        // nsenter(1) stops with what it runs, and has it continue when it continues itself.
        eventually("both stop", || [pid, running.pid()].iter().all(|pid| state(*pid) == Some('T')));
        let inject = at.map(|call| format!("--inject={}:signal={name}:when={}", call.kind, call.number));
        let mut strace = Command::new("/bin/sh");
        strace.args(["-c", "exec \"$@\" 2>&1", "sh", tool("strace"), "-o"]).arg(&log).args(inject);
        strace.args(["-p", &pid.to_string()]);
        let strace = Running::start(strace);
        assert!(strace.line().is_some_and(|line| line.contains("attached")));
        signal(running.pid(), libc::SIGCONT);
        Self { running, pid, strace, log, _folder: folder }
    }

    fn end(mut self) -> Traced {
        let _ = self.strace.rest();
        self.running.write(b"");
        let status = self.running.status();
        let killed = status == 128 + libc::SIGKILL;
        let calls = fs::read_to_string(&self.log).expect("a log").lines().map(str::to_owned).collect();
        Traced { killed, status, calls }
    }
}

/// The pid outside of the one process that a command of a host started inside.
fn inner(running: &Running) -> i32 {
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    let children = fs::read_to_string(children).expect("it runs");
    children.trim().parse().unwrap_or_else(|_| panic!("one child: {children:?}"))
}

fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}
