//! The manifest: which keys a user may sign with, and where. One JSON object, read strictly.

mod entry;
mod key_source;
mod known_hosts;

use std::fmt::Display;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::agent;
use crate::instance::{AGENT_FOLDER, PUBLIC_SOCKET};
use crate::json::{self, NotRead, Object};
use crate::key::KeyBlob;
use crate::name::{AbsolutePath, AccountName, Name, SocketPath};
use crate::policy::{Client, HostKey, Hosts, KeyRule, Limits, MAX_LIST, MAX_RULES, Policy, Rate};
use diagnostics::Failure;

pub use entry::{Entry, Gate};
pub use key_source::{KeySource, MAX_KEY, Pem};
pub use known_hosts::HostPublicKey;

use entry::EntryDocument;

/// Where every instance has its folder.
pub const RUN: &str = "/run/ssh-agent-fwd";

/// What a user may sign with, and where. Its private keys are overwritten when it goes.
#[derive(Debug)]
pub struct Manifest {
    /// The instance; `default` unless said.
    pub name: Name,
    /// Whom it serves; `node` unless said.
    pub user: AccountName,
    /// The home of that user; `/home/USER` unless said.
    pub home: AbsolutePath,
    /// How often each key may sign.
    pub rate: Rate,
    /// The keys. None: there is nothing to do.
    pub entries: Vec<Entry>,
    agent_socket: Option<SocketPath>,
    public_socket: Option<SocketPath>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    name: Option<Name>,
    user: Option<AccountName>,
    home: Option<AbsolutePath>,
    #[serde(default)]
    rate: Rate,
    agent_socket: Option<SocketPath>,
    public_socket: Option<SocketPath>,
    #[serde(borrow, default, deserialize_with = "json::list::<_, _, MAX_RULES>")]
    entries: Vec<Object<EntryDocument<'a>>>,
}

impl Manifest {
    /// Largest manifest, in bytes.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Reads a manifest to the end of a file or stream, into memory that is overwritten afterwards.
    ///
    /// # Errors
    /// `manifest-unreadable`, and those of [`Self::parse`].
    pub fn read(from: &mut impl Read) -> Result<Self, Failure> {
        let unreadable = |error: &dyn Display| {
            Failure::new("manifest-unreadable", format!("the manifest cannot be read: {error}"))
        };
        // All of it at once: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(vec![0; Self::MAX_BYTES + 1]);
        let mut length = 0;
        while length < text.len() {
            match from.read(&mut text[length..]) {
                Ok(0) => return Self::parse(&text[..length]),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&error)),
            }
        }
        Err(unreadable(&format_args!("it is longer than {} bytes", Self::MAX_BYTES)))
    }

    /// Reads a manifest's text. Only the private keys are copied, into memory that is overwritten when they go.
    ///
    /// # Errors
    /// `manifest-invalid`: a sentence with the line, or the entry, at fault, that quotes no value.
    pub fn parse(text: &[u8]) -> Result<Self, Failure> {
        let document: Result<Object<Document<'_>>, NotRead> = json::read(text);
        document
            .map_err(|error| error.to_string())
            .and_then(|Object(document)| document.manifest())
            .map_err(|error| Failure::new("manifest-invalid", format!("the manifest: {error}")))
    }

    /// The folder of this instance.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        Path::new(RUN).join(self.name.as_str())
    }

    /// Where the user finds the forwarder.
    #[must_use]
    pub fn public_socket(&self) -> PathBuf {
        self.public_socket
            .as_ref()
            .map_or_else(|| self.folder().join(PUBLIC_SOCKET), |path| path.as_path().to_owned())
    }

    /// Where the forwarder finds the agent: in a folder that only root can enter, unless said.
    #[must_use]
    pub fn agent_socket(&self) -> PathBuf {
        self.agent_socket.as_ref().map_or_else(
            || self.folder().join(AGENT_FOLDER).join(agent::SOCKET),
            |path| path.as_path().to_owned(),
        )
    }

    /// The policy that this manifest stands for: of each entry the public key that was loaded for it, plain or a
    /// certificate. An entry that is not among `loaded` is not allowed anything.
    #[must_use]
    pub fn policy<'a>(
        &self,
        clients: Vec<Client>,
        loaded: impl IntoIterator<Item = (&'a Entry, KeyBlob)>,
    ) -> Policy {
        let mut keys: Vec<KeyRule> = Vec::new();
        for (entry, key) in loaded {
            let rule = self.rule(entry, key.plain());
            match keys.iter_mut().find(|known| differ_in_hosts_alone(known, &rule)) {
                Some(known) => known.hosts.join(rule.hosts),
                None => keys.push(rule),
            }
        }
        Policy { clients, keys, rate: self.rate, limits: Limits::default() }
    }

    fn rule(&self, entry: &Entry, key: KeyBlob) -> KeyRule {
        let hosts = if entry.any_host { Hosts::Any } else { Hosts::Keys(self.keys_of(entry)) };
        KeyRule {
            key,
            users: vec![entry.user.to_string()],
            hosts,
            namespaces: entry.namespaces.iter().map(ToString::to_string).collect(),
            opaque: false,
            forwarded: entry.forwarded,
        }
    }

    /// All keys that known_hosts will hold for the entry's host: those of every entry of that host.
    fn keys_of(&self, entry: &Entry) -> Vec<HostKey> {
        let mut keys: Vec<HostKey> = Vec::new();
        for other in self.entries.iter().filter(|other| other.hostname == entry.hostname) {
            for HostPublicKey(key) in &other.known_host_keys {
                if !keys.iter().any(|known| known.key == *key) {
                    keys.push(HostKey { name: entry.hostname.to_string(), key: key.clone() });
                }
            }
        }
        keys
    }
}

/// Two rules that are one: the same key, for the same logins and namespaces, at certain hosts.
fn differ_in_hosts_alone(one: &KeyRule, other: &KeyRule) -> bool {
    let all_but_hosts = |rule: &KeyRule| {
        (rule.key.clone(), rule.users.clone(), rule.namespaces.clone(), rule.opaque, rule.forwarded)
    };
    all_but_hosts(one) == all_but_hosts(other)
}

/// What is said, or else what stands for it.
fn unsaid<T: FromStr<Err: Display>>(said: Option<T>, otherwise: &str) -> Result<T, String> {
    said.map_or_else(|| otherwise.parse().map_err(|why| format!("{otherwise}: {why}")), Ok)
}

impl Document<'_> {
    fn manifest(self) -> Result<Manifest, String> {
        let name = unsaid(self.name, "default")?;
        let user: AccountName = unsaid(self.user, "node")?;
        let home = unsaid(self.home, &format!("/home/{user}"))?;
        let mut entries: Vec<Entry> = Vec::new();
        for (index, Object(document)) in self.entries.into_iter().enumerate() {
            let place = format!("entry {} ({})", index + 1, document.host());
            let entry = document.entry().map_err(|why| format!("{place}: {why}"))?;
            if entries.iter().any(|other| other.host == entry.host) {
                return Err(format!("{place}: another entry has this host; ssh would only see the first"));
            }
            entries.push(entry);
        }
        let (agent_socket, public_socket) = (self.agent_socket, self.public_socket);
        let manifest = Manifest { name, user, home, rate: self.rate, entries, agent_socket, public_socket };
        match manifest.entries.iter().find(|entry| manifest.keys_of(entry).len() > MAX_LIST) {
            Some(entry) => {
                Err(format!("{} has more than {MAX_LIST} keys in all its entries", entry.hostname))
            }
            None => Ok(manifest),
        }
    }
}

#[cfg(test)]
mod tests;
