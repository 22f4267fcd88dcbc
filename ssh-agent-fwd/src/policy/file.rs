//! The policy as a file: `policy.json`, which `up` writes and only root can have written.

mod document;

use std::path::Path;

use serde_json::{Value, json};

use self::document::Document;
use super::{Client, Hosts, KeyRule, Policy};
use crate::json::{self, NotRead, Object};
use crate::key::KeyBlob;
use diagnostics::Failure;

/// Largest file that is read, in bytes.
pub const MAX_FILE: usize = 16 << 20;

/// Who has which name on this host.
pub trait Names {
    /// The uid of the account of that name, if there is one.
    ///
    /// # Errors
    /// A sentence when it cannot be known.
    fn uid(&self, name: &str) -> Result<Option<u32>, String>;

    /// The gid of the group of that name, if there is one.
    ///
    /// # Errors
    /// A sentence when it cannot be known.
    fn gid(&self, name: &str) -> Result<Option<u32>, String>;
}

/// The accounts of this host, looked up when a policy names one.
struct ThisHost;

impl Names for ThisHost {
    fn uid(&self, name: &str) -> Result<Option<u32>, String> {
        let account = accounts::Database::read().and_then(|database| database.account(name));
        account.map(|row| row.map(|row| row.uid)).map_err(|error| error.to_string())
    }

    fn gid(&self, name: &str) -> Result<Option<u32>, String> {
        let group = accounts::Database::read().and_then(|database| database.group(name));
        group.map_err(|error| error.to_string())
    }
}

/// Reads a policy that only root can have written.
///
/// # Errors
/// `policy-unreadable` when it cannot be read or trusted, `policy-invalid` when it is no policy; nothing of it counts.
pub fn load(path: &Path) -> Result<Policy, Failure> {
    let text = trusted_path::read(path, MAX_FILE).map_err(|error| {
        let help = "a policy is a regular file of root's that nobody else can write, in folders that nobody else can";
        Failure::new("policy-unreadable", format!("{}; {help}", diagnostics::one_line(&error.to_string())))
    })?;
    let path = diagnostics::one_line(&path.display().to_string());
    parse(&text, &ThisHost).map_err(|failure| Failure::new(failure.code, format!("{path}: {failure}")))
}

/// Reads a policy's text.
///
/// # Errors
/// `policy-invalid`: a sentence with the line, or the rule or client, at fault.
pub fn parse(text: &[u8], names: &dyn Names) -> Result<Policy, Failure> {
    let document: Result<Object<Document>, NotRead> = json::read(text);
    document
        .map_err(|error| error.to_string())
        .and_then(|Object(document)| document.policy(names))
        .map_err(|error| Failure::new("policy-invalid", error))
}

/// The policy as text; [`parse`] reads the same policy from it.
#[must_use]
pub fn render(policy: &Policy) -> String {
    let clients = policy.clients.iter().map(|client| match client {
        Client::Uid(uid) => json!({ "uid": uid }),
        Client::Gid(gid) => json!({ "gid": gid }),
    });
    let document = json!({
        "clients": clients.collect::<Vec<_>>(),
        "keys": policy.keys.iter().map(written).collect::<Vec<_>>(),
        "rate": policy.rate,
        "limits": policy.limits,
    });
    format!("{document:#}\n")
}

fn written(rule: &KeyRule) -> Value {
    let mut hosts: Vec<(&str, Vec<String>)> = Vec::new();
    for host in rule.host_keys().unwrap_or_default() {
        let line = host.key.to_string();
        match hosts.last_mut() {
            Some((name, lines)) if *name == host.name => lines.push(line),
            _ => hosts.push((&host.name, vec![line])),
        }
    }
    let hosts = hosts.into_iter().map(|(name, keys)| json!({ "name": name, "keys": keys }));
    json!({
        "key": rule.key.to_string(),
        "users": rule.users,
        "hosts": hosts.collect::<Vec<_>>(),
        "any_host": rule.hosts == Hosts::Any,
        "namespaces": rule.namespaces,
        "opaque": rule.opaque,
        "forwarded": rule.forwarded,
    })
}

/// Why this key cannot stand in a policy: only plain keys are compared.
pub(crate) fn refuse_certificate(key: &KeyBlob) -> Result<(), &'static str> {
    if super::decision::is_certificate(key) {
        return Err("this is a certificate, and certificates are judged by their plain key: name that one");
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
