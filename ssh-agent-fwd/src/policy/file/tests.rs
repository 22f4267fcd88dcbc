//! What is read, what is refused, and what is written.

use super::super::tests::{GIT, certificate, key, policy};
use super::super::{HostKey, Limits, OVERFLOW_ID, Rate};
use super::*;

/// `node` and `ops` alone.
pub(crate) struct Known;

impl Names for Known {
    fn uid(&self, name: &str) -> Result<Option<u32>, String> {
        match name {
            "node" => Ok(Some(1000)),
            "root" => Ok(Some(0)),
            "ldap" => Err("the directory does not answer".to_owned()),
            _ => Ok(None),
        }
    }

    fn gid(&self, name: &str) -> Result<Option<u32>, String> {
        Ok((name == "ops").then_some(50))
    }
}

fn read(text: &str) -> Result<Policy, Failure> {
    parse(text.as_bytes(), &Known)
}

/// The error of a policy with these rules.
fn refused(clients: &str, keys: &str) -> String {
    let text = format!(r#"{{"clients": [{clients}], "keys": [{keys}]}}"#);
    let failure = read(&text).expect_err(&text);
    assert_eq!(failure.code, "policy-invalid");
    failure.error
}

#[test]
fn what_is_written_is_read_back() {
    let mut several = policy();
    several.clients.push(Client::Gid(50));
    several.rate = Rate { burst: 5, milli_per_s: 1500 };
    several.limits = Limits { connections: 7, ..Limits::default() };
    let more = ["a", "b"].map(|name| HostKey { name: "two.example.org".to_owned(), key: key(name) });
    several.keys[0].hosts.join(Hosts::Keys(more.to_vec()));
    for policy in [policy(), several] {
        assert_eq!(read(&render(&policy)).expect("read"), policy);
    }
}

#[test]
fn what_is_not_said_is_not_allowed() {
    let text = format!(
        r#"{{"clients": [{{"user": "node"}}, {{"group": "ops"}}, {{"uid": 7}}, {{"gid": 8}}], "keys": [{{"key": "{}"}}]}}"#,
        key("mine")
    );
    let policy = read(&text).expect("read");
    assert_eq!(policy.clients, [Client::Uid(1000), Client::Gid(50), Client::Uid(7), Client::Gid(8)]);
    assert_eq!((policy.rate, policy.limits), (Rate::default(), Limits::default()));
    let expected = KeyRule {
        key: key("mine"),
        users: Vec::new(),
        hosts: Hosts::Keys(Vec::new()),
        namespaces: Vec::new(),
        opaque: false,
        forwarded: false,
    };
    assert_eq!(policy.keys, [expected]);
}

#[test]
fn a_client_that_is_nobody_in_particular_is_refused() {
    let overflow = format!(r#"{{"uid": {OVERFLOW_ID}}}"#);
    for (client, says) in [
        (r#"{"uid": 0}"#, "root needs no forwarder"),
        (r#"{"user": "root"}"#, "root needs no forwarder"),
        (&overflow, "not mapped into this user"),
        (r#"{"user": "stranger"}"#, "there is no user stranger"),
        (r#"{"group": "stranger"}"#, "there is no group stranger"),
        (r#"{"user": "ldap"}"#, "the directory does not answer"),
        (r#"{"uid": -1}"#, "line 1"),
        (r#"{"uid": 1, "gid": 1}"#, "line 1"),
        (r#""node""#, "line 1"),
        (r#"{"pid": 1}"#, "unknown variant `pid`"),
    ] {
        let error = refused(client, "");
        assert!(error.contains(says), "{client}: {error}");
    }
}

#[test]
fn a_rule_is_whole_and_of_what_it_may_hold() {
    let mine = key("mine").to_string();
    let (host, certified) = (key(GIT).to_string(), certificate("mine").to_string());
    for (rule, says) in [
        ("{}".to_owned(), "missing field `key`"),
        ("[]".to_owned(), "expected an object"),
        (format!(r#"{{"key": "{certified}"}}"#), "judged by their plain key"),
        (r#"{"key": "ssh-ed25519 AAAA"}"#.to_owned(), "line 1"),
        (format!(r#"{{"key": "{mine}", "user": []}}"#), "unknown field `user`"),
        (format!(r#"{{"key": "{mine}", "users": ["a b"]}}"#), "a remote user's name has"),
        (format!(r#"{{"key": "{mine}", "users": null}}"#), "a list of at most"),
        (format!(r#"{{"key": "{mine}", "namespaces": [""]}}"#), "a namespace has"),
        (format!(r#"{{"key": "{mine}", "opaque": 1}}"#), "expected a boolean"),
        (
            format!(r#"{{"key": "{mine}", "hosts": [{{"name": "git", "keys": []}}]}}"#),
            "rule 1: host git has no keys",
        ),
        (
            format!(
                r#"{{"key": "{mine}", "any_host": true, "hosts": [{{"name": "git", "keys": ["{host}"]}}]}}"#
            ),
            "rule 1: it names hosts and says any_host",
        ),
        (
            format!(r#"{{"key": "{mine}", "hosts": [{{"name": "a b", "keys": ["{host}"]}}]}}"#),
            "a host's name or address has",
        ),
        (
            format!(
                r#"{{"key": "{mine}", "hosts": [{{"name": "git", "keys": ["@cert-authority {host}"]}}]}}"#
            ),
            "@cert-authority",
        ),
    ] {
        let error = refused(r#"{"uid": 1000}"#, &rule);
        assert!(error.contains(says), "{rule}: {error}");
    }
}

#[test]
fn a_policy_is_one_object_of_known_members() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"clients": []}"#,
        r#"{"clients": [], "keys": [], "mode": 438}"#,
        r#"{"clients": [], "clients": [], "keys": []}"#,
        r#"{"clients": [], "keys": []} {}"#,
    ] {
        assert_eq!(read(text).expect_err(text).code, "policy-invalid");
    }
    let many = vec![r#"{"uid": 1}"#; 65].join(",");
    assert!(refused(&many, "").contains("more than 64"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn a_policy_is_read_from_a_file_that_is_root_s_alone() {
    use std::os::unix::fs::PermissionsExt;

    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root");
        return;
    }
    let folder = tempfile::tempdir_in("/run").expect("a folder");
    let path = folder.path().join("policy.json");
    assert_eq!(load(&path).expect_err("missing").code, "policy-unreadable");
    std::fs::write(&path, render(&policy())).expect("written");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
    assert_eq!(load(&path).expect("read"), policy());
    std::fs::write(&path, "{").expect("written");
    let failure = load(&path).expect_err("broken");
    assert_eq!(failure.code, "policy-invalid");
    assert!(failure.error.contains("policy.json: line 1"), "{failure}");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("set");
    assert_eq!(load(&path).expect_err("others can write").code, "policy-unreadable");
}
