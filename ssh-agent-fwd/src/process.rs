//! A process that outlives the one which started it: found again by its pid file, and never taken for another one that
//! has its number by now.

pub(crate) mod stat;

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use diagnostics::Failure;
use nix::libc;
use supervise::{ProcessHandle, signal_name};
use trusted_path::PathError;

use stat::{has_ended, start_time};

/// Longest pid file, in bytes: two numbers.
const MAX_FILE: usize = 64;
/// How long the end of a process is waited for that was killed: it may be in the middle of a write.
const AFTER_KILL: Duration = Duration::from_secs(5);
/// What identifies a process cannot be had.
const NOT_SHOWN: &str = "/proc does not show the process: mount it first";

/// A process, which its number and its start time name for as long as the system runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it was started, in ticks since the boot.
    pub start_time: u64,
}

impl Process {
    /// The process that has this number now, unless there is none, or nothing is left of it but its status.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = read_stat(pid).ok()?;
        if has_ended(&stat)? { None } else { Some(Self { pid, start_time: start_time(&stat)? }) }
    }

    /// A child of this process, which may have ended: its number is nobody else's until it is waited for (wait(2),
    /// NOTES).
    ///
    /// # Errors
    /// When /proc does not show it.
    pub fn child(pid: i32) -> io::Result<Self> {
        let start_time = start_time(&read_stat(pid)?).ok_or_else(|| io::Error::other(NOT_SHOWN))?;
        Ok(Self { pid, start_time })
    }

    /// This process; it stays the same one when it becomes another program.
    ///
    /// # Errors
    /// When /proc does not show it.
    pub fn this() -> io::Result<Self> {
        Self::child(std::process::id().cast_signed())
    }

    /// Writes the pid file, which is not there yet.
    ///
    /// # Errors
    /// Those of open(2) and write(2).
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(format!("{} {}\n", self.pid, self.start_time).as_bytes())
    }

    /// Reads a pid file of root's. `None`: there is none, or its writer was killed before it had written it, and so
    /// before it became anything.
    ///
    /// # Errors
    /// `pid-file` when it cannot be read, or others could have written it.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        match trusted_path::read(path, MAX_FILE) {
            Ok(text) => Ok(parse(&text)),
            Err(PathError::Call(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new("pid-file", diagnostics::one_line(&error.to_string()))),
        }
    }

    /// Whether it has something in this folder among its arguments.
    #[must_use]
    pub fn names(&self, folder: &Path) -> bool {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let mut arguments = arguments.split(|byte| *byte == 0);
        arguments.any(|argument| Path::new(OsStr::from_bytes(argument)).starts_with(folder))
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// Has it end: by this signal, and by SIGKILL when it has not ended within `limit`. That there is no such process
    /// any more is its end.
    ///
    /// # Errors
    /// `process-signal` when this process may not signal it; `process-stays` when it does not end for all that.
    pub fn end(&self, signal: i32, limit: Duration) -> Result<(), Failure> {
        let Some(handle) = self.handle()? else { return Ok(()) };
        for (signal, limit) in [(signal, limit), (libc::SIGKILL, AFTER_KILL)] {
            if !self.send(&handle, signal)? || self.wait(&handle, Instant::now() + limit)? {
                return Ok(());
            }
        }
        let why = format!("process {} has not ended, although it was killed: see /proc/{0}/stack", self.pid);
        Err(Failure::new("process-stays", why))
    }

    /// This process, held; `None` when its number is nobody's or another one's by now. It is held first and looked at
    /// afterwards: what is held then is it.
    ///
    /// # Errors
    /// `process-signal` when it cannot be held.
    fn handle(&self) -> Result<Option<ProcessHandle>, Failure> {
        match ProcessHandle::open(self.pid) {
            Ok(handle) => Ok(self.is_alive().then_some(handle)),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(error) => Err(self.failed("pidfd_open", &error)),
        }
    }

    fn send(&self, handle: &ProcessHandle, signal: i32) -> Result<bool, Failure> {
        match handle.signal(signal) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
            Err(error) => Err(self.failed(&signal_name(signal), &error)),
        }
    }

    fn wait(&self, handle: &ProcessHandle, until: Instant) -> Result<bool, Failure> {
        handle.wait(until).map_err(|error| self.failed("poll", &error))
    }

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        Failure::new("process-signal", format!("process {}: {what}: {error}", self.pid))
    }
}

fn parse(text: &[u8]) -> Option<Process> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let (pid, start_time) = text.split_once(' ')?;
    let process = Process { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? };
    (process.pid > 0).then_some(process)
}

/// What /proc says of a process.
fn read_stat(pid: i32) -> io::Result<String> {
    match fs::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => Ok(String::from_utf8_lossy(&stat).into_owned()),
        Err(error) => Err(io::Error::new(error.kind(), format!("{NOT_SHOWN} ({error})"))),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn sleep() -> (Child, Process) {
        let child = Command::new("/bin/sleep").arg("600").spawn().expect("sleep");
        let process = Process::of(i32::try_from(child.id()).expect("a pid")).expect("it runs");
        (child, process)
    }

    #[test]
    fn a_process_that_has_ended_is_none_even_before_it_is_waited_for() {
        let (mut child, process) = sleep();
        assert!(process.is_alive());
        process.end(libc::SIGTERM, PATIENCE).expect("ended");
        assert!(!process.is_alive());
        process.end(libc::SIGTERM, PATIENCE).expect("it has ended");
        child.wait().expect("its status");
        assert!(!process.is_alive());
        process.end(libc::SIGTERM, PATIENCE).expect("nobody is there");
    }

    #[test]
    fn a_child_that_has_ended_is_still_the_one_that_was_started() {
        let (mut child, process) = sleep();
        process.end(libc::SIGKILL, PATIENCE).expect("ended");
        assert_eq!(Process::child(process.pid).expect("shown"), process);
        child.wait().expect("its status");
        assert!(Process::child(process.pid).is_err());
    }

    #[test]
    fn a_number_that_is_another_s_by_now_is_not_signalled() {
        let (mut child, process) = sleep();
        let before = Process { start_time: process.start_time - 1, ..process };
        assert!(!before.is_alive());
        before.end(libc::SIGKILL, PATIENCE).expect("there is none");
        assert!(process.is_alive());
        process.end(libc::SIGKILL, PATIENCE).expect("ended");
        child.wait().expect("its status");
    }

    #[test]
    fn a_process_that_does_not_listen_is_killed() {
        let script = "trap '' TERM; echo; while :; do sleep 60; done";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("a shell");
        io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut [0]).expect("it ignores it");
        let process = Process::of(i32::try_from(child.id()).expect("a pid")).expect("it runs");
        process.end(libc::SIGTERM, Duration::from_millis(1)).expect("ended");
        assert!(!process.is_alive());
        child.wait().expect("its status");
    }

    #[test]
    fn a_pid_file_says_which_process_it_is() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir_in("/run").expect("a folder");
        let path = folder.path().join("pid");
        assert_eq!(Process::read(&path), Ok(None));
        let this = Process::this().expect("this");
        this.write(&path).expect("written");
        assert_eq!(Process::read(&path), Ok(Some(this)));
        assert!(this.write(&path).is_err(), "there is one");
        std::os::unix::fs::chown(&path, Some(12_345), None).expect("given away");
        assert_eq!(Process::read(&path).expect_err("not root's").code, "pid-file");
    }

    #[test]
    fn what_is_no_pid_file_names_no_process() {
        for text in
            ["", "1", "1 2", "1 2\n3", "0 2\n", "-1 2\n", "a 2\n", "1 -2\n", "1  2\n", "99999999999 2\n"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b"1 2\n"), Some(Process { pid: 1, start_time: 2 }));
    }
}
