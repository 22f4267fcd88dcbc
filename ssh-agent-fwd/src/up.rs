//! `up`: an agent with the manifest's keys, the forwarder before it, and the user's ssh files, or nothing.
//!
//! Each `up` makes a generation of its own beside the one that serves, and takes its place by renames when a client has
//! had an answer. What it is about to touch outside of its folder it writes down there first, so that what undoes a
//! failure is what sweeps a generation whose `up` was killed: see [`crate::down::generation`].

mod change;
mod dry_run;
mod keys;
mod others;
mod place;
mod publish;
pub mod source;
mod told;
mod warnings;

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, RawFd};

use diagnostics::{Failure, complain};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, geteuid};
use trusted_path::{Sticky, walk};

use self::change::Change;
pub use self::keys::{Keys, of_entry};
use self::told::Told;
use crate::cli::UpCall;
use crate::daemon::Life;
use crate::erase::KeyFile;
use crate::exit::Exit;
use crate::foreground;
use crate::harden::harden;
use crate::instance::{Generation, Instance, Service, State, Turn};
use crate::interrupts::Interrupts;
use crate::key::KeyBlob;
use crate::launch::{self, Words};
use crate::manifest::{KeySource, Manifest};
use crate::name::{Alias, SocketPath};
use crate::policy::{self, Client, Policy};
use crate::report::{NAME, NOT_OPEN, Report};
use crate::served_user::ServedUser;
use crate::ssh_files::{self, Budget, Plan};
use crate::{agent, down, exec, ready};

/// What is wanted, before anything is changed.
#[derive(Debug)]
struct Wanted<'a> {
    call: &'a UpCall,
    manifest: Manifest,
    user: ServedUser,
}

/// What serves now.
#[derive(Debug)]
struct Up {
    generation: Generation,
    state: State,
    /// The keys that are loaded, with their entries' aliases.
    keys: Vec<(Alias, KeyBlob)>,
    /// The files of keys that are to go, and the entries' aliases.
    to_erase: Vec<(Alias, KeyFile)>,
    /// What could not be done afterwards.
    failures: Vec<Failure>,
    warnings: Vec<String>,
}

/// Provisions the manifest's user, or changes nothing.
#[must_use]
pub fn run(call: &UpCall) -> Exit {
    let report = Report::new(call.json);
    match up(call, report) {
        Ok(exit) => exit,
        Err(failure) => report.failure(told::OP, &failure, serde_json::Value::Null, &""),
    }
}

/// Makes sure that this process may do it.
///
/// # Errors
/// `not-root`.
pub fn require_root() -> Result<(), Failure> {
    if geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::new(
        "not-root",
        "only root can do this: what an instance has is root's; use sudo, or docker exec -u 0",
    ))
}

fn up(call: &UpCall, report: Report) -> Result<Exit, Failure> {
    // It will hold keys.
    harden().map_err(|error| Failure::new("start-failed", error))?;
    let not_told = |error: io::Error| Failure::new("ready-not-told", error);
    let manifest = source::read(&call.manifest)?;
    descriptors_are_open(call.ready_fd, &manifest)?;
    let ready_fd = call.ready_fd.map(supervise::handed_down).transpose().map_err(not_told)?;
    if manifest.entries.is_empty() {
        // Whoever waits is told that nothing is to come.
        if call.foreground {
            ready::tell(ready_fd).map_err(not_told)?;
        }
        return Ok(told::nothing(&manifest, report));
    }
    require_root()?;
    let user = ServedUser::resolve(&manifest.user, &manifest.home)?;
    Client::Uid(user.uid).examine().map_err(|why| Failure::new("user-refused", why))?;
    let wanted = Wanted { call, manifest, user };
    if call.dry_run {
        return Ok(dry_run::tell(&wanted, report));
    }
    let keys = Keys::read(&wanted.manifest)?;
    let instance = Instance::of(&wanted.manifest.name);
    let interrupts = Interrupts::take()?;
    let turn = Turn::take_unless(&wanted.manifest.name, || interrupts.check())?;
    let mut up = match replace(&instance, &wanted, keys, &interrupts) {
        Ok(up) => up,
        Err(failure) => {
            for worse in down::finish(&instance, turn, Vec::new()) {
                complain(NAME, &format!("{}: not undone: {worse}", worse.code));
            }
            return Err(failure);
        }
    };
    // Others may come now, and take over.
    drop(turn);
    // It has the keys, which are overwritten now.
    drop(wanted);
    if call.foreground {
        foreground::tell_ready(&up.state.name, &up.generation, ready_fd)?;
    }
    // The last step: as long as something can fail and be undone, the files are all that has the keys.
    up.erase();
    let exit = Told { call, up: &up }.tell(report);
    if call.foreground { foreground::attend(&up.state.name, &up.generation, &interrupts) } else { Ok(exit) }
}

/// Nothing is held open yet: what has one of these numbers now is what the caller handed down.
fn descriptors_are_open(ready_fd: Option<RawFd>, manifest: &Manifest) -> Result<(), Failure> {
    let of_keys = manifest.entries.iter().filter_map(|entry| match entry.key {
        KeySource::Fd(number) => Some(number),
        _ => None,
    });
    for number in ready_fd.into_iter().chain(of_keys) {
        supervise::handed_down(number).map_err(|error| {
            let help = "open it in whoever starts this, or name the one that is open";
            Failure::new(NOT_OPEN, format!("descriptor {number}: {error}; {help}"))
        })?;
    }
    Ok(())
}

/// Has a new generation take the place of what there is.
fn replace(
    instance: &Instance,
    wanted: &Wanted<'_>,
    keys: Keys,
    interrupts: &Interrupts,
) -> Result<Up, Failure> {
    let budget = Budget::default();
    for failure in others::sweep(instance, &budget)? {
        complain(NAME, &format!("{}: of an up that was killed: {failure}", failure.code));
    }
    exec::sweep();
    let mut change = Change::begin(instance, service(wanted)?, &budget)?;
    let next = || interrupts.check();
    next()?;
    agent::start(&change.generation.agent_folder(), Life::ItsOwn)?;
    let loaded = keys.load(&wanted.manifest, &change.generation.agent_socket(), next)?;
    // What is left of the keys here is overwritten as soon as the agent has them.
    let to_erase = keys.overwritten();
    let policy = write_policy(wanted, &change.generation, &loaded)?;
    start_forwarder(wanted, &change.generation)?;
    next()?;
    change.install_files()?;
    next()?;
    prove(wanted, &change.generation, &loaded, &budget)?;
    next()?;
    let (generation, state, mut failures) = change.publish()?;
    // It serves. What comes now is finished, and never taken back.
    failures.extend(others::retire(instance, &generation, &state, &budget));
    let warnings = warnings(wanted, &policy);
    let hosts = wanted.manifest.entries.iter().map(|entry| entry.host.clone());
    let loaded = hosts.zip(loaded).collect();
    Ok(Up { generation, state, keys: loaded, to_erase, failures, warnings })
}

impl Up {
    /// Erases the files of keys whose entries say so.
    fn erase(&mut self) {
        for (host, file) in self.to_erase.drain(..) {
            match file.erase() {
                Ok(said) => self.warnings.extend(said),
                Err(failure) => self.failures.push(of_entry(&host, &failure)),
            }
        }
    }
}

fn service(wanted: &Wanted<'_>) -> Result<Service, Failure> {
    let Wanted { call, manifest, user } = wanted;
    let place = |path: std::path::PathBuf| {
        let text = path.to_str().unwrap_or_default();
        text.parse::<SocketPath>().map_err(|why| Failure::new("manifest-invalid", format!("{text}: {why}")))
    };
    let agent = manifest.agent_socket();
    // Unless the manifest says another place it is found through `current`.
    let is_elsewhere = !agent.starts_with(manifest.folder());
    Ok(Service {
        name: manifest.name.clone(),
        user: (user.name.clone(), user.uid, user.gid),
        home: user.home.clone(),
        public_socket: place(manifest.public_socket())?,
        agent_socket: if is_elsewhere { Some(place(agent)?) } else { None },
        system_ssh_config: call.system_ssh_config,
        plan: Plan::of(manifest),
    })
}

fn write_policy(wanted: &Wanted<'_>, generation: &Generation, loaded: &[KeyBlob]) -> Result<Policy, Failure> {
    let entries = wanted.manifest.entries.iter().zip(loaded.iter().cloned());
    let policy = wanted.manifest.policy(vec![Client::Uid(wanted.user.uid)], entries);
    let failed = |why: String| Failure::new("policy-not-written", diagnostics::one_line(&why));
    let place = walk(&generation.policy(), Sticky::Refused).map_err(|error| failed(error.to_string()))?;
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    place
        .replace(policy::render(&policy).as_bytes(), Mode::S_IRUSR | Mode::S_IWUSR, root)
        .map_err(|error| failed(format!("{}: {error}", generation.policy().display())))?;
    Ok(policy)
}

fn start_forwarder(wanted: &Wanted<'_>, generation: &Generation) -> Result<(), Failure> {
    let stderr = io::stderr();
    let words = if wanted.call.foreground { Words::To(stderr.as_fd()) } else { Words::Syslog };
    launch::start(generation, words, wanted.call.record_required).map(drop)
}

/// A client of the user's gets a list with every key.
fn prove(
    wanted: &Wanted<'_>,
    generation: &Generation,
    loaded: &[KeyBlob],
    budget: &Budget,
) -> Result<(), Failure> {
    let listed = ssh_files::prove(&generation.public_socket(), &wanted.user, budget)?;
    let meant = loaded.iter().collect::<HashSet<_>>().len();
    if listed == meant {
        return Ok(());
    }
    Err(Failure::new(
        "proof",
        format!("{} is shown {listed} keys, where there should be {meant}", wanted.user.name),
    ))
}

fn warnings(wanted: &Wanted<'_>, policy: &Policy) -> Vec<String> {
    let overlooked = wanted.user.overlooked_home().filter(|_| !wanted.call.system_ssh_config);
    let unrecorded = warnings::unrecorded(wanted.call.record_required).filter(|_| !wanted.call.foreground);
    let own = policy.warnings().into_iter().chain(overlooked).chain(unrecorded);
    own.chain(warnings::of(&wanted.user)).collect()
}
