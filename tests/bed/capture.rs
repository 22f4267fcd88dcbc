//! Running a command to its end, with a bound that only a hang can reach.

use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::running::DEADLINE;

/// Held while a file is written that may be executed, and while a process is started: a child that
/// another test has forked would keep the file open until it executes, and ours could not be (ETXTBSY).
pub(crate) fn apart_from_forks() -> MutexGuard<'static, ()> {
    static APART: Mutex<()> = Mutex::new(());
    APART.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts `command`.
///
/// # Panics
/// When it cannot be started.
pub fn spawn(command: &mut Command) -> Child {
    let _apart = apart_from_forks();
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs `command` with an empty standard input and both outputs captured.
///
/// # Panics
/// When it cannot be started, or does not end.
#[must_use]
pub fn capture(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = format!("{command:?}");
    let mut child = spawn(&mut command);
    // A Command keeps its own copies of descriptors that it was given.
    drop(command);
    let outputs = [everything(child.stdout.take()), everything(child.stderr.take())];
    let pid = Pid::from_raw(child.id().cast_signed());
    let [stdout, stderr] = outputs.map(|output| {
        output.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("{said} kept its output open for {DEADLINE:?}")
        })
    });
    Output { status: child.wait().expect("a child can be waited for"), stdout, stderr }
}

fn everything(source: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = source.map(|mut source| source.read_to_end(&mut bytes));
        send.send(bytes)
    });
    receive
}

/// The code, or 128+n, as a shell gives it.
pub(crate) fn code(status: io::Result<ExitStatus>) -> i32 {
    let status = status.expect("a child can be waited for");
    status.code().or(status.signal().map(|signal| 128 + signal)).expect("it has ended")
}
