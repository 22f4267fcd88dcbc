//! `up --foreground`: stays with the daemons, and takes everything down when it is told to or one of them ends.

use std::os::fd::OwnedFd;

use diagnostics::{Failure, complain};
use supervise::signal_name;

use crate::down;
use crate::down::files::GiveBack;
use crate::down::generation::{Ending, end_daemons, take_down as take_down_one};
use crate::exit::Exit;
use crate::instance::{Generation, Instance, Turn};
use crate::interrupts::Interrupts;
use crate::name::Name;
use crate::process::Process;
use crate::ready;
use crate::report::NAME;
use crate::ssh_files::Budget;

/// What ended the waiting.
enum Why {
    Signal(i32),
    Daemon(&'static str),
}

/// Tells that it is ready; where that cannot be told, takes everything down: it would be waited for without end.
///
/// # Errors
/// `ready-not-told`, and what could not be taken down.
pub fn tell_ready(name: &Name, generation: &Generation, ready_fd: Option<OwnedFd>) -> Result<(), Failure> {
    ready::tell(ready_fd).or_else(|error| {
        take_down(name, generation)?;
        Err(Failure::new("ready-not-told", error))
    })
}

/// Stays until a signal comes or a daemon ends; then takes everything down. The daemons are children of this process.
///
/// # Errors
/// `daemon-ended` with which one, and what could not be taken down.
pub fn attend(name: &Name, generation: &Generation, interrupts: &Interrupts) -> Result<Exit, Failure> {
    let why = wait(generation, interrupts);
    let was_ours = take_down(name, generation)?;
    // A service manager tells all processes at once, and a daemon may be the first to end (systemd.kill(5), KillMode=).
    let told = interrupts.came()?.map(Why::Signal);
    match told.map_or(why, Ok)? {
        _ if !was_ours => {
            complain(NAME, &"another up or a down has taken over");
            Ok(Exit::Done)
        }
        Why::Signal(signal) => {
            complain(NAME, &format!("{} came, and everything was taken down", signal_name(signal)));
            Ok(Exit::Done)
        }
        Why::Daemon(which) => {
            let error = format!("{which} has ended, and everything was taken down; start again");
            Err(Failure::new("daemon-ended", error))
        }
    }
}

fn wait(generation: &Generation, interrupts: &Interrupts) -> Result<Why, Failure> {
    let daemons = [("the agent", generation.agent()?), ("the forwarder", generation.forwarder()?)];
    loop {
        // SIGCHLD is among the signals that are waited for: what ends after this look wakes us.
        let ended = daemons.iter().find(|(_, process)| !process.as_ref().is_some_and(Process::is_alive));
        if let Some((which, _)) = ended {
            return Ok(Why::Daemon(which));
        }
        if let Some(signal) = interrupts.next()? {
            return Ok(Why::Signal(signal));
        }
    }
}

/// As `down`, unless another `up` or a `down` has been there meanwhile: then what may be left of this one alone. Whether
/// none has been there.
fn take_down(name: &Name, generation: &Generation) -> Result<bool, Failure> {
    // They are this one's, whoever has the turn: nobody keeps them in use.
    end_daemons(generation);
    let turn = Turn::take(name)?;
    let instance = Instance::of(name);
    let others = instance.generations()?;
    let successor = others.iter().find(|other| *other != generation && other.is_found());
    let was_ours = successor.is_none() && generation.folder().exists();
    let failures = match successor {
        None if was_ours => down::take_all_down(&instance),
        None => Vec::new(),
        // It could not take this one down, or was killed before it did.
        Some(successor) => {
            let serving = successor.state()?;
            take_down_one(generation, Ending::AtOnce, GiveBack::To(serving.as_ref()), &Budget::default())
        }
    };
    let mut failures = down::finish(&instance, turn, failures);
    let last = failures.pop();
    for failure in failures {
        complain(NAME, &format!("{}: {failure}", failure.code));
    }
    last.map_or(Ok(was_ours), Err)
}
