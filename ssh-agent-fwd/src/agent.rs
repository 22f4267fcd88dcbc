//! The agent that has the keys: ssh-agent(1), started so that nothing but its socket leads to them.

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use diagnostics::{Failure, one_line};
use nix::libc;
use nix::poll::PollFlags;

use crate::daemon::{self, Daemon, Life};
use crate::deadline::is_ready;
use crate::process::Process;
use crate::{program, ready};

/// The agent's socket, in its folder.
pub const SOCKET: &str = "agent.sock";
/// Which process the agent is, in its folder.
pub const PID_FILE: &str = "agent.pid";

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to end when it is of no use.
const ENDING: Duration = Duration::from_secs(5);
/// Most bytes that are read of what it says.
const MAX_WORDS: usize = 4096;
/// What it says when it listens (ssh-agent.c, main: after unix_listener).
const LISTENS: &str = "SSH_AUTH_SOCK=";
/// No module for PKCS#11 or FIDO may be loaded: a helper of root's would run it (ssh-agent(1), -P).
const NO_PROVIDER: &str = "none";

/// Starts an agent in this folder, which is there already and only root's (0700). It listens and answers when this
/// returns. To be called from the only thread of the process.
///
/// # Errors
/// `openssh-missing`, `openssh-untrusted`; `agent-not-started`, with its own words if it had any. It does not run then;
/// what it left is in the folder.
pub fn start(folder: &Path, life: Life) -> Result<Process, Failure> {
    let program = program::locate("ssh-agent")?;
    let (socket, pid_file) = (folder.join(SOCKET), folder.join(PID_FILE));
    let words = ["-D", "-P", NO_PROVIDER, "-a"].map(OsStr::new);
    let argv: Vec<OsString> =
        [program.as_os_str()].into_iter().chain(words).chain([socket.as_os_str()]).map(Into::into).collect();
    let (mut said, says) = io::pipe().map_err(|error| not_started(folder, &error.to_string()))?;
    let stream = Some(says.as_fd());
    let daemon = Daemon {
        argv: &argv,
        env: &[],
        life,
        pid_file: &pid_file,
        stdout: stream,
        stderr: stream,
        kept: &[],
    };
    let started = daemon::start(&daemon);
    drop(says);
    let agent = started.map_err(|failure| not_started(folder, &failure.to_string()))?;
    let ready = match hear(&mut said, Instant::now() + PATIENCE) {
        Ok(words) if words.lines().any(|line| line.starts_with(LISTENS)) => {
            ready::ask_agent(&socket).map(drop)
        }
        Ok(words) => Err(not_started(folder, &first_line(&words))),
        Err(error) => Err(not_started(folder, &error.to_string())),
    };
    // Not before it has answered: what it says to a closed pipe while it starts would end it.
    drop(said);
    match ready {
        Ok(()) => Ok(agent),
        Err(failure) => agent.end(libc::SIGTERM, ENDING).and(Err(failure)),
    }
}

fn not_started(folder: &Path, why: &str) -> Failure {
    let folder = one_line(&folder.to_string_lossy());
    Failure::new("agent-not-started", format!("ssh-agent does not serve in {folder}: {}", one_line(why)))
}

fn first_line(words: &str) -> String {
    words.lines().next().unwrap_or("it does not say that it listens").to_owned()
}

/// What it says until it listens, or ends; until then at the latest.
fn hear(said: &mut PipeReader, until: Instant) -> io::Result<String> {
    let mut words = [0; MAX_WORDS];
    let mut length = 0;
    while length < MAX_WORDS {
        if !is_ready(said, PollFlags::POLLIN, until)? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not say in time that it listens"));
        }
        let count = said.read(&mut words[length..])?;
        length += count;
        let text = String::from_utf8_lossy(&words[..length]);
        if count == 0 || text.lines().any(|line| line.starts_with(LISTENS)) {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&words[..length]).into_owned())
}
