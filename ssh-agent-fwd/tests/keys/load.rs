//! Keys into a real agent.

use std::ffi::OsStr;
use std::fs;

use ssh_agent_fwd::agent_keys::{list, remove_all};
use ssh_agent_fwd::load::load;
use ssh_agent_fwd::material::Material;

use crate::bench::{Bench, Key};

const KINDS: [(&str, &str); 6] = [
    ("ed25519", "-t ed25519"),
    ("rsa", "-t rsa -b 4096"),
    ("rsa-pem", "-t rsa -b 2048 -m PEM"),
    ("ecdsa", "-t ecdsa -b 521"),
    ("ecdsa-pem", "-t ecdsa -m PEM"),
    ("ecdsa-pkcs8", "-t ecdsa -m PKCS8"),
];

fn lines(bench: &Bench) -> Vec<String> {
    let keys = list(&bench.agent_socket()).expect("a list");
    keys.iter().map(|key| key.key.to_string()).collect()
}

#[test]
fn every_kind_of_key_is_loaded_and_known_in_order_and_a_second_time_as_well() {
    let Some(bench) = Bench::with_agent() else { return };
    let keys: Vec<Key> = KINDS.iter().map(|(name, words)| bench.key(name, words)).collect();
    for _ in 0..2 {
        for key in &keys {
            let loaded = load(&bench.agent_socket(), &key.material()).expect("loaded");
            assert_eq!(loaded.to_string(), key.line);
        }
        assert_eq!(lines(&bench), keys.iter().map(|key| key.line.clone()).collect::<Vec<_>>());
    }
    let comments: Vec<String> =
        list(&bench.agent_socket()).expect("a list").into_iter().map(|key| key.comment).collect();
    assert_eq!(comments[..2], ["ed25519", "rsa"]);
}

#[test]
fn the_longest_key_passes() {
    let Some(bench) = Bench::with_agent() else { return };
    // Text after the key is not looked at: as long as a file may be.
    let key = bench.key("key", "-t ed25519");
    let text = key.text();
    fs::write(&key.file, format!("{text}{}", "\n".repeat(64 * 1024 - text.len()))).expect("written");
    assert_eq!(load(&bench.agent_socket(), &key.material()).expect("loaded").to_string(), key.line);
}

#[test]
fn a_broken_key_is_not_loaded_and_not_shown() {
    let Some(bench) = Bench::with_agent() else { return };
    for (name, words) in KINDS {
        let key = bench.key(name, words);
        let text = key.text();
        fs::write(&key.file, text.replace(&format!("{}\n", key.secret_line()), "")).expect("written");
        let failure = load(&bench.agent_socket(), &key.material()).expect_err(name);
        assert_eq!(failure.code, "key-not-loaded", "{name}: {failure}");
        assert!(
            failure.error.starts_with(&format!("the key {}: ssh-add says: ", key.file.display())),
            "{failure}"
        );
        for part in
            text.lines().filter(|line| !line.starts_with('-')).flat_map(|line| line.as_bytes().windows(8))
        {
            assert!(!failure.error.as_bytes().windows(8).any(|words| words == part), "{failure}");
        }
    }
    assert!(lines(&bench).is_empty());
}

#[test]
fn an_agent_that_is_not_there_or_locked_takes_no_key() {
    let Some(mut bench) = Bench::with_agent() else { return };
    let key = bench.key("key", "-t ed25519");
    let away = bench.path("agent/none.sock");
    assert_eq!(load(&away, &key.material()).expect_err("nobody").code, "agent-unreachable");
    lock(&bench);
    let failure = load(&bench.agent_socket(), &key.material()).expect_err("locked");
    assert_eq!(failure.code, "key-not-loaded", "{failure}");
    assert_eq!(remove_all(&bench.agent_socket()).expect_err("locked").code, "agent-refused");
    bench.end_agent();
    assert_eq!(load(&bench.agent_socket(), &key.material()).expect_err("dead").code, "agent-unreachable");
}

/// SSH_AGENTC_LOCK (RFC 9987 section 5.7): `ssh-add -x` asks a terminal for the passphrase.
fn lock(bench: &Bench) {
    use std::io::{Read, Write};
    let mut agent = std::os::unix::net::UnixStream::connect(bench.agent_socket()).expect("connected");
    agent.write_all(b"\0\0\0\x06\x16\0\0\0\x01a").expect("asked");
    let mut reply = [0; 5];
    agent.read_exact(&mut reply).expect("a reply");
    assert_eq!(reply, [0, 0, 0, 1, 6]);
}

#[test]
fn the_agent_forgets_all_keys_when_it_is_told() {
    let Some(bench) = Bench::with_agent() else { return };
    remove_all(&bench.agent_socket()).expect("none to forget");
    let key = bench.key("key", "-t ed25519");
    load(&bench.agent_socket(), &key.material()).expect("loaded");
    remove_all(&bench.agent_socket()).expect("forgotten");
    assert!(lines(&bench).is_empty());
    load(&bench.agent_socket(), &key.material()).expect("loaded again");
    assert_eq!(lines(&bench), [key.line]);
}

#[test]
fn a_key_from_a_file_that_was_erased_is_still_loaded() {
    let Some(bench) = Bench::with_agent() else { return };
    let key = bench.key("key", "-t ed25519");
    let (material, file) = Material::read(&key.source()).expect("a key");
    file.expect("a file").erase().expect("erased");
    assert!(!key.file.exists());
    assert_eq!(load(&bench.agent_socket(), &material).expect("loaded").to_string(), key.line);
}

#[test]
fn a_comment_that_is_no_text_is_listed_all_the_same() {
    let Some(bench) = Bench::with_agent() else { return };
    let key = bench.key("key", "-t ed25519");
    let mut command = std::process::Command::new("ssh-keygen");
    command
        .arg("-q")
        .arg("-c")
        .arg("-C")
        .arg(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"a\xffb\n"));
    crate::bench::run(command.arg("-f").arg(&key.file));
    load(&bench.agent_socket(), &key.material()).expect("loaded");
    assert_eq!(list(&bench.agent_socket()).expect("a list")[0].comment, "a\u{fffd}b\n");
}
