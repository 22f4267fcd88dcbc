//! One key, and the host that it is for.

use std::num::NonZeroU16;

use serde::Deserialize;
use serde_json::value::RawValue;
use strict_json::object;

use super::key_source::KeySource;
use super::known_hosts::HostPublicKey;
use crate::json::list;
use crate::name::{Alias, HostName, Namespace, RemoteUser};
use crate::policy::MAX_LIST;

/// Where sshd(8) listens unless told otherwise.
const SSH_PORT: NonZeroU16 = NonZeroU16::new(22).expect("not 0");

/// One key, and the host that it is for.
#[derive(Debug)]
pub struct Entry {
    /// What the user calls the host.
    pub host: Alias,
    /// The host itself; the name that its keys are known by.
    pub hostname: HostName,
    /// Whom to log in as.
    pub user: RemoteUser,
    /// Where it listens.
    pub port: NonZeroU16,
    /// Where connections go instead, to be passed on to the host as they are.
    pub gate: Option<Gate>,
    /// The keys by which the host is known.
    pub known_host_keys: Vec<HostPublicKey>,
    /// Whether the key may be used at every host.
    pub any_host: bool,
    /// The private key.
    pub key: KeySource,
    /// What SSHSIG signatures may be for.
    pub namespaces: Vec<Namespace>,
    /// Whether hosts that the user is logged in to may use the key (`ssh -A`).
    pub forwarded: bool,
    /// Whether the key's file is erased once everything is ready.
    pub erase: bool,
}

/// Who passes connections on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Its name or address.
    pub hostname: HostName,
    /// Where it listens.
    pub port: NonZeroU16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryDocument<'a> {
    host: Alias,
    hostname: HostName,
    user: RemoteUser,
    #[serde(default = "ssh_port")]
    port: NonZeroU16,
    #[serde(default, deserialize_with = "gate")]
    gate: Option<Gate>,
    #[serde(default, deserialize_with = "list::<_, _, MAX_LIST>")]
    known_host_keys: Vec<HostPublicKey>,
    #[serde(default)]
    any_host: bool,
    #[serde(borrow)]
    key: &'a RawValue,
    #[serde(default, deserialize_with = "list::<_, _, MAX_LIST>")]
    namespaces: Vec<Namespace>,
    #[serde(default)]
    forwarded: bool,
    #[serde(default)]
    erase: bool,
}

const fn ssh_port() -> NonZeroU16 {
    SSH_PORT
}

fn gate<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Gate>, D::Error> {
    object(input).map(Some)
}

impl EntryDocument<'_> {
    pub(super) const fn host(&self) -> &Alias {
        &self.host
    }

    pub(super) fn entry(self) -> Result<Entry, String> {
        let key = KeySource::read(self.key.get())?;
        if self.known_host_keys.is_empty() && !self.any_host {
            return Err(format!(
                "no known_host_keys: name every key of {} (ssh-keyscan shows them; compare them with what its operator \
                 says), or say \"any_host\": true to let the key be used everywhere",
                self.hostname
            ));
        }
        if self.erase && !matches!(key, KeySource::Path(_)) {
            return Err("erase is for a key that is a path: of the others there is no file".to_owned());
        }
        Ok(Entry {
            host: self.host,
            hostname: self.hostname,
            user: self.user,
            port: self.port,
            gate: self.gate,
            known_host_keys: self.known_host_keys,
            any_host: self.any_host,
            key,
            namespaces: self.namespaces,
            forwarded: self.forwarded,
            erase: self.erase,
        })
    }
}
