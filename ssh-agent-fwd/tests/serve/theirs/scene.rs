//! An agent with keys, a relay before it, and somebody whom it is for.

use std::os::unix::net::UnixStream;

use super::relay::{Kind, Relay};
use crate::bench::{Bench, Child, Client, Key, LIST, frame, read};
use crate::rule;
use crate::sshd::known_hosts;

/// SSH_AGENT_IDENTITIES_ANSWER.
pub const IDENTITIES: u8 = 12;
/// The name that the host's key is known by.
pub const HOST: &str = "git.example.org";

/// Everything of one case.
pub struct Scene {
    pub kind: Kind,
    pub relay: Option<Relay>,
    pub bench: Bench,
    /// For logins as git at the host, and for signatures of git's.
    pub key: Key,
    /// For logins as root at the host, where `ssh-add -h` has bound it.
    pub constrained: Key,
    /// For nothing.
    pub other: Key,
    /// The host's.
    pub host: Key,
    /// Whom it is for: an account of this host.
    pub user: u32,
}

impl Scene {
    /// `None` without root.
    pub fn new(kind: Kind) -> Option<Self> {
        let bench = Bench::new()?;
        let [key, constrained, other, host] =
            ["key", "constrained", "other", "host"].map(|name| bench.add_key(name));
        let known = known_hosts(bench.folder(), HOST, &host.line);
        let [known, file] = [&known, constrained.file()].map(|path| path.to_str().expect("a path"));
        Child::of("ssh-add", &["-q", "-h", HOST, "-H", known, file], 0, &bench.agent_socket()).run("");
        let accounts = accounts::Database::read().expect("accounts").local_accounts();
        let user = accounts.iter().find(|row| ![0, 65_534].contains(&row.uid)).expect("an account").uid;
        let at_host = format!(r#""hosts": [{{"name": "{HOST}", "keys": ["{}"]}}]"#, host.line);
        let rules = [
            rule(&key, &format!(r#""users": ["git"], "namespaces": ["git"], {at_host}"#)),
            rule(&constrained, &format!(r#""users": ["root"], {at_host}"#)),
        ];
        let (rules, clients) = (rules.join(", "), format!(r#"[{{"uid": {user}}}]"#));
        bench.write_text(&format!(
            r#"{{"clients": {clients}, "keys": [{rules}], "rate": {{"burst": 1000}}}}"#
        ));
        let mut scene = Self { kind, relay: None, bench, key, constrained, other, host, user };
        scene.start();
        assert!(scene.relay.is_some(), "{kind:?} has not started");
        Some(scene)
    }

    /// Starts the relay, if it can be.
    pub fn start(&mut self) {
        self.relay = self.kind.start(&self.bench, &[&self.key, &self.constrained]);
    }

    pub fn relay(&self) -> &Relay {
        self.relay.as_ref().expect("it runs")
    }

    /// A connection of this user's to the relay.
    pub fn connect(&self, uid: u32) -> Client {
        Client::connect(self.relay().socket(), uid)
    }

    /// What the user is answered; `None` when the connection is closed instead.
    pub fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        ask(&mut self.connect(self.user).stream, request)
    }

    /// How many keys root finds in the agent; `None` when there is no agent any more.
    pub fn keys(&self) -> Option<u32> {
        let mut stream = UnixStream::connect(self.bench.agent_socket()).ok()?;
        let reply = ask(&mut stream, &LIST)?;
        (reply[0] == IDENTITIES).then(|| u32::from_be_bytes(*reply[1..].first_chunk().expect("a count")))
    }
}

/// The reply; `None` when the connection is closed instead.
pub fn ask(stream: &mut UnixStream, request: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write;
    // It may be closed already, and then there is nothing to read.
    let _ = stream.write_all(&frame(request));
    read(stream)
}

/// Whether the reply has this type.
pub fn is(reply: Option<&Vec<u8>>, kind: u8) -> bool {
    reply.and_then(|reply| reply.first()) == Some(&kind)
}
