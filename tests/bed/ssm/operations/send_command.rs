//! SendCommand: checks a request as the service does, and sets what runs going.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::ssm::behaviour::End;
use crate::ssm::command::{Command, Invocation};
use crate::ssm::fields::{is_instance_id, strings};
use crate::ssm::machine::Machine;
use crate::ssm::node::Platform;
use crate::ssm::refusal::Refusal;
use crate::ssm::run::Run;
use crate::ssm::runner::Job;
use crate::ssm::state::{Shared, State};

/// Ids that one call names.
const INSTANCES: usize = 50;

/// Seconds in which a command may be delivered (TimeoutSeconds), and where none are given.
const DELIVERY: std::ops::RangeInclusive<u64> = 30..=2_592_000;
const DELIVERY_DEFAULT: u64 = 3600;

/// Seconds for which a script may run (executionTimeout), and what the agent takes instead of others.
const EXECUTION: std::ops::RangeInclusive<u64> = 5..=28_800;
const EXECUTION_DEFAULT: u64 = 3600;

/// The only document.
const DOCUMENT: &str = "AWS-RunShellScript";

pub(super) fn answer(shared: &Arc<Shared>, body: &Value) -> Result<Value, Refusal> {
    let mut state = shared.state();
    let (delivery_timeout, execution_timeout) = timeouts(body)?;
    let script = script(body)?;
    let instances = instances(&state, body)?;
    let mut command = Command {
        id: uuid(),
        sent: Instant::now(),
        body: body.clone(),
        script,
        delivery_timeout,
        execution_timeout,
        invocations: Vec::new(),
    };
    let mut runs = BTreeMap::new();
    for id in instances {
        let invocation = invoke(shared, &mut state, &command, &id, &mut runs);
        command.invocations.push(invocation);
    }
    let shown = command.shown(command.sent);
    state.commands.push(command);
    Ok(json!({ "Command": shown }))
}

fn timeouts(body: &Value) -> Result<(Duration, Duration), Refusal> {
    let delivery = body["TimeoutSeconds"].as_u64().unwrap_or(DELIVERY_DEFAULT);
    if !DELIVERY.contains(&delivery) {
        return Err(Refusal::shape("timeoutSeconds", "have value greater than or equal to 30"));
    }
    let execution = match strings(&body["Parameters"], "executionTimeout").first() {
        None => EXECUTION_DEFAULT,
        Some(text) => text.parse().map_err(|_| Refusal::new("InvalidParameters", "executionTimeout"))?,
    };
    let execution = if EXECUTION.contains(&execution) { execution } else { EXECUTION_DEFAULT };
    Ok((Duration::from_secs(delivery), Duration::from_secs(execution)))
}

/// The text of `_script.sh`.
fn script(body: &Value) -> Result<String, Refusal> {
    if body["DocumentName"] != DOCUMENT {
        return Err(Refusal::new("InvalidDocument", "Document with this name does not exist."));
    }
    let commands = strings(&body["Parameters"], "commands");
    if commands.is_empty() {
        return Err(Refusal::new("InvalidParameters", "commands"));
    }
    Ok(format!("{}\n", commands.join("\n")))
}

/// The nodes that are meant, if the service takes all of them.
fn instances(state: &State, body: &Value) -> Result<Vec<String>, Refusal> {
    let ids = strings(body, "InstanceIds");
    if ids.len() > INSTANCES {
        return Err(Refusal::shape("instanceIds", "have length less than or equal to 50"));
    }
    if !ids.iter().all(|id| is_instance_id(id)) {
        let pattern = r"satisfy regular expression pattern: (^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)";
        return Err(Refusal::shape("instanceIds", pattern));
    }
    if (1..ids.len()).any(|at| ids[..at].contains(&ids[at])) {
        return Err(Refusal::new("DuplicateInstanceId", ""));
    }
    let known = |id: &&str| state.node(id).is_some_and(|node| !node.refused);
    let bad: Vec<&str> = ids.iter().copied().filter(|id| !known(id)).collect();
    if !bad.is_empty() {
        return Err(Refusal::instances(&bad));
    }
    let windows = |id: &&str| state.node(id).is_some_and(|node| node.platform == Platform::Windows);
    if ids.iter().any(windows) {
        return Err(Refusal::new("UnsupportedPlatformType", ""));
    }
    let mut all: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    all.extend(targets(state, body)?);
    if all.is_empty() && body["Targets"].is_null() {
        return Err(Refusal::new("InvalidInstanceId", ""));
    }
    Ok(all)
}

/// Those that each of the targets fits.
fn targets(state: &State, body: &Value) -> Result<Vec<String>, Refusal> {
    let Some(targets) = body["Targets"].as_array() else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for node in state.nodes.iter().filter(|node| !node.refused && node.platform == Platform::Linux) {
        let mut fits = true;
        for target in targets {
            let key = target["Key"].as_str().unwrap_or_default();
            let has = node.values(key).ok_or_else(|| Refusal::new("InvalidTarget", key))?;
            fits &= strings(target, "Values").iter().any(|value| has.contains(value));
        }
        if fits {
            all.push(node.id.clone());
        }
    }
    Ok(all)
}

/// Gives a command to a node; `runs` are those that the command has already, by the node whose machine runs it.
fn invoke(
    shared: &Arc<Shared>,
    state: &mut State,
    command: &Command,
    id: &str,
    runs: &mut BTreeMap<String, Arc<Run>>,
) -> Invocation {
    let node = state.nodes.iter_mut().find(|node| node.id == id);
    let behaviour = node.map(crate::ssm::node::Node::next_behaviour).unwrap_or_default();
    let machine = match &behaviour.end {
        End::Ran | End::Altered(_) | End::Silent => machine(state, id),
        End::RanBy(other) => machine(state, other),
        _ => None,
    };
    let run = machine.map(|(instance, agent)| {
        let job = || Job {
            agent,
            command: command.id.clone(),
            instance: instance.clone(),
            script: command.script.clone(),
            pending: behaviour.pending,
            delivery_timeout: behaviour.delivery_timeout.unwrap_or(command.delivery_timeout),
            execution_timeout: command.execution_timeout,
        };
        Arc::clone(runs.entry(instance.clone()).or_insert_with(|| shared.run(job())))
    });
    Invocation { instance: id.to_owned(), unseen: behaviour.unseen, behaviour, run, cancelled: None }
}

/// The node on whose machine the commands of a node run, and its agent.
fn machine(state: &State, id: &str) -> Option<(String, Arc<Agent>)> {
    match &state.node(id)?.machine {
        Machine::Host(agent) => Some((id.to_owned(), Arc::clone(agent))),
        Machine::Like(of) => match &state.node(of)?.machine {
            Machine::Host(agent) => Some((of.clone(), Arc::clone(agent))),
            _ => None,
        },
        Machine::None => None,
    }
}

/// A random UUID, from the kernel.
fn uuid() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").expect("/proc is there");
    text.trim_end().to_owned()
}
