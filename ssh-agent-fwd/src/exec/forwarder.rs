//! The forwarder of one command: a copy of this process, since what is not root's has no place for `serve`.

use std::fs;
use std::io::{self, PipeWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diagnostics::Failure;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, geteuid, getppid};
use supervise::{Group, Inherited, Signals};

use super::folder::{self, Folder};
use crate::descriptors::close_all_but;
use crate::harden::{allow_descriptors, harden};
use crate::launch::hear;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::process::Process;
use crate::record::{Recorder, Sink};
use crate::serve::LAST_REPLIES;
use crate::served_user::ServedUser;
use crate::shared::Shared;

/// How long it may take until clients are served.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the agent may take to end.
const ENDING: Duration = Duration::from_secs(5);
/// The socket's mode: its owner's alone.
const OWNER_ALONE: u32 = 0o600;

/// Starts it. It ends with this process, however that ends; when this one was killed it takes everything down. To be
/// called from the only thread of the process.
///
/// # Errors
/// `forwarder-not-started`.
pub fn start(
    folder: &Folder,
    agent: Process,
    policy: Policy,
    user: &ServedUser,
    record_required: bool,
) -> Result<Process, Failure> {
    let failed = |error: io::Error| Failure::new("forwarder-not-started", error);
    let generation = folder.generation();
    let listener = listen(&generation.public_socket(), user).map_err(failed)?;
    let (ready, teller) = io::pipe().map_err(failed)?;
    let (parent, socket, path) = (Pid::this(), generation.agent_socket(), folder.path().to_owned());
    let child = supervise::fork(Group::OwnSession, || {
        let ended = serve(listener, (&socket, policy), record_required, teller, parent);
        if getppid() != parent {
            let _ = agent.end(libc::SIGTERM, ENDING);
            folder::remove(&path);
        }
        u8::from(ended.is_err())
    });
    let process = child.and_then(|child| Process::child(child.pid().as_raw())).map_err(failed)?;
    if hear(ready, Instant::now() + PATIENCE).map_err(failed)? {
        Ok(process)
    } else {
        Err(failed(io::Error::other("it ended before it was ready")))
    }
}

/// Whoever connects before its mode is set is looked at as everybody is, and not let in.
fn listen(path: &Path, user: &ServedUser) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    if geteuid().is_root() {
        chown(path, Some(user.uid), Some(user.gid))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(OWNER_ALONE))?;
    Ok(listener)
}

/// The child's side, until it is told to end.
fn serve(
    listener: UnixListener,
    (agent, policy): (&Path, Policy),
    record_required: bool,
    mut teller: PipeWriter,
    parent: Pid,
) -> io::Result<()> {
    // Keys may have come through others, and the command's are no business of this process.
    close_all_but(&[&listener.as_fd(), &teller.as_fd()])?;
    let null = fs::File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    std::env::set_current_dir("/")?;
    let inherited = Inherited::discard()?;
    let signals = Signals::only(&[libc::SIGTERM], &inherited)?;
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    harden()?;
    allow_descriptors(policy.limits.connections)?;
    let shared =
        Arc::new(Shared::new(agent.to_owned(), policy, Recorder::start(Sink::Syslog, record_required)?));
    let _serving = Pool::start(listener, Arc::clone(&shared))?;
    teller.write_all(b"\n")?;
    drop(teller);
    // It ended before its end was to be told.
    while getppid() == parent {
        if signals.next()?.signal == libc::SIGTERM {
            break;
        }
    }
    shared.in_flight.finish(LAST_REPLIES);
    shared.recorder.finish();
    Ok(())
}
