//! The members of policy.json.

use serde::{Deserialize, Deserializer, de};

use super::super::{Client, HostKey, Hosts, KeyRule, Limits, MAX_CLIENTS, MAX_LIST, MAX_RULES, Policy, Rate};
use super::{Names, refuse_certificate};
use crate::json::{Object, list};
use crate::key::KeyBlob;
use crate::name::{AccountName, HostName, Namespace, RemoteUser};

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(deserialize_with = "list::<_, _, MAX_CLIENTS>")]
    clients: Vec<ClientDocument>,
    #[serde(deserialize_with = "list::<_, _, MAX_RULES>")]
    keys: Vec<Object<RuleDocument>>,
    #[serde(default)]
    rate: Rate,
    #[serde(default)]
    limits: Limits,
}

/// `{"user": "node"}`, and the like.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClientDocument {
    User(AccountName),
    Group(AccountName),
    Uid(u32),
    Gid(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDocument {
    key: PublicKey,
    #[serde(default, deserialize_with = "list::<_, _, MAX_LIST>")]
    users: Vec<RemoteUser>,
    #[serde(default, deserialize_with = "list::<_, _, MAX_RULES>")]
    hosts: Vec<Object<HostDocument>>,
    #[serde(default)]
    any_host: bool,
    #[serde(default, deserialize_with = "list::<_, _, MAX_LIST>")]
    namespaces: Vec<Namespace>,
    #[serde(default)]
    opaque: bool,
    #[serde(default)]
    forwarded: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostDocument {
    name: HostName,
    #[serde(deserialize_with = "list::<_, _, MAX_LIST>")]
    keys: Vec<PublicKey>,
}

/// `ssh-ed25519 AAAA…`; no certificate.
struct PublicKey(KeyBlob);

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let key: KeyBlob = String::deserialize(input)?.parse().map_err(de::Error::custom)?;
        refuse_certificate(&key).map_err(de::Error::custom)?;
        Ok(Self(key))
    }
}

impl Document {
    pub(super) fn policy(self, names: &dyn Names) -> Result<Policy, String> {
        let clients =
            self.clients.into_iter().map(|client| client.resolve(names)).collect::<Result<_, _>>()?;
        let rule = |(index, Object(rule)): (usize, Object<RuleDocument>)| {
            rule.rule().map_err(|why| format!("rule {}: {why}", index + 1))
        };
        let keys = self.keys.into_iter().enumerate().map(rule).collect::<Result<_, _>>()?;
        Ok(Policy { clients, keys, rate: self.rate, limits: self.limits })
    }
}

impl ClientDocument {
    fn resolve(self, names: &dyn Names) -> Result<Client, String> {
        let client = match &self {
            Self::Uid(uid) => Client::Uid(*uid),
            Self::Gid(gid) => Client::Gid(*gid),
            Self::User(name) => {
                Client::Uid(names.uid(name.as_str())?.ok_or(format!("there is no user {name}"))?)
            }
            Self::Group(name) => {
                Client::Gid(names.gid(name.as_str())?.ok_or(format!("there is no group {name}"))?)
            }
        };
        client.examine().map(|()| client)
    }
}

impl RuleDocument {
    fn rule(self) -> Result<KeyRule, String> {
        let hosts = match (self.any_host, self.hosts.is_empty()) {
            (true, true) => Hosts::Any,
            (true, false) => return Err("it names hosts and says any_host: leave one of them out".to_owned()),
            (false, _) => Hosts::Keys(host_keys(self.hosts)?),
        };
        Ok(KeyRule {
            key: self.key.0,
            users: self.users.iter().map(ToString::to_string).collect(),
            hosts,
            namespaces: self.namespaces.iter().map(ToString::to_string).collect(),
            opaque: self.opaque,
            forwarded: self.forwarded,
        })
    }
}

fn host_keys(hosts: Vec<Object<HostDocument>>) -> Result<Vec<HostKey>, String> {
    let mut keys = Vec::new();
    for Object(host) in hosts {
        if host.keys.is_empty() {
            return Err(format!("host {} has no keys: name them, or say any_host", host.name));
        }
        let named = |PublicKey(key)| HostKey { name: host.name.to_string(), key };
        keys.extend(host.keys.into_iter().map(named));
    }
    Ok(keys)
}
