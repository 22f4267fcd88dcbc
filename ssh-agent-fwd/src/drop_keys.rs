//! `drop`: the agent forgets every key, at once. RFC 9987 section 5.4 wants that honoured whatever a policy says; the
//! forwarder refuses it to clients, and root asks the agent itself.

use std::time::Duration;

use diagnostics::{Failure, complain};
use nix::libc;
use serde_json::json;

use crate::agent_keys;
use crate::cli::InstanceCall;
use crate::condition::absent;
use crate::exit::Exit;
use crate::instance::{Generation, Instance};
use crate::process::Process;
use crate::report::{NAME, Report};
use crate::up::require_root;

/// How long an agent may take to end that was killed.
const ENDING: Duration = Duration::from_secs(5);
/// The operation's name in JSON.
const OP: &str = "drop";

/// Drops the keys of every agent that an instance has. It waits for no lock: an emergency does not queue.
#[must_use]
pub fn run(call: &InstanceCall) -> Exit {
    let report = Report::new(call.json);
    let failed = |failure: Failure| report.failure(OP, &failure, json!({"name": call.name.as_str()}), &"");
    let generations = match require_root().and_then(|()| Instance::of(&call.name).generations()) {
        Ok(generations) => generations,
        Err(failure) => return failed(failure),
    };
    if generations.is_empty() {
        return failed(absent(&call.name));
    }
    let (mut dropped, mut failure) = (0, None);
    // Each of them, whatever becomes of the others.
    for generation in &generations {
        match drop_keys(generation) {
            Ok(count) => dropped += count,
            Err(error) => failure = Some(error),
        }
    }
    if let Some(failure) = failure {
        let help = format!("ssh-agent-fwd down --name {} ends the agent", call.name);
        return failed(Failure::new(failure.code, format!("{failure}; {help}")));
    }
    let object = json!({"name": call.name.as_str(), "dropped": dropped});
    let words = match dropped {
        0 => format!("the instance {} had no keys", call.name),
        _ => format!(
            "keys dropped of the instance {}: {dropped}; ssh-agent-fwd load puts them back",
            call.name
        ),
    };
    report.success(OP, object, &words)
}

/// Ends an agent that does not answer, and its keys with it: they are not to wait until it does.
fn end(generation: &Generation, silent: Failure) -> Result<usize, Failure> {
    let Some(agent) = generation.agent()?.filter(Process::is_alive) else { return Ok(0) };
    agent.end(libc::SIGKILL, ENDING)?;
    let help = "its keys are gone with it: ssh-agent-fwd up puts another one in its place";
    complain(NAME, &format!("{}: {silent}; it was ended, and {help}", silent.code));
    Ok(0)
}

/// Has the agent of a generation forget its keys; how many there were. One that has ended has none.
fn drop_keys(generation: &Generation) -> Result<usize, Failure> {
    let socket = generation.agent_socket();
    let before = match agent_keys::list(&socket) {
        Ok(keys) => keys.len(),
        // Asked first: what its pid file says is not what an emergency relies on.
        Err(failure) => return end(generation, failure),
    };
    agent_keys::remove_all(&socket)?;
    match agent_keys::list(&socket)?.len() {
        0 => Ok(before),
        left => {
            let why = "the agent says that it forgot its keys, and it has some: another up or load runs";
            Err(Failure::new("keys-stay", format!("{why} ({left} keys)")))
        }
    }
}
