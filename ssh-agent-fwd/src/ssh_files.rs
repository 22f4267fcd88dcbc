//! What ssh(1) reads of the served user: a section of `~/.ssh/config` and one of `~/.ssh/known_hosts`.
//!
//! The user owns its home, and with it what every name below it stands for. So root opens nothing there: this program
//! is run again as the user, by [`as_user`](crate::as_user), who can do no more than the user could.
//!
//! None of this is what keeps keys from other hosts: the user may change these files. The policy does.

mod budget;
mod config;
mod home;
mod known_hosts;
mod order;
mod section;
mod staged;
mod text;
mod write;

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use diagnostics::Failure;
use serde::{Deserialize, Serialize};

use crate::manifest::{Entry, HostPublicKey, Manifest};
use crate::name::{Alias, HostName, Name, RemoteUser};
use crate::served_user::ServedUser;

pub use budget::Budget;
pub use order::{Order, Reply, Task, carry_out};

pub(crate) use config::host_lines;
pub(crate) use known_hosts::lines as known_hosts_lines;
pub(crate) use order::{Answer, TURNED_AWAY, UNPROVEN};
pub(crate) use write::change as change_files;

/// This program, whatever has become of its name (proc(5)).
const OWN_PROGRAM: &str = "/proc/self/exe";

/// What the files are to say of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The instance, whose name its sections carry.
    pub name: Name,
    /// The forwarder's socket.
    pub socket: PathBuf,
    /// The hosts, in the manifest's order.
    pub hosts: Vec<Host>,
}

/// A host, as ssh(1) is to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// What the user calls it.
    pub alias: Alias,
    /// The name that its keys are known by.
    pub hostname: HostName,
    /// Where connections go: to the gate, or to the host itself.
    pub address: HostName,
    /// The port there.
    pub port: NonZeroU16,
    /// Whom to log in as.
    pub user: RemoteUser,
    /// The keys by which it is known.
    pub keys: Vec<HostPublicKey>,
}

impl Plan {
    /// What the files are to say of a manifest's instance.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let hosts = manifest.entries.iter().map(Host::of).collect();
        Self { name: manifest.name.clone(), socket: manifest.public_socket(), hosts }
    }
}

impl Host {
    fn of(entry: &Entry) -> Self {
        let gate = entry.gate.as_ref();
        Self {
            alias: entry.host.clone(),
            hostname: entry.hostname.clone(),
            address: gate.map_or(&entry.hostname, |gate| &gate.hostname).clone(),
            port: gate.map_or(entry.port, |gate| gate.port),
            user: entry.user.clone(),
            keys: entry.known_host_keys.clone(),
        }
    }
}

/// Puts the plan's sections into the user's files, in the place of those that the instance has there already. Both
/// files are changed, or neither. To be called by root, from the only thread of the process.
///
/// # Errors
/// `home`, `ssh-folder`, `ssh-file`, `ssh-section`: what is wrong there; `as-user` when the process that is the user
/// does not do its work. Nothing is changed then.
pub fn install(plan: &Plan, user: &ServedUser, budget: &Budget) -> Result<(), Failure> {
    change(Task::Install(plan.clone()), user, budget)
}

/// Takes the instance's sections out of the user's files, which are then as they were. Files and a folder that were
/// made for sections, and are empty, go. To be called by root, from the only thread of the process.
///
/// # Errors
/// As for [`install`]. A home that is not there is none.
pub fn remove(name: &Name, user: &ServedUser, budget: &Budget) -> Result<(), Failure> {
    change(Task::Remove(name.clone()), user, budget)
}

/// Connects to the forwarder as the user, and asks for its list; how many keys that has. To be called by root, from
/// the only thread of the process.
///
/// # Errors
/// `proof` when there is no list, `turned-away` when the connection is closed instead; `as-user` as for [`install`].
pub fn prove(socket: &Path, user: &ServedUser, budget: &Budget) -> Result<usize, Failure> {
    let task = Task::Prove(socket.to_owned());
    match carry_out(Path::new(OWN_PROGRAM), task, user, budget)? {
        Reply::Keys(count) => Ok(count),
        Reply::Changed => Err(order::no_answer(user, "it answered something else")),
    }
}

fn change(task: Task, user: &ServedUser, budget: &Budget) -> Result<(), Failure> {
    match carry_out(Path::new(OWN_PROGRAM), task, user, budget)? {
        Reply::Changed => Ok(()),
        Reply::Keys(_) => Err(order::no_answer(user, "it answered something else")),
    }
}
