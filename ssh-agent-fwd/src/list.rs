//! `list`: which keys an instance has, and what each may sign.

use std::fmt;

use diagnostics::{Failure, one_line};
use serde::Serialize;
use serde_json::json;

use crate::agent_keys::{self, AgentKey};
use crate::cli::InstanceCall;
use crate::condition::current;
use crate::exit::Exit;
use crate::key::KeyBlob;
use crate::policy::{self, Hosts, KeyRule, Policy};
use crate::report::Report;
use crate::up::require_root;

/// The operation's name in JSON.
const OP: &str = "list";

/// A key, and what it may sign.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Listed {
    fingerprint: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    comment: Option<String>,
    /// Whether the agent has it.
    loaded: bool,
    /// Any one of them is enough; none: nobody can use it.
    rules: Vec<Allowed>,
}

/// What one rule allows.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Allowed {
    users: Vec<String>,
    hosts: Vec<String>,
    any_host: bool,
    namespaces: Vec<String>,
    opaque: bool,
    forwarded: bool,
}

/// Tells it.
#[must_use]
pub fn run(call: &InstanceCall) -> Exit {
    let report = Report::new(call.json);
    match list(call) {
        Ok(keys) => report.success(OP, json!({"name": call.name.as_str(), "keys": keys}), &Words(&keys)),
        Err(failure) => report.failure(OP, &failure, json!({"name": call.name.as_str()}), &""),
    }
}

fn list(call: &InstanceCall) -> Result<Vec<Listed>, Failure> {
    require_root()?;
    let generation = current(&call.name)?;
    let policy = policy::load(&generation.policy())?;
    let agent = agent_keys::list(&generation.agent_socket())?;
    Ok(listed(&policy, &agent))
}

/// The agent's keys, in its order, and then those of the policy that it does not have.
fn listed(policy: &Policy, agent: &[AgentKey]) -> Vec<Listed> {
    let of = |key: &KeyBlob, comment: Option<&str>| Listed {
        fingerprint: key.fingerprint().to_string(),
        kind: key.algorithm().map(one_line),
        comment: comment.map(one_line),
        loaded: comment.is_some(),
        rules: policy.keys.iter().filter(|rule| rule.key == key.plain()).map(Allowed::of).collect(),
    };
    let mut keys: Vec<Listed> = agent.iter().map(|key| of(&key.key, Some(&key.comment))).collect();
    for rule in &policy.keys {
        let fingerprint = rule.key.fingerprint().to_string();
        if keys.iter().all(|key| key.fingerprint != fingerprint) {
            keys.push(of(&rule.key, None));
        }
    }
    keys
}

impl Allowed {
    fn of(rule: &KeyRule) -> Self {
        let mut hosts: Vec<String> = Vec::new();
        if let Hosts::Keys(keys) = &rule.hosts {
            for host in keys {
                if !hosts.contains(&host.name) {
                    hosts.push(host.name.clone());
                }
            }
        }
        Self {
            users: rule.users.clone(),
            hosts,
            any_host: rule.hosts == Hosts::Any,
            namespaces: rule.namespaces.clone(),
            opaque: rule.opaque,
            forwarded: rule.forwarded,
        }
    }
}

/// A line for each key, and below it what it may sign.
struct Words<'a>(&'a [Listed]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        for Listed { fingerprint, kind, comment, loaded, rules } in self.0 {
            let words = [Some(fingerprint.as_str()), kind.as_deref(), comment.as_deref()];
            lines.push(words.into_iter().flatten().collect::<Vec<_>>().join(" "));
            if !loaded {
                lines.push("  not loaded: the agent does not have it".to_owned());
            }
            if rules.is_empty() {
                lines.push("  not in the policy: nobody can use it".to_owned());
            }
            lines.extend(rules.iter().flat_map(Allowed::lines));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl Allowed {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let users = self.users.join(", ");
        if self.any_host {
            lines.push(format!("  logins as {users} at any host"));
        } else if !self.hosts.is_empty() {
            lines.push(format!("  logins as {users} at {}", self.hosts.join(", ")));
        }
        if !self.namespaces.is_empty() {
            lines.push(format!("  signatures for {}", self.namespaces.join(", ")));
        }
        if self.opaque {
            lines.push("  whatever else is to be signed".to_owned());
        }
        if self.forwarded {
            lines.push("  also by hosts that the user is logged in to (ssh -A)".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{certificate, key, policy};

    fn agent_key(key: KeyBlob, comment: &str) -> AgentKey {
        AgentKey { key, comment: comment.to_owned() }
    }

    #[test]
    fn keys_are_listed_with_what_they_may_sign_in_the_agent_s_order() {
        let policy = policy();
        let agent = [agent_key(key("stray"), "a\n\u{1b}[2J"), agent_key(certificate("mine"), "me@here")];
        let keys = listed(&policy, &agent);
        let [stray, mine, rest @ ..] = &keys[..] else { panic!("{keys:?}") };
        assert_eq!((stray.comment.as_deref(), stray.rules.len()), (Some("a\\u{a}\\u{1b}[2J"), 0));
        assert_eq!(mine.fingerprint, key("mine").fingerprint().to_string());
        assert_eq!(mine.kind.as_deref(), Some("ssh-ed25519-cert-v01@openssh.com"));
        let of_mine: Vec<&KeyRule> = policy.keys.iter().filter(|rule| rule.key == key("mine")).collect();
        assert_eq!(mine.rules.len(), of_mine.len());
        assert_eq!(mine.rules[0].users, of_mine[0].users);
        assert!(!rest.is_empty() && rest.iter().all(|key| !key.loaded && key.comment.is_none()));
        let words = Words(&keys).to_string();
        assert!(words.contains(" a\\u{a}\\u{1b}[2J\n  not in the policy: nobody can use it\n"), "{words}");
        assert!(words.contains(" me@here\n  logins as git at git"), "{words}");
        assert!(words.contains("\n  not loaded: the agent does not have it\n"), "{words}");
    }

    #[test]
    fn what_a_rule_allows_is_a_line_each() {
        let base = KeyRule {
            key: key("mine"),
            users: vec!["git".to_owned(), "deploy".to_owned()],
            hosts: Hosts::Any,
            namespaces: vec!["git".to_owned(), "file".to_owned()],
            opaque: true,
            forwarded: true,
        };
        assert_eq!(
            Allowed::of(&base).lines(),
            [
                "  logins as git, deploy at any host",
                "  signatures for git, file",
                "  whatever else is to be signed",
                "  also by hosts that the user is logged in to (ssh -A)",
            ]
        );
    }
}
