//! `exec`: an agent and a forwarder for one command, as `ssh-agent COMMAND`, and nothing of them afterwards.
//!
//! Nothing is written but a folder of its own: no ssh files, no policy. Whoever is not root may do it for itself: then
//! the policy keeps its programs from mistakes, not from malice, since the agent is the same user's.

mod folder;
mod forwarder;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use diagnostics::{Failure, complain};
use nix::libc;
use nix::unistd::{dup2_stdin, geteuid};
use supervise::{Command, Group, Inherited, Signals, Start, StartError};

use self::folder::Folder;
pub(crate) use self::folder::sweep;
use crate::cli::ExecCall;
use crate::daemon::Life;
use crate::harden::CoreLimit;
use crate::instance::Generation;
use crate::manifest::{KeySource, Manifest};
use crate::policy::{Client, Policy};
use crate::process::Process;
use crate::report::NAME;
use crate::served_user::ServedUser;
use crate::ssh_files::{self, Budget};
use crate::up::{Keys, source};
use crate::{agent, ready};

/// This program's own failure (as of env(1)).
pub const OWN_FAILURE: u8 = 125;
/// How long a daemon may take that is to end.
const ENDING: Duration = Duration::from_secs(5);
/// Where the kernel lists this process's open descriptors (proc(5)).
const DESCRIPTORS: &str = "/proc/self/fd";
/// Where a command looks for the agent.
const SOCKET_VARIABLE: &str = "SSH_AUTH_SOCK";

/// Runs the command; the exit status is its own, 126 or 127 when it cannot be run, 125 when this program fails.
#[must_use]
pub fn run(call: &ExecCall) -> u8 {
    match exec(call) {
        Ok(status) => status,
        Err(failure) => {
            complain(NAME, &format!("{}: {failure}", failure.code));
            OWN_FAILURE
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("exec-failed", diagnostics::one_line(&error.to_string()))
}

fn exec(call: &ExecCall) -> Result<u8, Failure> {
    // It will hold keys.
    let core = CoreLimit::hold().map_err(|error| failed(&error))?;
    let manifest = source::read(&call.manifest)?;
    if source::is_stdin(&call.manifest) {
        // A file could be read once more from its beginning, with the keys in it.
        let null = File::open("/dev/null").map_err(|error| failed(&error))?;
        dup2_stdin(&null).map_err(|errno| failed(&errno))?;
    }
    let user = user(&manifest)?;
    // As long as no number of a descriptor is one of ours.
    let keys = Keys::read(&manifest)?;
    keep_from_command(&manifest).map_err(|error| failed(&error))?;
    // All signals wait from now on; those that come before the command is there are for it.
    let inherited = Inherited::take().map_err(|error| failed(&error))?;
    let signals = Signals::all(&inherited).map_err(|error| failed(&error))?;
    let folder = Folder::make()?;
    let daemons = Daemons::start(call, (manifest, keys), &user, &folder)?;
    // The keys are overwritten, and the limit is the command's.
    core.give_back().map_err(|error| failed(&error))?;
    let ended = command(call, &daemons.generation)
        .and_then(|command| attend(&command, inherited, &signals).map_err(|error| failed(&error)));
    drop(daemons);
    ended
}

/// Whom the forwarder serves: not root, and unless this is root, the caller.
fn user(manifest: &Manifest) -> Result<ServedUser, Failure> {
    let user = ServedUser::resolve(&manifest.user, &manifest.home)?;
    Client::Uid(user.uid).examine().map_err(|why| Failure::new("user-refused", why))?;
    if geteuid().is_root() || geteuid().as_raw() == user.uid {
        return Ok(user);
    }
    let why =
        format!("the manifest is for {}, whom only root can serve: name yourself, or use sudo", user.name);
    Err(Failure::new("not-root", why))
}

/// The agent and the forwarder.
struct Daemons {
    generation: Generation,
    agent: Process,
    forwarder: Option<Process>,
}

impl Daemons {
    fn start(
        call: &ExecCall,
        (manifest, keys): (Manifest, Keys),
        user: &ServedUser,
        folder: &Folder,
    ) -> Result<Self, Failure> {
        let generation = folder.generation().clone();
        let agent = agent::start(&generation.agent_folder(), Life::ItsStarters)?;
        let mut daemons = Self { generation, agent, forwarder: None };
        let policy = daemons.load(&keys, &manifest, user)?;
        // Overwritten before there is a copy of this process.
        drop((keys, manifest));
        daemons.forwarder = Some(forwarder::start(folder, agent, policy, user, call.record_required)?);
        daemons.prove(user)?;
        Ok(daemons)
    }

    fn load(&self, keys: &Keys, manifest: &Manifest, user: &ServedUser) -> Result<Policy, Failure> {
        let loaded = keys.load(manifest, &self.generation.agent_socket(), || Ok(()))?;
        let policy = manifest.policy(vec![Client::Uid(user.uid)], manifest.entries.iter().zip(loaded));
        for warning in policy.warnings() {
            complain(NAME, &format!("warning: {warning}"));
        }
        Ok(policy)
    }

    /// The user gets a list.
    fn prove(&self, user: &ServedUser) -> Result<(), Failure> {
        let socket = self.generation.public_socket();
        let listed = if geteuid().is_root() {
            ssh_files::prove(&socket, user, &Budget::default())
        } else {
            ready::ask_agent(&socket)
        };
        listed.map(drop)
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        for process in self.forwarder.iter().chain([&self.agent]) {
            if let Err(failure) = process.end(libc::SIGTERM, ENDING) {
                complain(NAME, &format!("{}: {failure}", failure.code));
            }
        }
    }
}

/// The descriptors that keys came from are not the command's: it could read them once more from their beginning.
fn keep_from_command(manifest: &Manifest) -> io::Result<()> {
    let is_key = |number: &u32| {
        let number = i32::try_from(*number);
        manifest.entries.iter().any(|entry| matches!(&entry.key, KeySource::Fd(fd) if Ok(*fd) == number))
    };
    let open = fs::read_dir(DESCRIPTORS)?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let others: Vec<u32> = open.filter(|number| !is_key(number)).collect();
    supervise::close_others_on_exec(&others)
}

/// What is to run: as the caller has it, but for the agent.
fn command(call: &ExecCall, generation: &Generation) -> Result<Command, Failure> {
    let is_other = |(name, _): &(OsString, OsString)| name != OsStr::new(SOCKET_VARIABLE);
    let socket = (SOCKET_VARIABLE.into(), generation.public_socket().into_os_string());
    let environment = std::env::vars_os().filter(is_other).chain([socket]);
    let path = std::env::var_os("PATH").unwrap_or_else(supervise::default_path);
    Command::new(call.command.iter().cloned(), environment, path).map_err(|error| failed(&error))
}

/// Stays with it until it has ended.
fn attend(command: &Command, inherited: Inherited, signals: &Signals) -> io::Result<u8> {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let start = Start {
        command,
        group: Group::Callers,
        stdout: stdout.as_fd(),
        stderr: stderr.as_fd(),
        inherited,
        join: None,
    };
    match supervise::start(&start, || Ok(())) {
        Ok(child) => Ok(supervise::attend(&child, signals)?.outcome.status()),
        Err(StartError::Exec(failure)) => {
            complain(NAME, &failure);
            Ok(failure.status())
        }
        Err(StartError::Call(error)) => Err(error),
    }
}
