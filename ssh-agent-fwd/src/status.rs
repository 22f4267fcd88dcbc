//! `status`: how an instance is, and what helps.

use diagnostics::Failure;
use serde_json::{Value, json};

use crate::cli::InstanceCall;
use crate::condition::{Condition, Facts, Seen, absent};
use crate::exit::Exit;
use crate::instance::Instance;
use crate::name::Name;
use crate::process::Process;
use crate::report::Report;
use crate::up::require_root;

/// The operation's name in JSON.
const OP: &str = "status";

/// Tells it.
#[must_use]
pub fn run(call: &InstanceCall) -> Exit {
    let report = Report::new(call.json);
    let facts = match look(&call.name) {
        Ok(facts) => facts,
        Err(failure) => {
            let name = json!({"name": call.name.as_str(), "condition": null});
            return report.failure(OP, &failure, name, &"");
        }
    };
    let condition = Condition::of(&facts);
    let said = match condition {
        Condition::Absent => absent(&call.name),
        _ => Failure::new(condition.word(), condition.sentence()),
    };
    let (object, words) =
        (object(&call.name, condition, &facts), words(&call.name, condition, &said, &facts));
    match condition {
        Condition::Ready => report.success(OP, object, &words),
        _ => report.no(OP, &said, object, &words),
    }
}

fn look(name: &Name) -> Result<Facts, Failure> {
    require_root()?;
    // Other signals still end this.
    supervise::make_children_waitable().map_err(|error| Failure::new("signals", error))?;
    Facts::gather(&Instance::of(name))
}

/// Why the user gets no list.
fn why(seen: Option<&Seen>) -> Option<&Failure> {
    seen.and_then(|seen| seen.listed.as_ref()).and_then(|listed| listed.as_ref().err())
}

fn object(name: &Name, condition: Condition, facts: &Facts) -> Value {
    let seen = facts.current.as_ref();
    let state = seen.and_then(|seen| seen.state.as_ref());
    let pid = |process: Option<Process>| process.map(|process| process.pid);
    json!({
        "name": name.as_str(),
        "condition": condition.word(),
        "sentence": condition.sentence(),
        "what_helps": condition.helps(),
        "user": state.map(|state| state.user.as_str()),
        "uid": state.map(|state| state.uid),
        "socket": state.map(|state| state.public_socket.as_str()),
        "keys": seen.and_then(|seen| seen.keys),
        "keys_of_the_user": seen.and_then(|seen| seen.listed.as_ref()?.as_ref().ok()),
        "why_no_list": why(seen).map(|failure| failure.error.as_str()),
        "forwarder_pid": seen.and_then(|seen| pid(seen.forwarder)),
        "agent_pid": seen.and_then(|seen| pid(seen.agent)),
        "generation": seen.map(|seen| seen.number),
        "generations": facts.generations,
    })
}

/// One screen.
fn words(name: &Name, condition: Condition, said: &Failure, facts: &Facts) -> String {
    let mut lines = vec![format!("{name}: {}: {said}", said.code)];
    if let Some(helps) = condition.helps() {
        lines.push(format!("  what helps  {helps}"));
    }
    if let Some(seen) = &facts.current {
        lines.extend(why(Some(seen)).map(|failure| format!("  why         {failure}")));
        lines.extend(lines_of(seen));
    }
    let serving = usize::from(facts.current.is_some());
    if facts.generations > serving {
        let left = facts.generations - serving;
        lines.push(format!("  left over   {left}, of an up that was killed or is under way"));
    }
    lines.join("\n")
}

fn lines_of(seen: &Seen) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(state) = &seen.state {
        lines.push(format!("  user        {}, uid {}", state.user, state.uid));
        lines.push(format!("  socket      {}", state.public_socket.as_str()));
    }
    if let Some(keys) = seen.keys {
        let listed = match &seen.listed {
            Some(Ok(listed)) => format!("; the user's list has {listed}"),
            _ => String::new(),
        };
        lines.push(format!("  keys        {keys} in the agent{listed}"));
    }
    let process = |process: Option<Process>| {
        process.map_or_else(|| "does not run".to_owned(), |process| format!("process {}", process.pid))
    };
    lines.push(format!("  forwarder   {}", process(seen.forwarder)));
    lines.push(format!("  agent       {}", process(seen.agent)));
    lines
}
