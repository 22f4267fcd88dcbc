//! Starting the forwarder so that it goes on when this process has ended.

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use diagnostics::{Failure, one_line};
use nix::poll::PollFlags;

use crate::daemon::{self, Daemon, Life};
use crate::deadline::is_ready;
use crate::instance::Generation;
use crate::process::Process;

/// How long it may take until clients are served.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of what it says when it does not serve.
const MAX_WORDS: u64 = 4096;

/// What comes after its start.
#[derive(Debug, Clone, Copy)]
pub enum Words<'a> {
    /// Its records go to syslog; its words are heard until it is ready.
    Syslog,
    /// Both go there, for as long as it lives.
    To(BorrowedFd<'a>),
}

/// Starts the forwarder of a generation whose agent and policy are there, and waits until it serves clients. To be
/// called from the only thread of the process.
///
/// # Errors
/// `forwarder-not-started`, with its own words if it had any. The pid file may be there then, and its process.
pub fn start(generation: &Generation, words: Words<'_>, record_required: bool) -> Result<Process, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::new("forwarder-not-started", one_line(&error.to_string()));
    let (ready, teller) = io::pipe().map_err(|error| failed(&error))?;
    let (said, says) = io::pipe().map_err(|error| failed(&error))?;
    let (record, stderr) = match words {
        Words::Syslog => ("syslog", says.as_fd()),
        Words::To(stderr) => ("stderr", stderr),
    };
    let mut argv = argv(generation, record, teller.as_raw_fd()).map_err(|error| failed(&error))?;
    argv.extend(record_required.then(|| "--record-required".into()));
    let daemon = Daemon {
        argv: &argv,
        env: &[],
        life: Life::ItsOwn,
        pid_file: &generation.forwarder_pid(),
        stdout: None,
        stderr: Some(stderr),
        kept: &[teller.as_fd()],
    };
    let started = daemon::start(&daemon);
    drop((teller, says));
    let process = started.map_err(|failure| failed(&failure))?;
    match hear(ready, Instant::now() + PATIENCE) {
        Ok(true) => Ok(process),
        Ok(false) => Err(failed(&last_words(said))),
        Err(error) => Err(failed(&error)),
    }
}

fn argv(generation: &Generation, record: &str, ready: i32) -> io::Result<Vec<OsString>> {
    let program = std::env::current_exe()?;
    let (public, agent, policy) =
        (generation.public_socket(), generation.agent_socket(), generation.policy());
    let ready = ready.to_string();
    let words: [&OsStr; 12] = [
        program.as_os_str(),
        "serve".as_ref(),
        "--listen".as_ref(),
        public.as_ref(),
        "--agent".as_ref(),
        agent.as_ref(),
        "--policy".as_ref(),
        policy.as_ref(),
        "--record".as_ref(),
        record.as_ref(),
        "--ready-fd".as_ref(),
        ready.as_ref(),
    ];
    Ok(words.map(OsString::from).into())
}

/// Whether the process at the other end has told that it is ready; when it has not, it has ended.
pub(crate) fn hear(mut ready: PipeReader, until: Instant) -> io::Result<bool> {
    if is_ready(&ready, PollFlags::POLLIN, until)? {
        ready.read(&mut [0]).map(|count| count > 0)
    } else {
        Err(io::Error::new(io::ErrorKind::TimedOut, "it is not ready in time"))
    }
}

/// The last line that it said before it ended: why it did.
fn last_words(said: PipeReader) -> String {
    let mut words = Vec::new();
    let _ = said.take(MAX_WORDS).read_to_end(&mut words);
    let words = String::from_utf8_lossy(&words).into_owned();
    let last = words.lines().rfind(|line| !line.trim().is_empty());
    let last = last.unwrap_or("it ended before it was ready");
    last.strip_prefix("ssh-agent-fwd: ").unwrap_or(last).to_owned()
}
