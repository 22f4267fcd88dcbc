//! What root asks of the agent itself: which keys it has, and to forget them all.

use std::path::Path;

use diagnostics::{Failure, one_line};

use crate::key::KeyBlob;
use crate::upstream::ask_once;
use crate::wire::identities::Identities;
use crate::wire::reply::SUCCESS;
use crate::wire::request::LIST;

/// SSH_AGENTC_REMOVE_ALL_IDENTITIES, the whole body (section 5.4).
const REMOVE_ALL: [u8; 1] = [19];

/// A key that the agent has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKey {
    /// Its public half, or a certificate.
    pub key: KeyBlob,
    /// What the key's maker called it; foreign text, not escaped.
    pub comment: String,
}

/// The agent's keys, in its order.
///
/// # Errors
/// `agent-unreachable` when it does not answer with a list.
pub fn list(agent: &Path) -> Result<Vec<AgentKey>, Failure> {
    let reply = ask(agent, &LIST)?;
    let identities = Identities::read(&reply).map_err(|why| unreachable(agent, &why.to_string()))?;
    let comment = |comment: &[u8]| String::from_utf8_lossy(comment).into_owned();
    let of = |(key, said): (&KeyBlob, &[u8])| AgentKey { key: key.clone(), comment: comment(said) };
    Ok(identities.keys().zip(identities.comments()).map(of).collect())
}

/// Has the agent forget every key.
///
/// # Errors
/// `agent-unreachable`, or `agent-refused` when it does not do it.
pub fn remove_all(agent: &Path) -> Result<(), Failure> {
    if ask(agent, &REMOVE_ALL)? == SUCCESS {
        return Ok(());
    }
    let help = "it may be locked: unlock it (ssh-add -X), or end it";
    Err(Failure::new("agent-refused", format!("{}: the agent keeps its keys; {help}", shown(agent))))
}

fn ask(agent: &Path, request: &[u8]) -> Result<Vec<u8>, Failure> {
    ask_once(agent, request).map_err(|why| unreachable(agent, &why.to_string()))
}

fn unreachable(agent: &Path, why: &str) -> Failure {
    Failure::new("agent-unreachable", format!("{}: {}; is ssh-agent(1) there?", shown(agent), one_line(why)))
}

fn shown(agent: &Path) -> String {
    one_line(&agent.to_string_lossy())
}
