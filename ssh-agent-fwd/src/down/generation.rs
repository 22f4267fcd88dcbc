//! One generation is taken down: what it touched is given back, its processes end, its folder goes.
//!
//! It is what undoes an `up` that fails, what sweeps one that was killed, what ends one that was replaced, and `down`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use diagnostics::{Failure, one_line};
use nix::libc;

use super::files::{self, GiveBack};
use crate::instance::{FileId, Generation, State, Turn};
use crate::process::Process;
use crate::serve::{LONGEST_END, LONGEST_RETIREMENT};
use crate::ssh_files::Budget;

/// How long an agent may take to end.
const AGENT: Duration = Duration::from_secs(5);
/// What a forwarder is given beyond what it allows itself: nobody is killed who is still writing its record.
const MARGIN: Duration = Duration::from_secs(3);
/// How long a forwarder may take that is to end at once.
const AT_ONCE: Duration = LONGEST_END.saturating_add(MARGIN);
/// How long a forwarder may take that is to serve the clients which it has.
const RETIRE: Duration = LONGEST_RETIREMENT.saturating_add(MARGIN);

/// How the forwarder is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Now.
    AtOnce,
    /// When the clients that it has are served: others have come to its successor already.
    Retire,
}

/// Takes a generation down, as far as that can be done: what failed. Its folder stays then, for the next `down`; unless
/// it is only that files were not given back, which is written down beside it.
#[must_use]
pub fn take_down(
    generation: &Generation,
    ending: Ending,
    give_back: GiveBack<'_>,
    budget: &Budget,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    let state = generation.state().unwrap_or_else(|failure| {
        failures.push(failure);
        None
    });
    let mut done = |result: Result<(), Failure>| failures.extend(result.err());
    if let Some(state) = &state {
        done(unpublish(state));
        done(unlink_agent(state, generation));
    }
    if ending == Ending::Retire {
        done(end_forwarder(generation, ending));
    }
    // What the agent is asked right now fails at once, and no forwarder waits for it.
    done(end(generation.agent(), libc::SIGTERM, AGENT));
    if ending == Ending::AtOnce {
        done(end_forwarder(generation, ending));
    }
    let mut kept = None;
    if let Some(state) = state.as_ref().filter(|state| state.ssh_files)
        && let Err(failure) = files::give_back(state, give_back, budget)
    {
        done(generation.leave(state));
        let help = "the next up or down tries that once more; nothing else is left of it";
        kept = Some(Failure::new(failure.code, format!("{failure}; {help}")));
    }
    if failures.is_empty() {
        failures.extend(generation.remove().err());
    }
    failures.extend(kept);
    failures
}

/// Ends its processes at once, and touches nothing else: what matters most waits for no lock. What fails is told when
/// the generation is taken down.
pub fn end_daemons(generation: &Generation) {
    let _ = end(generation.agent(), libc::SIGTERM, AGENT);
    let _ = end_forwarder(generation, Ending::AtOnce);
}

/// Takes the socket away, unless another one has its name by now. Another instance may be about to take the place of a
/// socket that nobody serves.
fn unpublish(state: &State) -> Result<(), Failure> {
    let path = state.public_socket.as_path();
    let is_ours = || Ok(state.published.is_some() && FileId::of(path)? == state.published);
    if !is_ours()? {
        return Ok(());
    }
    let turn = Turn::take_places()?;
    let removed = is_ours().and_then(|is_ours| if is_ours { remove(path) } else { Ok(()) });
    turn.remove().and(removed)
}

/// Takes the link to the agent's socket away, unless it leads elsewhere by now.
fn unlink_agent(state: &State, generation: &Generation) -> Result<(), Failure> {
    let Some(path) = state.agent_socket.as_ref().map(|path| path.as_path()) else { return Ok(()) };
    let is_ours = fs::read_link(path).is_ok_and(|target| target == generation.agent_socket());
    if is_ours { remove(path) } else { Ok(()) }
}

fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_file(path).map_err(|error| {
        Failure::new("not-removed", format!("{}: {error}", one_line(&path.to_string_lossy())))
    })
}

fn end_forwarder(generation: &Generation, ending: Ending) -> Result<(), Failure> {
    let (signal, limit) = match ending {
        Ending::AtOnce => (libc::SIGTERM, AT_ONCE),
        Ending::Retire => (libc::SIGUSR1, RETIRE),
    };
    end(generation.forwarder(), signal, limit)
}

fn end(process: Result<Option<Process>, Failure>, signal: i32, limit: Duration) -> Result<(), Failure> {
    process?.map_or(Ok(()), |process| process.end(signal, limit))
}
