//! What is common to the tests of the policy, and the policy itself.

pub(crate) use super::file::tests::Known;
use super::*;
use crate::bindings::Bindings;
use crate::signed::{Signed, UserAuth};
use crate::wire::cursor::put_string;
use crate::wire::request::Bind;

/// The host that the first rule allows.
pub const GIT: &str = "git";
/// A host that no rule allows.
pub const OTHER_HOST: &str = "other host";

/// A key of this name.
pub fn key(name: &str) -> KeyBlob {
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-ed25519");
    let mut public = name.as_bytes().to_vec();
    public.resize(32, 0);
    put_string(&mut blob, &public);
    KeyBlob::of(&blob)
}

/// A certificate of the key of this name.
pub fn certificate(name: &str) -> KeyBlob {
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-ed25519-cert-v01@openssh.com");
    put_string(&mut blob, b"nonce");
    blob.extend_from_slice(&key(name).as_bytes()[15..]);
    blob.extend_from_slice(&[0; 8]);
    blob.extend_from_slice(&[0, 0, 0, 1]);
    put_string(&mut blob, b"id");
    put_string(&mut blob, b"");
    blob.extend_from_slice(&[0xff; 16]);
    for field in [&b""[..], b"", b"", key("ca").as_bytes(), b"signature"] {
        put_string(&mut blob, field);
    }
    KeyBlob::of(&blob)
}

/// A rule of the key for logins as `user` at the host of the same name as its key.
pub fn rule(name: &str, user: &str, host: &str) -> KeyRule {
    let keys = vec![HostKey { name: format!("{host}.example.org"), key: key(host) }];
    KeyRule {
        key: key(name),
        users: vec![user.to_owned()],
        hosts: Hosts::Keys(keys),
        namespaces: Vec::new(),
        opaque: false,
        forwarded: false,
    }
}

/// `mine`: as git at [`GIT`], as deploy at deploy, and commits; `free`: as git anywhere, anything, forwarded too.
pub fn policy() -> Policy {
    let git = KeyRule { namespaces: vec!["git".to_owned()], ..rule("mine", "git", GIT) };
    let free = KeyRule { hosts: Hosts::Any, opaque: true, forwarded: true, ..rule("free", "git", GIT) };
    let keys = vec![git, rule("mine", "deploy", "deploy"), free];
    Policy { clients: vec![Client::Uid(1000)], keys, rate: Rate::default(), limits: Limits::default() }
}

/// A login.
pub fn login<'a>(user: &'a str, session: &'a [u8], host_key: Option<&'a KeyBlob>) -> Signed<'a> {
    let host_key = host_key.map(KeyBlob::as_bytes);
    Signed::UserAuth(UserAuth { session, user, host_key, algorithm: "ssh-ed25519" })
}

/// Records a bind.
pub fn bind(
    bindings: &mut Bindings,
    host_key: &KeyBlob,
    session: &[u8],
    is_forwarding: bool,
    verified: bool,
) {
    let host_key = host_key.as_bytes();
    bindings.record(&Bind { host_key, session, signature: b"signature", is_forwarding }, verified);
}

/// Bound to a session of the host with this key, as the agent has verified.
pub fn bound(host: &str, session: &[u8]) -> Bindings {
    let mut bindings = Bindings::default();
    bind(&mut bindings, &key(host), session, false, true);
    bindings
}

#[test]
fn clients_are_admitted_by_uid_or_group_and_root_never() {
    let clients = vec![Client::Uid(1000), Client::Gid(50), Client::Uid(0), Client::Uid(OVERFLOW_ID)];
    let policy = Policy { clients: [clients, vec![Client::Gid(OVERFLOW_ID)]].concat(), ..policy() };
    for (uid, groups, admitted) in [
        (1000, &[1000][..], true),
        (1000, &[], true),
        (1001, &[1001], false),
        (1001, &[1001, 50], true),
        (50, &[1000], false),
        (0, &[0, 50], false),
        (OVERFLOW_ID, &[50], false),
        (1001, &[OVERFLOW_ID], false),
    ] {
        assert_eq!(policy.admits(uid, groups), admitted, "{uid} {groups:?}");
    }
    assert!(!Policy { clients: Vec::new(), ..policy }.admits(1000, &[1000]));
}

#[test]
fn a_policy_names_neither_root_nor_everybody_without_an_id() {
    for (client, fits) in [
        (Client::Uid(1), true),
        (Client::Gid(0), true),
        (Client::Uid(0), false),
        (Client::Uid(OVERFLOW_ID), false),
        (Client::Gid(OVERFLOW_ID), false),
    ] {
        assert_eq!(client.examine().is_ok(), fits, "{client:?}");
    }
}

#[test]
fn one_host_key_that_serves_several_hosts_is_warned_about() {
    assert_eq!(policy().warnings(), Vec::<String>::new());
    let mut shared = policy();
    // The same host in two rules is no other host.
    shared.keys.push(rule("third", "git", GIT));
    assert_eq!(shared.warnings(), Vec::<String>::new());
    let twin = HostKey { name: "twin.example.org".to_owned(), key: key(GIT) };
    shared.keys[1].hosts.join(Hosts::Keys(vec![twin]));
    let warnings = shared.warnings();
    assert_eq!(warnings.len(), 1);
    let fingerprint = key(GIT).fingerprint().to_string();
    for part in [fingerprint.as_str(), "git.example.org, twin.example.org", "all of them are"] {
        assert!(warnings[0].contains(part), "{warnings:?}");
    }
}

#[test]
fn hosts_that_are_joined_allow_what_either_does() {
    let keys = |name: &str| Hosts::Keys(vec![HostKey { name: name.to_owned(), key: key(name) }]);
    for (one, other, count) in [
        (keys("a"), keys("b"), Some(2)),
        (keys("a"), keys("a"), Some(1)),
        (Hosts::Any, keys("b"), None),
        (keys("a"), Hosts::Any, None),
    ] {
        let mut joined = one;
        joined.join(other);
        match (joined, count) {
            (Hosts::Keys(keys), Some(count)) => assert_eq!(keys.len(), count),
            (joined, _) => assert_eq!(joined, Hosts::Any),
        }
    }
}

#[test]
fn opaque_data_are_allowed_to_every_key_when_the_operator_says_so() {
    let mut policy = policy();
    policy.allow_opaque();
    assert!(policy.keys.iter().all(|rule| rule.opaque));
}
