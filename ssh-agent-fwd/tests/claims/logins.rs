//! `ssh HOST` at a real sshd(8) by the user, through the files that `up` has written and the socket that they name.

use serde_json::{Value, json};

use crate::as_account;
use crate::bench::{Bench, Key, pem, words};
use crate::sshd::Server;

/// The user distrusts nobody: what it believes of hosts is no help to it.
const CREDULOUS: [&str; 6] = [
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "GlobalKnownHostsFile=/dev/null",
    "-o",
    "StrictHostKeyChecking=no",
];

/// Whether there is a gate before the host.
#[derive(Debug, Clone, Copy)]
enum Way {
    Straight,
    ThroughAGate,
}

const WAYS: [Way; 2] = [Way::Straight, Way::ThroughAGate];

/// A manifest with one host of this port here, `git`.
fn manifest(bench: &Bench, key: &Key, way: Way, port: u16) -> Value {
    let mut manifest = bench.manifest(&[pem(key)]);
    let entry = &mut manifest["entries"][0];
    entry["host"] = "git".into();
    entry["user"] = "root".into();
    match way {
        Way::Straight => {
            entry["hostname"] = "127.0.0.1".into();
            entry["port"] = port.into();
        }
        Way::ThroughAGate => entry["gate"] = json!({"hostname": "127.0.0.1", "port": port}),
    }
    manifest
}

/// The same where the host has to have this key.
fn manifest_at(bench: &Bench, key: &Key, way: Way, port: u16, host: &Key) -> Value {
    let mut manifest = manifest(bench, key, way, port);
    let entry = manifest["entries"][0].as_object_mut().expect("an entry");
    entry.remove("any_host");
    entry.insert("known_host_keys".to_owned(), json!([host.line]));
    manifest
}

fn is_up(bench: &Bench, manifest: &Value) {
    let output = bench.up(manifest, &["-q"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_user_logs_in_by_the_alias_alone_with_and_without_a_gate() {
    for way in WAYS {
        let Some(bench) = Bench::new() else { return };
        let (key, host) = (bench.key("a"), bench.key("host"));
        let Some(server) = Server::start(&host.file, &key.line) else { return };
        is_up(&bench, &manifest_at(&bench, &key, way, server.port(), &host));
        let output = as_account(&bench, &["ssh", "-T", "git", "echo logged in"]);
        assert_eq!(output.stdout, b"logged in\n", "{way:?}: {output:?}");
        server.wait();
    }
}

#[test]
fn another_host_in_its_place_gets_no_signature_whatever_the_user_believes() {
    for way in WAYS {
        let Some(bench) = Bench::new() else { return };
        let (key, host, other) = (bench.key("a"), bench.key("host"), bench.key("other"));
        // It would let the key in.
        let Some(server) = Server::start(&other.file, &key.line) else { return };
        is_up(&bench, &manifest_at(&bench, &key, way, server.port(), &host));
        let output =
            as_account(&bench, &[&["ssh", "-T"], &CREDULOUS[..], &["git", "echo logged in"]].concat());
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(255), &b""[..]), "{way:?}: {output:?}");
        assert!(words(&output).contains("Permission denied"), "it came to the login: {output:?}");
        server.wait();
    }
}

#[test]
fn the_user_s_own_files_stop_a_login_at_a_host_with_another_key_before_it_is_asked() {
    let Some(bench) = Bench::new() else { return };
    let (key, host, other) = (bench.key("a"), bench.key("host"), bench.key("other"));
    let Some(server) = Server::start(&other.file, &key.line) else { return };
    is_up(&bench, &manifest_at(&bench, &key, Way::ThroughAGate, server.port(), &host));
    let output = as_account(&bench, &["ssh", "-T", "git", "echo logged in"]);
    assert_eq!(output.status.code(), Some(255), "{output:?}");
    assert!(words(&output).contains("Host key verification failed"), "{output:?}");
    server.wait();
}

#[test]
fn another_user_of_the_host_gets_no_signature() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.key("a"), bench.key("host"));
    let Some(server) = Server::start(&host.file, &key.line) else { return };
    let mut manifest = manifest_at(&bench, &key, Way::ThroughAGate, server.port(), &host);
    manifest["entries"][0]["user"] = "git".into();
    is_up(&bench, &manifest);
    // sshd(8) would let it in as root.
    let output = as_account(&bench, &["ssh", "-T", "-l", "root", "git", "echo logged in"]);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(255), &b""[..]), "{output:?}");
    server.wait();
}

#[test]
fn an_entry_has_host_keys_or_says_any_host_and_then_logs_in_anywhere() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.key("a"), bench.key("host"));
    let Some(server) = Server::start(&host.file, &key.line) else { return };
    let any = manifest(&bench, &key, Way::Straight, server.port());
    let before = bench.snapshot();
    for said in [None, Some(json!(false)), Some(json!("true"))] {
        let mut neither = any.clone();
        let entry = neither["entries"][0].as_object_mut().expect("an entry");
        entry.remove("any_host");
        entry.extend(said.clone().map(|said| ("any_host".to_owned(), said)));
        let output = bench.up(&neither, &[]);
        assert_eq!(output.status.code(), Some(1), "{said:?}");
        assert!(words(&output).contains("manifest-invalid"), "{said:?}: {output:?}");
        assert_eq!(bench.snapshot(), before);
    }
    is_up(&bench, &any);
    // The host is not known to the user's ssh either, and BatchMode asks nobody.
    let output = as_account(&bench, &[&["ssh", "-T"], &CREDULOUS[..], &["git", "echo logged in"]].concat());
    assert_eq!(output.stdout, b"logged in\n", "{output:?}");
    server.wait();
}
