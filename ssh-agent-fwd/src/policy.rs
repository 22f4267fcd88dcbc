//! Who may have what signed: the policy, apart from how it is written and from what is decided by it.

mod check;
mod decision;
mod file;
mod limits;
mod rate;
mod reason;

use std::collections::HashMap;

use crate::key::KeyBlob;

pub use check::{Explanation, explain};
pub use decision::{Decision, decide, is_listed, may_list};
pub(crate) use file::refuse_certificate;
pub use file::{MAX_FILE, Names, load, parse, render};
pub use limits::{Limits, MOST_CONNECTIONS};
pub use rate::Rate;
pub use reason::{Proof, Reason};

/// Most rules of a policy, and entries of a manifest.
pub const MAX_RULES: usize = 64;
/// Most clients of a policy.
pub const MAX_CLIENTS: usize = 64;
/// Most users, namespaces or host keys of one rule or host.
pub const MAX_LIST: usize = 64;

/// The uid and gid that the kernel shows for every one that has no name in this user namespace
/// (/proc/sys/kernel/overflowuid): nobody in particular.
pub const OVERFLOW_ID: u32 = 65534;

/// Who may have what signed. What it does not name is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who may connect.
    pub clients: Vec<Client>,
    /// What may be signed with which key. A key may have several rules; one that allows is enough.
    pub keys: Vec<KeyRule>,
    /// How often.
    pub rate: Rate,
    /// How many, and for how long.
    pub limits: Limits,
}

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// A user.
    Uid(u32),
    /// Whoever is in this group.
    Gid(u32),
}

/// What may be signed with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRule {
    /// The key; no certificate.
    pub key: KeyBlob,
    /// Whom a login may be as.
    pub users: Vec<String>,
    /// Where a login may be.
    pub hosts: Hosts,
    /// What SSHSIG signatures may be for.
    pub namespaces: Vec<String>,
    /// Whether anything else may be signed: certificates, exchange hashes, whatever a program asks for.
    pub opaque: bool,
    /// Whether hosts that the user is logged in to may use the key through a forwarded agent (`ssh -A`).
    pub forwarded: bool,
}

/// Where a login may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Anywhere.
    Any,
    /// At the hosts that hold one of these keys.
    Keys(Vec<HostKey>),
}

/// A key of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// The host, for the record.
    pub name: String,
    /// Its key; no certificate.
    pub key: KeyBlob,
}

impl Policy {
    /// Whether this user, in these groups (the primary one too), may connect. Root never may: who is root needs none
    /// of this, and a program of root's that is led astray would sign.
    #[must_use]
    pub fn admits(&self, uid: u32, groups: &[u32]) -> bool {
        let is_meant = |client: &Client| match client {
            Client::Uid(meant) => *meant == uid,
            Client::Gid(meant) => *meant != OVERFLOW_ID && groups.contains(meant),
        };
        uid != 0 && uid != OVERFLOW_ID && self.clients.iter().any(is_meant)
    }

    /// Allows every key to sign what is neither a login nor an SSHSIG signature (`--allow-opaque`).
    pub fn allow_opaque(&mut self) {
        self.keys.iter_mut().for_each(|rule| rule.opaque = true);
    }

    /// What the operator should know: hosts that hold the same key are one host to a policy.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut names_of: HashMap<&KeyBlob, Vec<&str>> = HashMap::new();
        let mut in_order = Vec::new();
        for host in self.keys.iter().filter_map(KeyRule::host_keys).flatten() {
            let names = names_of.entry(&host.key).or_default();
            if names.is_empty() {
                in_order.push(&host.key);
            }
            if !names.contains(&host.name.as_str()) {
                names.push(&host.name);
            }
        }
        let shared = |key: &&KeyBlob| names_of[*key].len() > 1;
        let warning = |key: &KeyBlob| {
            format!(
                "the host key {} is that of several hosts, {}: where one of them is allowed, all of them are; give \
                 each host a key of its own",
                key.fingerprint(),
                diagnostics::one_line(&names_of[key].join(", "))
            )
        };
        in_order.into_iter().filter(shared).map(warning).collect()
    }

    /// The rules of a key, which is no certificate.
    fn rules_of<'a>(&'a self, key: &'a KeyBlob) -> impl Iterator<Item = &'a KeyRule> {
        self.keys.iter().filter(move |rule| rule.key == *key)
    }
}

impl Client {
    /// Whether a policy may name it.
    ///
    /// # Errors
    /// A sentence for root, and for the id that stands for everybody without one.
    pub fn examine(self) -> Result<(), String> {
        match self {
            Self::Uid(0) => Err("uid 0 is root's: root needs no forwarder, and is not served".to_owned()),
            Self::Uid(OVERFLOW_ID) | Self::Gid(OVERFLOW_ID) => Err(format!(
                "id {OVERFLOW_ID} is what the kernel shows for everybody whose id is not mapped into this user \
                 namespace: name an account or a group of its own"
            )),
            Self::Uid(_) | Self::Gid(_) => Ok(()),
        }
    }
}

impl Hosts {
    /// Allows what the other allows too.
    pub fn join(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Any, _) => {}
            (_, Self::Any) => *self = Self::Any,
            (Self::Keys(keys), Self::Keys(more)) => {
                for key in more {
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
            }
        }
    }
}

impl KeyRule {
    fn host_keys(&self) -> Option<&[HostKey]> {
        match &self.hosts {
            Hosts::Any => None,
            Hosts::Keys(keys) => Some(keys),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
