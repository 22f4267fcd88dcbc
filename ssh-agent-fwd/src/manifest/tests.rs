//! The manifest as the operator writes it, and the policy that it stands for.

mod any_text;

use std::io;

use super::*;
use crate::bindings::Bindings;
use crate::policy::tests::{Known, certificate, key, login};
use crate::policy::{decide, parse, render};

const PEM: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\\nSECRET\\n-----END OPENSSH PRIVATE KEY-----\\n";

/// The manifest of ssh-agent-fwd(8).
fn example() -> String {
    format!(
        r#"{{"name": "default", "user": "node", "home": "/home/node", "rate": {{"burst": 30, "per_s": 1}},
             "entries": [{{"host": "git", "hostname": "git.example.org", "user": "git", "port": 22,
                          "gate": {{"hostname": "ssh-gate-demo", "port": 2201}},
                          "known_host_keys": ["{}"],
                          "key": {{"pem": "{PEM}"}},
                          "namespaces": ["git"]}}]}}"#,
        key("git")
    )
}

fn read(text: &str) -> Result<Manifest, Failure> {
    Manifest::parse(text.as_bytes())
}

fn refused(text: &str) -> String {
    let failure = read(text).expect_err(text);
    assert_eq!(failure.code, "manifest-invalid");
    assert!(!failure.error.contains("SECRET"), "{failure}");
    failure.error
}

/// An entry of this host, with these members more.
fn entry(host: &str, members: &str) -> String {
    format!(
        r#"{{"host": "{host}", "hostname": "{host}.example.org", "user": "git", "key": {{"fd": 3}}, {members}}}"#
    )
}

fn manifest(entries: &[String]) -> Manifest {
    read(&format!(r#"{{"entries": [{}]}}"#, entries.join(","))).expect("read")
}

fn host_keys(names: &[&str]) -> String {
    let lines: Vec<String> = names.iter().map(|name| format!("\"{}\"", key(name))).collect();
    format!(r#""known_host_keys": [{}]"#, lines.join(","))
}

#[test]
fn the_example_is_read() {
    let manifest = read(&example()).expect("read");
    assert_eq!((manifest.name.as_str(), manifest.user.as_str()), ("default", "node"));
    assert_eq!((manifest.home.as_str(), manifest.rate), ("/home/node", Rate::default()));
    assert_eq!(manifest.public_socket(), Path::new("/run/ssh-agent-fwd/default/public.sock"));
    assert_eq!(manifest.agent_socket(), Path::new("/run/ssh-agent-fwd/default/agent/agent.sock"));
    let [entry] = manifest.entries.as_slice() else { panic!("one entry") };
    assert_eq!((entry.host.as_str(), entry.hostname.as_str()), ("git", "git.example.org"));
    assert_eq!((entry.user.as_str(), entry.port.get()), ("git", 22));
    let gate = entry.gate.as_ref().expect("a gate");
    assert_eq!((gate.hostname.as_str(), gate.port.get()), ("ssh-gate-demo", 2201));
    assert_eq!(entry.known_host_keys, [HostPublicKey(key("git"))]);
    assert_eq!(entry.namespaces[0].as_str(), "git");
    assert!(!entry.any_host && !entry.forwarded && !entry.erase);
    let KeySource::Pem(pem) = &entry.key else { panic!("a pem") };
    assert_eq!(pem.secret(), PEM.replace("\\n", "\n").as_bytes());
}

#[test]
fn what_is_not_said_has_its_default() {
    let empty = read("{}").expect("read");
    assert_eq!(
        (empty.name.as_str(), empty.user.as_str(), empty.home.as_str()),
        ("default", "node", "/home/node")
    );
    assert_eq!((empty.rate, empty.entries.len()), (Rate { burst: 30, milli_per_s: 1000 }, 0));
    let other =
        read(r#"{"user": "ubuntu", "name": "ci", "public_socket": "/run/claude-bottle-public.sock"}"#);
    let other = other.expect("read");
    assert_eq!(other.home.as_str(), "/home/ubuntu");
    assert_eq!(other.public_socket(), Path::new("/run/claude-bottle-public.sock"));
    assert_eq!(other.agent_socket(), Path::new("/run/ssh-agent-fwd/ci/agent/agent.sock"));
    let old = read(r#"{"agent_socket": "/run/claude-bottle-agent.sock"}"#).expect("read");
    assert_eq!(old.agent_socket(), Path::new("/run/claude-bottle-agent.sock"));
    assert_eq!(manifest(&[entry("git", &host_keys(&["git"]))]).entries[0].port.get(), 22);
}

#[test]
fn an_entry_without_host_keys_is_refused_unless_it_says_any_host() {
    for (members, fits) in [
        (host_keys(&["git"]), true),
        (host_keys(&[]), false),
        (r#""any_host": false"#.to_owned(), false),
        (r#""any_host": true"#.to_owned(), true),
        (format!(r#""any_host": true, {}"#, host_keys(&["git"])), true),
    ] {
        let text = format!(r#"{{"entries": [{}]}}"#, entry("git", &members));
        match read(&text) {
            Ok(_) => assert!(fits, "{members}"),
            Err(failure) => {
                assert!(!fits && failure.error.contains("entry 1 (git): no known_host_keys"), "{failure}");
            }
        }
    }
}

#[test]
fn what_could_leave_its_line_is_refused() {
    for (good, bad) in [
        (r#""host": "git""#, r#""host": "git *""#),
        (r#""host": "git""#, r#""host": "git\nProxyCommand x""#),
        (r#""host": "git""#, r#""host": "-oProxyCommand=x""#),
        (r#""hostname": "git.example.org""#, r#""hostname": "git,*""#),
        (r#""hostname": "git.example.org""#, r#""hostname": "%h""#),
        (r#""hostname": "git.example.org""#, r#""hostname": "git ssh-rsa AAAA\n*""#),
        (r#""hostname": "ssh-gate-demo""#, r#""hostname": "gate\nUser root""#),
        (r#""user": "git""#, r#""user": "git\nProxyCommand x""#),
        (r#""user": "git""#, r#""user": "-l""#),
        (r#""user": "node""#, r#""user": "node\n""#),
        (r#""name": "default""#, r#""name": "..""#),
        (r#""name": "default""#, r#""name": "a/b""#),
        (r#""home": "/home/node""#, r#""home": "/home/../root""#),
        (r#""home": "/home/node""#, r#""public_socket": "/run/a b""#),
        (r#""home": "/home/node""#, r#""public_socket": "/run/%h""#),
        (r#""home": "/home/node""#, r#""agent_socket": "none""#),
        (r#""namespaces": ["git"]"#, r#""namespaces": [""]"#),
        (r#""namespaces": ["git"]"#, r#""namespaces": ["git\u0000"]"#),
        (r#""port": 22"#, r#""port": 0"#),
        (r#""port": 22"#, r#""port": 65536"#),
    ] {
        assert!(example().contains(good), "{good}");
        refused(&example().replacen(good, bad, 1));
    }
    let twice = format!("{}\\n* {}", key("git"), key("other"));
    refused(&example().replace(&key("git").to_string(), &twice));
}

#[test]
fn what_is_no_manifest_is_refused_with_its_place_and_no_value() {
    let entries = |entries: &str| format!(r#"{{"entries": {entries}}}"#);
    for (text, says) in [
        (String::new(), "line 1"),
        ("[]".to_owned(), "expected an object"),
        (r#"{"entry": []}"#.to_owned(), "unknown field `entry`"),
        (r#"{"entries": [], "entries": []}"#.to_owned(), "duplicate field `entries`"),
        (entries("{}"), "a list of at most"),
        (entries("[[]]"), "expected an object"),
        (entries("[{}]"), "missing field `host`"),
        (entries(&format!("[\"{PEM}\"]")), "expected an object"),
        (example().replace("\"pem\"", "\"pam\""), "entry 1 (git): its key: unknown field `pam`"),
        (
            example().replace(&format!("{{\"pem\": \"{PEM}\"}}"), &format!("\"{PEM}\"")),
            "entry 1 (git): its key: ",
        ),
        (example().replace("\"hostname\": \"git.example.org\"", &format!("\"{PEM}\": 1")), "unknown field"),
        (example().replace("\"port\": 22,", "\"erase\": true,"), "erase is for a key that is a path"),
        (example().replace("[\"git\"]", "[\"git\"], \"opaque\": true"), "unknown field `opaque`"),
        (example().replace("\"port\": 2201", "\"port\": 2201, \"user\": \"x\""), "unknown field `user`"),
    ] {
        let error = refused(&text);
        assert!(error.contains(says), "{says}: {error}");
    }
    let git = entry("git", &host_keys(&["git"]));
    let error = refused(&entries(&format!("[{git}, {git}]")));
    assert!(error.contains("entry 2 (git): another entry has this host"), "{error}");
    let many: Vec<String> =
        (0..=MAX_RULES).map(|number| entry(&format!("h{number}"), &host_keys(&["git"]))).collect();
    assert!(refused(&entries(&format!("[{}]", many.join(",")))).contains("more than 64"));
}

#[test]
fn a_manifest_is_read_to_its_end_and_no_further_than_its_bound() {
    /// One byte at a time, and interrupted before each.
    struct Slow<'a>(&'a [u8], bool);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = into.len().min(1);
            self.0.read(&mut into[..length])
        }
    }

    assert_eq!(Manifest::read(&mut Slow(example().as_bytes(), false)).expect("read").entries.len(), 1);
    let failure = Manifest::read(&mut io::repeat(b' ')).expect_err("too long");
    assert_eq!(failure.code, "manifest-unreadable");
    let fits = Manifest::read(&mut io::repeat(b' ').take(Manifest::MAX_BYTES as u64)).expect_err("no JSON");
    assert_eq!(fits.code, "manifest-invalid");
}

#[test]
fn the_private_key_is_not_shown() {
    assert!(!format!("{:?}", read(&example()).expect("read")).contains("SECRET"));
}

#[test]
fn the_policy_allows_what_the_manifest_says_and_nothing_else() {
    let manifest = read(&example()).expect("read");
    let clients = vec![Client::Uid(1000)];
    let policy = manifest.policy(clients.clone(), [(&manifest.entries[0], certificate("mine"))]);
    assert_eq!(
        (policy.clients.clone(), policy.rate, policy.limits),
        (clients, manifest.rate, Limits::default())
    );
    let expected = KeyRule {
        key: key("mine"),
        users: vec!["git".to_owned()],
        hosts: Hosts::Keys(vec![HostKey { name: "git.example.org".to_owned(), key: key("git") }]),
        namespaces: vec!["git".to_owned()],
        opaque: false,
        forwarded: false,
    };
    assert_eq!(policy.keys, [expected]);
    let none = manifest.policy(Vec::new(), []);
    assert!(none.keys.is_empty(), "an entry whose key was not loaded");
}

#[test]
fn every_key_of_a_host_is_allowed_to_all_its_entries() {
    let second = entry("work", &host_keys(&["two", "one"])).replace("work.example.org", "git.example.org");
    let entries = [entry("git", &host_keys(&["one"])), second, entry("other", &host_keys(&["three"]))];
    let manifest = manifest(&entries);
    let keys = |at: usize| manifest.keys_of(&manifest.entries[at]).into_iter().map(|host| host.key);
    assert_eq!(keys(0).collect::<Vec<_>>(), [key("one"), key("two")]);
    assert_eq!(keys(1).collect::<Vec<_>>(), [key("one"), key("two")]);
    assert_eq!(keys(2).collect::<Vec<_>>(), [key("three")]);
}

#[test]
fn a_host_has_no_more_keys_than_the_policy_can_hold() {
    let names: Vec<String> = (0..MAX_LIST).map(|number| number.to_string()).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let again =
        |keys: &[&str]| entry("again", &host_keys(keys)).replace("again.example.org", "git.example.org");
    let git = entry("git", &host_keys(&all));
    let full = manifest(&[git.clone(), again(&all[..1])]);
    let policy = full.policy(vec![Client::Uid(1000)], full.entries.iter().map(|entry| (entry, key("mine"))));
    assert_eq!(load_again(&policy), policy, "what up writes, serve reads");
    let error = refused(&format!(r#"{{"entries": [{git}, {}]}}"#, again(&["one more"])));
    assert!(error.contains("git.example.org has more than 64 keys"), "{error}");
}

/// The policy by way of its file.
fn load_again(policy: &Policy) -> Policy {
    parse(render(policy).as_bytes(), &Known).expect("read")
}

#[test]
fn one_key_for_two_hosts_is_one_rule_and_for_two_users_is_two() {
    let (one, two) = (entry("one", &host_keys(&["one"])), entry("two", &host_keys(&["two"])));
    for (second, rules, crosswise) in
        [(two.clone(), 1, true), (two.replace("\"user\": \"git\"", "\"user\": \"deploy\""), 2, false)]
    {
        let manifest = manifest(&[one.clone(), second]);
        let policy = manifest.policy(Vec::new(), manifest.entries.iter().map(|entry| (entry, key("mine"))));
        assert_eq!(policy.keys.len(), rules);
        let two = key("two");
        let login = login("git", b"session", Some(&two));
        let allowed = decide(&policy, &Bindings::default(), &key("mine"), &login).is_allowed();
        assert_eq!(allowed, crosswise, "as git at two");
    }
}

#[test]
fn two_hosts_with_one_key_are_warned_about() {
    let manifest = manifest(&[entry("one", &host_keys(&["same"])), entry("two", &host_keys(&["same"]))]);
    let policy = manifest.policy(Vec::new(), manifest.entries.iter().map(|entry| (entry, key("mine"))));
    assert!(policy.warnings()[0].contains("one.example.org, two.example.org"), "{:?}", policy.warnings());
}
