//! What a client may try to do to the agent and to its keys: what socat would let it do (reference/ssh-agent.md, 0).

use std::fs;
use std::io::Write;

use crate::bench::{Bench, Child, FAILURE, Key, LIST, SIGN_RESPONSE, account, read, sign, sshsig, string};
use crate::{USER, rule};

/// The agent is alive and not locked, and has these keys and no other.
fn assert_intact(bench: &Bench, keys: &[&Key], tried: &str) {
    let listed = Child::of("ssh-add", &["-L"], 0, &bench.agent_socket()).run("");
    let listed: Vec<&str> =
        listed.lines().filter_map(|line| line.rsplit_once(' ').map(|(key, _)| key)).collect();
    let expected: Vec<&str> = keys.iter().map(|key| key.line.as_str()).collect();
    assert_eq!(listed, expected, "{tried}");
}

/// A body of this type with these strings.
fn body(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut body = vec![kind];
    fields.iter().for_each(|field| string(&mut body, field));
    body
}

#[test]
fn no_request_changes_locks_or_kills_the_agent() {
    let Some(bench) = Bench::new() else { return };
    let (key, other) = (bench.add_key("one"), bench.add_key("two"));
    let serve = bench.serve(&[rule(&key, r#""namespaces": ["git"]"#)]);
    let mut client = serve.connect(USER);
    let library = b"/usr/lib/x86_64-linux-gnu/libc.so.6";
    for (tried, request) in [
        ("LOCK without a body, which is fatal to ssh-agent", body(22, &[])),
        ("LOCK", body(22, &[b"secret"])),
        ("UNLOCK", body(23, &[b"secret"])),
        ("REMOVE_ALL_RSA_IDENTITIES of version 1, which removes all", body(9, &[])),
        ("REMOVE_ALL_IDENTITIES", body(19, &[])),
        ("REMOVE_IDENTITY", body(18, &[&other.blob])),
        ("ADD_IDENTITY", body(17, &[b"ssh-ed25519", &[1; 32], &[1; 64], b"mine"])),
        ("ADD_ID_CONSTRAINED", body(25, &[b"ssh-ed25519", &[1; 32], &[1; 64], b"mine"])),
        ("ADD_SMARTCARD_KEY, which loads a library as root", body(20, &[library, b""])),
        ("REMOVE_SMARTCARD_KEY", body(21, &[library, b""])),
        ("ADD_SMARTCARD_KEY_CONSTRAINED", body(26, &[library, b""])),
        ("an extension that is not let through", body(27, &[b"restrict-destination-v00@openssh.com"])),
        ("a signature with a key of another's policy", sign(&other.blob, &sshsig("git"))),
    ] {
        assert_eq!(client.ask(&request), FAILURE, "{tried}");
        assert_intact(&bench, &[&key, &other], tried);
    }
    assert_eq!(client.ask(&sign(&key.blob, &sshsig("git")))[0], SIGN_RESPONSE, "the connection goes on");
}

#[test]
fn no_type_of_message_without_or_with_a_body_changes_or_kills_the_agent() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve(&[rule(&key, r#""namespaces": ["git"]"#)]);
    let mut client = serve.connect(USER);
    for kind in 0..=255 {
        for more in [&[][..], b"\0\0\0\x01x", b"\xff\xff\xff\xff", &[0; 64]] {
            let request = [&[kind], more].concat();
            let reply = client.ask(&request);
            let is_list = request == LIST;
            assert_eq!(reply[0], if is_list { 12 } else { FAILURE[0] }, "{request:?}: {reply:?}");
        }
    }
    assert_intact(&bench, &[&key], "all types");
}

#[test]
fn a_length_that_would_take_all_memory_ends_the_connection_and_takes_none() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve(&[]);
    for _ in 0..100 {
        let mut client = serve.connect(USER);
        client.stream.write_all(b"\xff\xff\xff\xff\x0b").expect("written");
        assert_eq!(read(&mut client.stream), None);
    }
    let status = fs::read_to_string(format!("/proc/{}/status", serve.pid())).expect("read");
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    assert!(peak.is_some_and(|peak: u32| peak < 64 * 1024), "{peak:?} KiB");
    assert_intact(&bench, &[&key], "ffffffff");
}

#[test]
fn ssh_add_neither_adds_nor_removes_nor_locks_through_it() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let account = account();
    bench.write_policy(&[rule(&key, r#""namespaces": ["git"]"#)], "{}");
    let serve = bench.serve_by_policy(&["--allow-user", &account.name, "--mode", "666"]);
    let public = bench.public_key(&key);
    for words in [
        &["-D"][..],
        &["-d", public.to_str().expect("a path")],
        &["-s", "/usr/lib/x86_64-linux-gnu/libc.so.6"],
        &["-e", "/usr/lib/x86_64-linux-gnu/libc.so.6"],
    ] {
        let output = Child::of("ssh-add", words, account.uid, serve.socket()).output();
        assert!(!output.status.success(), "{words:?}: {output:?}");
        assert_intact(&bench, &[&key], &format!("{words:?}"));
    }
}

#[test]
fn no_user_that_it_serves_can_read_the_keys_or_the_memory_of_who_has_them() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve(&[rule(&key, r#""namespaces": ["git"]"#)]);
    let processes = [serve.pid(), bench.agent_pid()];
    let of_process = |name: &'static str| processes.map(|pid| format!("/proc/{pid}/{name}"));
    let mut paths = vec![key.file().display().to_string(), bench.agent_socket().display().to_string()];
    ["mem", "environ", "maps", "fd/0"].into_iter().for_each(|name| paths.extend(of_process(name)));
    for path in paths {
        let output = Child::of("cat", &[&path], USER, serve.socket()).output();
        assert!(!output.status.success(), "{path}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("Permission denied"), "{path}: {said}");
    }
    for pid in processes {
        let output = Child::of("strace", &["-p", &pid.to_string()], USER, serve.socket()).output();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("Operation not permitted"), "{said}");
    }
}
