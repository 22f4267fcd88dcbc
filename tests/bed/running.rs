//! A command that runs while the test talks to it.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::capture::{code, spawn};

/// No step of any test takes this long unless it hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks at what no event tells of.
const BREATH: Duration = Duration::from_millis(1);

/// A program for python3 that says `ready PID`, then the number of each signal that it gets, and
/// ends with 42 on SIGTERM. It waits with all of them blocked, so that none is lost. `self`
/// after it: it sends itself SIGUSR1 by way of its parent first.
pub const LISTENER: &str = r#"
import os, signal, sys
heard = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, heard)
if "self" in sys.argv: os.kill(os.getppid(), signal.SIGUSR1)
print("ready", os.getpid(), flush=True)
while True:
    got = signal.sigwaitinfo(heard).si_signo
    print(int(got), flush=True)
    if got == signal.SIGTERM: sys.exit(42)
"#;

/// A running command; killed, if need be, when the test is over.
pub struct Running {
    child: Child,
    input: Option<Box<dyn Write>>,
    lines: Receiver<String>,
}

impl Running {
    /// Starts `command` with pipes on its standard input and output.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let input = input.map(|input| Box::new(input) as Box<dyn Write>);
        Self { child, input, lines: lines(output.expect("a pipe")) }
    }

    /// The same for a child whose input and output are already elsewhere, such as a terminal.
    pub(crate) fn on(child: Child, input: impl Write + 'static, output: impl Read + Send + 'static) -> Self {
        Self { child, input: Some(Box::new(input)), lines: lines(output) }
    }

    /// The process that was started.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The next line of its output, without its end; `None` at the end of all output.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line came within {DEADLINE:?}"),
        }
    }

    /// The pid that a command tells with its first line, `ready PID`.
    ///
    /// # Panics
    /// When it says anything else.
    pub fn ready(&self) -> i32 {
        let line = self.line().expect("a first line");
        let pid = line.strip_prefix("ready ").and_then(|pid| pid.parse().ok());
        pid.unwrap_or_else(|| panic!("'ready PID' expected, not {line:?}"))
    }

    /// All further lines, up to the end of output.
    #[must_use]
    pub fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Writes to its standard input or terminal.
    ///
    /// # Panics
    /// When that is closed.
    pub fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("an open input");
        input.write_all(bytes).and_then(|()| input.flush()).expect("it reads");
    }

    /// Sends a signal by number to the process that was started.
    pub fn signal(&self, number: i32) {
        signal(self.pid(), number);
    }

    /// Waits until the kernel reports that it was stopped or continued, and says which.
    ///
    /// # Panics
    /// When it ended instead.
    #[must_use]
    pub fn changed(&self) -> Change {
        let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED | WaitPidFlag::WNOHANG;
        let change = Cell::new(None);
        // waitpid(2) has no bound of its own, and its signal would reach any thread.
        eventually("stopped or continued", || {
            change.set(match waitpid(Pid::from_raw(self.pid()), Some(flags)) {
                Err(Errno::EINTR) | Ok(WaitStatus::StillAlive) => None,
                Ok(WaitStatus::Stopped(..)) => Some(Change::Stopped),
                Ok(WaitStatus::Continued(_)) => Some(Change::Continued),
                other => panic!("stopped or continued expected, not {other:?}"),
            });
            change.get().is_some()
        });
        change.get().expect("it was so")
    }

    /// Waits for its end: its code, or 128+n.
    pub fn status(mut self) -> i32 {
        self.input = None;
        code(self.child.wait())
    }
}

/// What waitpid(2) reports of a process that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// By a signal.
    Stopped,
    /// By SIGCONT.
    Continued,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for what no event tells of.
///
/// # Panics
/// When it never comes.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "{what}: not so after {DEADLINE:?}");
        thread::sleep(BREATH);
    }
}

/// Sends a signal by number, kill(2): nix knows no real-time signals.
///
/// # Panics
/// When there is no such process.
pub fn signal(pid: i32, number: i32) {
    // SAFETY: kill takes two integers.
    let sent = unsafe { libc::kill(pid, number) };
    assert_eq!(sent, 0, "signal {number} to {pid}");
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    thread::spawn(move || {
        // A terminal reports EIO once its last user has gone: the end, as for a pipe.
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if send.send(text).is_err() {
                break;
            }
        }
    });
    receive
}
