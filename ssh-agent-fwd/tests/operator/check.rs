//! `check`, of what ssh(1) and ssh-keygen(1) really send.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::{Answer, Bench, Key, succeed};
use crate::captures::{Relay, Socat};
use crate::server::{Server, known_hosts};

const HOST: &str = "git.example.org";

/// A rule for logins as root at the host with this key, and for signatures of commits.
fn rule(key: &Key, host: &Key) -> String {
    format!(
        r#"{{"key": "{}", "users": ["root"], "hosts": [{{"name": "{HOST}", "keys": ["{}"]}}], "namespaces": ["git"]}}"#,
        key.line, host.line
    )
}

/// Logs in with ssh(1) by the agent of this socket; `None` where there is no sshd(8).
fn log_in(bench: &Bench, (key, host): (&Key, &Key), method: &str, agent: &Path) -> Option<()> {
    let server = Server::start(&host.file, &key.line)?;
    let known = known_hosts(bench.folder(), HOST, &host.line);
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
    command.args(["-o", "GlobalKnownHostsFile=none", "-o", &format!("PubkeyAuthentication={method}")]);
    command.args(["-o", &format!("HostKeyAlias={HOST}"), "-o", &format!("Port={}", server.port())]);
    command.args(["-o", &format!("UserKnownHostsFile={}", known.display())]);
    command.args(["-o", &format!("IdentityAgent={}", agent.display()), "root@127.0.0.1", "true"]);
    succeed(&mut command);
    server.wait();
    Some(())
}

/// Signs a file with ssh-keygen(1) in this namespace.
fn sign(bench: &Bench, key: &Key, namespace: &str, agent: &Path) {
    let file = bench.folder().join("file");
    fs::write(&file, "text").expect("written");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(key.file.with_extension("pub"));
    succeed(command.arg(&file).env("SSH_AUTH_SOCK", agent));
}

fn words<'a>(policy: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["check", "--policy", policy.to_str().expect("a path")], more].concat()
}

#[test]
fn a_login_of_ssh_is_explained_as_the_forwarder_would_decide_it() {
    let Some(bench) = Bench::new() else { return };
    let (key, host, other) = (bench.add_key("key"), bench.make_key("host"), bench.make_key("other"));
    let relay = Relay::start(bench.folder(), &bench.agent_socket());
    if log_in(&bench, (&key, &host), "unbound", relay.socket()).is_none() {
        return;
    }
    let capture = relay.capture();
    let policy = bench.policy(&[rule(&key, &host)]);
    let answer = Answer::of(&words(&policy, &[]), &capture);
    assert_eq!((answer.status, answer.stderr.as_str()), (Some(0), ""), "{answer:?}");
    for part in
        ["request: userauth with key SHA256:", "\n  user: root\n", "\ndecision: allow session-bound: ", HOST]
    {
        assert!(answer.stdout.contains(part), "{part}: {answer:?}");
    }
    assert!(
        answer
            .stdout
            .ends_with("\n1 of 1 requests allowed; session-binds: 1, taken as verified by the agent\n")
    );

    let unverified = Answer::of(&words(&policy, &["--unverified", "--json"]), &capture);
    assert_eq!(unverified.status, Some(1), "{unverified:?}");
    assert_eq!(unverified.json()["requests"][0]["reason"], "not-bound");
    assert_eq!(unverified.json()["session_binds_taken_as"], "unverified");

    let policy = bench.policy(&[rule(&key, &other)]);
    let denied = Answer::of(&words(&policy, &["--json"]), &capture);
    assert_eq!(denied.status, Some(1), "{denied:?}");
    assert_eq!(denied.stderr, "", "it is what was asked for");
    let object = denied.json();
    assert_eq!(
        (&object["op"], &object["success"], &object["code"]),
        (&"check".into(), &false.into(), &"denied".into())
    );
    assert_eq!(object["requests"][0]["reason"], "host-not-allowed");
    assert_eq!(object["requests"][0]["rules"][0]["reason"], "host-not-allowed");
    assert_eq!((&object["allowed"], &object["denied"]), (&0.into(), &1.into()));
}

#[test]
fn a_login_that_is_bound_to_the_host_needs_no_session_bind() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("key"), bench.make_key("host"));
    let relay = Relay::start(bench.folder(), &bench.agent_socket());
    if log_in(&bench, (&key, &host), "host-bound", relay.socket()).is_none() {
        return;
    }
    let policy = bench.policy(&[rule(&key, &host)]);
    let answer = Answer::of(&words(&policy, &["--unverified", "--json"]), &relay.capture());
    assert_eq!(answer.status, Some(0), "{answer:?}");
    let object = answer.json();
    assert_eq!((&object["success"], &object["requests"][0]["reason"]), (&true.into(), &"hostbound".into()));
}

#[test]
fn a_signature_is_judged_by_its_namespace_from_a_file_and_from_standard_input() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("key"), bench.make_key("host"));
    let policy = bench.policy(&[rule(&key, &host)]);
    for (namespace, status, reason) in [("git", 0, "namespace"), ("file", 1, "namespace-not-allowed")] {
        let relay = Relay::start(bench.folder(), &bench.agent_socket());
        sign(&bench, &key, namespace, relay.socket());
        fs::remove_file(relay.socket()).expect("removed");
        let capture = relay.capture();
        let file = bench.folder().join("capture");
        fs::write(&file, &capture).expect("written");
        let file = file.to_str().expect("a path");
        for (operand, input) in [(file, &[][..]), ("-", &capture)] {
            let answer = Answer::of(&words(&policy, &["--json", operand]), input);
            assert_eq!(answer.status, Some(status), "{answer:?}");
            assert_eq!(answer.json()["requests"][0]["reason"], reason);
            assert_eq!(answer.json()["requests"][0]["namespace"], namespace);
        }
    }
}

#[test]
fn socat_captures_a_connection_as_the_manual_says() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("key"), bench.make_key("host"));
    let Some(socat) = Socat::start(bench.folder(), &bench.agent_socket()) else { return };
    sign(&bench, &key, "git", socat.socket());
    let (policy, capture) = (bench.policy(&[rule(&key, &host)]), socat.capture());
    let answer = Answer::of(&words(&policy, &[capture.to_str().expect("a path")]), &[]);
    assert_eq!(answer.status, Some(0), "{answer:?}");
    assert!(answer.stdout.ends_with("\n1 of 1 requests allowed; no session-bind came\n"), "{answer:?}");
}

#[test]
fn what_is_no_capture_or_no_policy_is_said() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.make_key("key"), bench.make_key("host"));
    let policy = bench.policy(&[rule(&key, &host)]);
    for (input, says) in [
        (&b""[..], "no-sign-request: there is no sign request among the 0 messages"),
        (b"\0\0\0\x01\x0b", "no-sign-request: there is no sign request among the 1 messages"),
        (b"\0\0\0\x01\x0b\0\0\0", "frame-closed: it ends inside the message that begins at byte 5"),
        (b"GET / HTTP/1.1", "frame-too-long: a message of 1195725856 bytes begins at byte 0"),
    ] {
        let answer = Answer::of(&words(&policy, &[]), input);
        assert_eq!((answer.status, answer.stdout.as_str()), (Some(1), ""), "{answer:?}");
        assert!(answer.stderr.starts_with(&format!("ssh-agent-fwd: {says}")), "{answer:?}");
        assert_eq!(answer.stderr.lines().count(), 1, "{answer:?}");
        let json = Answer::of(&words(&policy, &["--json"]), input).json();
        assert!(says.starts_with(json["code"].as_str().expect("a code")), "{json}");
    }
    let missing = Answer::of(&words(&policy, &["/nonexistent/a\nb"]), &[]);
    assert!(
        missing.stderr.starts_with("ssh-agent-fwd: capture-unreadable: /nonexistent/a\\u{a}b: "),
        "{missing:?}"
    );
    fs::write(&policy, "{").expect("written");
    let invalid = Answer::of(&words(&policy, &["--json"]), &[]);
    assert_eq!((invalid.status, &invalid.json()["code"]), (Some(1), &"policy-invalid".into()), "{invalid:?}");
}
