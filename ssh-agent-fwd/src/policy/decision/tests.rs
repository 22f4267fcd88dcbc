//! The rules on what is signed where, case by case.

use super::super::tests::{GIT, OTHER_HOST, bind, bound, certificate, key, login, policy, rule};
use super::*;
use crate::signed::{Hash, SshSig};
use crate::wire::cursor::put_string;

/// The word, with what is decided.
fn decided(policy: &Policy, bindings: &Bindings, key: &KeyBlob, signed: &Signed<'_>) -> (bool, &'static str) {
    let decision = decide(policy, bindings, key, signed);
    assert!(decision.reason().to_string().len() < 2000);
    (decision.is_allowed(), decision.reason().word())
}

fn mine(bindings: &Bindings, signed: &Signed<'_>) -> (bool, &'static str) {
    decided(&policy(), bindings, &key("mine"), signed)
}

fn signature(namespace: &str) -> Signed<'_> {
    Signed::SshSig(SshSig { namespace, hash: Hash::Sha512 })
}

#[test]
fn a_login_counts_by_the_host_key_in_its_data() {
    let (git, other, host_certificate) = (key(GIT), key(OTHER_HOST), certificate(GIT));
    for (user, host_key, expected) in [
        ("git", &git, (true, "hostbound")),
        ("git", &other, (false, "host-not-allowed")),
        ("git", &host_certificate, (false, "host-certificate")),
        ("git", &KeyBlob::of(b""), (false, "host-not-allowed")),
        ("deploy", &git, (false, "host-not-allowed")),
        ("deploy", &key("deploy"), (true, "hostbound")),
        ("git", &key("deploy"), (false, "host-not-allowed")),
        ("root", &git, (false, "user-not-allowed")),
        ("GIT", &git, (false, "user-not-allowed")),
        ("git ", &git, (false, "user-not-allowed")),
        ("", &git, (false, "user-not-allowed")),
    ] {
        let login = login(user, b"session", Some(host_key));
        assert_eq!(mine(&Bindings::default(), &login), expected, "{user} {host_key:?}");
    }
}

#[test]
fn a_login_without_a_host_key_counts_by_the_bind_that_the_agent_verified() {
    let plain = login("git", b"session", None);
    let mut forged = Bindings::default();
    bind(&mut forged, &key(GIT), b"session", false, false);
    let mut with_certificate = Bindings::default();
    bind(&mut with_certificate, &certificate(GIT), b"session", false, true);
    // The agent refuses a bind after the one for authentication.
    let mut second = bound(OTHER_HOST, b"elsewhere");
    bind(&mut second, &key(GIT), b"session", false, false);
    for (bindings, expected) in [
        (Bindings::default(), (false, "not-bound")),
        (bound(GIT, b"session"), (true, "session-bound")),
        (bound(OTHER_HOST, b"session"), (false, "host-not-allowed")),
        (bound(GIT, b"another session"), (false, "other-session")),
        (bound(GIT, b"sessio"), (false, "other-session")),
        (forged, (false, "not-bound")),
        (second, (false, "other-session")),
        (with_certificate, (false, "host-certificate")),
    ] {
        assert_eq!(mine(&bindings, &plain), expected, "{bindings:?}");
    }
}

#[test]
fn what_the_data_and_the_bind_say_must_agree() {
    let (git, other) = (key(GIT), key(OTHER_HOST));
    for (bindings, host_key, expected) in [
        (bound(GIT, b"session"), &git, (true, "hostbound")),
        (bound(OTHER_HOST, b"session"), &git, (false, "host-keys-disagree")),
        (bound(GIT, b"session"), &other, (false, "host-keys-disagree")),
        // A bind to another session says nothing of this one.
        (bound(OTHER_HOST, b"another session"), &git, (true, "hostbound")),
    ] {
        let login = login("git", b"session", Some(host_key));
        assert_eq!(mine(&bindings, &login), expected, "{bindings:?}");
    }
    let login = login("git", b"session", Some(&git));
    let anywhere = decided(&policy(), &bound(OTHER_HOST, b"session"), &key("free"), &login);
    assert_eq!(anywhere, (false, "host-keys-disagree"), "even where every host is allowed");
}

#[test]
fn of_more_binds_than_the_agent_takes_the_last_counts_for_nothing() {
    let mut bindings = Bindings::default();
    for number in 0..16 {
        bind(&mut bindings, &key("hop"), &[number], true, true);
    }
    bind(&mut bindings, &key(GIT), b"session", false, true);
    let forwarded = KeyRule { forwarded: true, ..rule("mine", "git", GIT) };
    let policy = Policy { keys: vec![forwarded], ..policy() };
    let login = login("git", b"session", None);
    assert_eq!(decided(&policy, &bindings, &key("mine"), &login), (false, "not-bound"));
}

#[test]
fn a_forwarded_connection_neither_lists_nor_signs_unless_the_rule_says_so() {
    let git = key(GIT);
    let login = login("git", b"session", Some(&git));
    for (is_verified, then_bound) in [(false, false), (true, false), (true, true), (false, true)] {
        let mut bindings = Bindings::default();
        bind(&mut bindings, &git, b"session", true, is_verified);
        if then_bound {
            // To this, with the same key and session, the agent answers SUCCESS.
            bind(&mut bindings, &git, b"session", false, is_verified);
        }
        for signed in [&login, &signature("git"), &Signed::Opaque] {
            assert_eq!(mine(&bindings, signed), (false, "forwarded"));
            let free = decided(&policy(), &bindings, &key("free"), signed);
            assert_ne!(free.1, "forwarded", "its rule allows it");
        }
        assert!(!is_listed(&policy(), &bindings, &key("mine")));
        assert!(is_listed(&policy(), &bindings, &key("free")));
        assert!(may_list(&policy(), &bindings).is_allowed());
        let none = Policy { keys: vec![rule("mine", "git", GIT)], ..policy() };
        assert_eq!(may_list(&none, &bindings).reason().word(), "forwarded");
    }
}

#[test]
fn keys_are_listed_that_policy_names_and_certificates_by_their_plain_key() {
    let bindings = Bindings::default();
    for (blob, listed) in [
        (key("mine"), true),
        (certificate("mine"), true),
        (key("stranger"), false),
        (certificate("stranger"), false),
        (KeyBlob::of(b"broken"), false),
    ] {
        assert_eq!(is_listed(&policy(), &bindings, &blob), listed, "{blob:?}");
    }
    assert_eq!(may_list(&policy(), &bindings).reason().word(), "list");
}

#[test]
fn a_signature_counts_by_its_namespace() {
    let unbound = Bindings::default();
    for (namespace, expected) in [
        ("git", (true, "namespace")),
        ("file", (false, "namespace-not-allowed")),
        ("", (false, "namespace-not-allowed")),
        ("git\0", (false, "namespace-not-allowed")),
        ("git\0file", (false, "namespace-not-allowed")),
        ("Git", (false, "namespace-not-allowed")),
        (" git", (false, "namespace-not-allowed")),
    ] {
        assert_eq!(mine(&unbound, &signature(namespace)), expected, "{namespace:?}");
    }
    assert_eq!(
        decided(&policy(), &unbound, &key("free"), &signature("git")),
        (false, "namespace-not-allowed")
    );
}

#[test]
fn anything_else_is_denied_unless_the_rule_allows_it() {
    assert_eq!(mine(&bound(GIT, b"session"), &Signed::Opaque), (false, "opaque-not-allowed"));
    assert_eq!(decided(&policy(), &Bindings::default(), &key("free"), &Signed::Opaque), (true, "opaque"));
}

#[test]
fn a_key_that_no_rule_is_about_signs_nothing_and_a_certificate_what_its_key_does() {
    let git = key(GIT);
    let login = login("git", b"session", Some(&git));
    for (blob, expected) in [
        (certificate("mine"), (true, "hostbound")),
        (key("stranger"), (false, "key-not-listed")),
        (certificate("stranger"), (false, "key-not-listed")),
        (KeyBlob::of(b""), (false, "key-not-listed")),
    ] {
        assert_eq!(decided(&policy(), &Bindings::default(), &blob, &login), expected, "{blob:?}");
    }
}

#[test]
fn a_key_for_every_host_needs_no_proof_but_the_user() {
    for (user, expected) in [("git", (true, "any-host")), ("root", (false, "user-not-allowed"))] {
        let login = login(user, b"session", None);
        assert_eq!(decided(&policy(), &Bindings::default(), &key("free"), &login), expected);
    }
}

#[test]
fn of_several_rules_one_that_allows_is_enough_and_the_denial_that_came_furthest_is_said() {
    let (deploy, other) = (key("deploy"), key(OTHER_HOST));
    let as_deploy = |host_key| login("deploy", b"session", Some(host_key));
    assert_eq!(mine(&Bindings::default(), &as_deploy(&deploy)), (true, "hostbound"));
    let denied = decide(&policy(), &Bindings::default(), &key("mine"), &as_deploy(&other));
    let sentence = denied.reason().to_string();
    assert_eq!(denied.reason().word(), "host-not-allowed");
    for part in
        [other.fingerprint().to_string(), format!("deploy.example.org (ssh-ed25519 {}", deploy.fingerprint())]
    {
        assert!(sentence.contains(&part), "{sentence}");
    }
}

/// The bytes of a login, as ssh(1) has them signed (RFC 4252 section 7).
struct Data {
    number: u8,
    service: &'static str,
    method: &'static str,
    signer: KeyBlob,
    host_key: Option<KeyBlob>,
    rest: &'static [u8],
}

impl Data {
    fn hostbound() -> Self {
        let host_key = Some(key(GIT));
        let method = "publickey-hostbound-v00@openssh.com";
        Self { number: 50, service: "ssh-connection", method, signer: key("mine"), host_key, rest: b"" }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut data = Vec::new();
        put_string(&mut data, b"session");
        data.push(self.number);
        for text in ["git", self.service, self.method] {
            put_string(&mut data, text.as_bytes());
        }
        data.push(1);
        put_string(&mut data, b"ssh-ed25519");
        put_string(&mut data, self.signer.as_bytes());
        if let Some(host_key) = &self.host_key {
            put_string(&mut data, host_key.as_bytes());
        }
        data.extend_from_slice(self.rest);
        data
    }
}

#[test]
fn data_that_are_not_a_login_to_the_last_byte_are_denied() {
    let word = |data: &[u8]| {
        let mine = key("mine");
        let signed = Signed::classify(data, mine.as_bytes());
        decided(&policy(), &bound(GIT, b"session"), &mine, &signed).1
    };
    assert_eq!(word(&Data::hostbound().bytes()), "hostbound");
    let plain = Data { method: "publickey", host_key: None, ..Data::hostbound() };
    assert_eq!(word(&plain.bytes()), "session-bound");
    for data in [
        Data { number: 51, ..Data::hostbound() },
        Data { service: "ssh-userauth", ..Data::hostbound() },
        Data { method: "password", ..Data::hostbound() },
        Data { method: "publickey", ..Data::hostbound() },
        Data { host_key: None, ..Data::hostbound() },
        Data { signer: key("free"), ..Data::hostbound() },
        Data { rest: b"\0", ..Data::hostbound() },
    ] {
        assert_eq!(word(&data.bytes()), "opaque-not-allowed");
    }
    let whole = Data::hostbound().bytes();
    assert_eq!(word(&whole[..whole.len() - 1]), "opaque-not-allowed", "an inner length past the end");
    assert_eq!(word(&[0; 32]), "opaque-not-allowed");
}

#[test]
fn a_sentence_is_short_and_on_one_line_whatever_the_client_says() {
    let long = "a\n\u{1b}".repeat(1000);
    for signed in [login(&long, b"session", None), signature(&long)] {
        let sentence = decide(&policy(), &Bindings::default(), &key("mine"), &signed).reason().to_string();
        assert!(sentence.len() < 1000 && !sentence.contains(['\n', '\u{1b}']), "{sentence}");
    }
    let mut many = rule("mine", "git", GIT);
    let host = |number| HostKey { name: format!("h{number}"), key: key(&format!("h{number}")) };
    many.hosts = Hosts::Keys((0..60).map(host).collect());
    let policy = Policy { keys: vec![many], ..policy() };
    let other = key(OTHER_HOST);
    let denied = decide(&policy, &Bindings::default(), &key("mine"), &login("git", b"session", Some(&other)));
    assert!(denied.reason().to_string().ends_with(" and 52 more"), "{}", denied.reason());
}
