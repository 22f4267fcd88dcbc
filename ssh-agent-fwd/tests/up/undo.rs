//! An `up` that fails has changed nothing, whichever step it is that fails; what served before serves on.

use std::fs;
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::bench::{Bench, apart, calls, pem, run, signalled, words};

/// What makes an `up` fail.
type Spoil = fn(&Bench, &mut Value) -> Option<UnixListener>;

const FAILURES: [(&str, Spoil); 12] = [
    ("key-invalid", |_, manifest| {
        let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        manifest["entries"][1]["key"] = json!({"pem": pem});
        None
    }),
    ("key", |bench, manifest| {
        manifest["entries"][1]["key"] = json!({"path": bench.folder.path().join("none")});
        None
    }),
    ("key", |bench, manifest| {
        let locked = bench.folder.path().join("locked");
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "secret", "-f", locked.to_str().expect("a path")]);
        manifest["entries"][1]["key"] = json!({"path": locked});
        None
    }),
    ("place-in-use", |bench, manifest| {
        let place = bench.folder.path().join("live.sock");
        let listener = UnixListener::bind(&place).expect("bound");
        manifest["public_socket"] = place.to_str().into();
        Some(listener)
    }),
    ("place-occupied", |bench, manifest| {
        let place = bench.folder.path().join("file.sock");
        fs::write(&place, "").expect("written");
        manifest["public_socket"] = place.to_str().into();
        None
    }),
    ("place-occupied", |bench, manifest| {
        let place = bench.folder.path().join("agent.sock");
        fs::write(&place, "").expect("written");
        manifest["agent_socket"] = place.to_str().into();
        None
    }),
    ("place-occupied", |bench, manifest| {
        let place = bench.folder.path().join("agent.sock");
        std::os::unix::fs::symlink("/run/another.sock", &place).expect("a link");
        manifest["agent_socket"] = place.to_str().into();
        None
    }),
    ("place-untrusted", |bench, manifest| {
        manifest["public_socket"] = bench.home.path().join("a.sock").to_str().into();
        None
    }),
    ("home", |_, manifest| {
        manifest["home"] = "/run/no-such-home".into();
        None
    }),
    ("no-such-user", |_, manifest| {
        manifest["user"] = "no-such-user-0f1e".into();
        None
    }),
    ("user-refused", |_, manifest| {
        manifest["user"] = "root".into();
        None
    }),
    ("manifest-invalid", |_, manifest| {
        manifest["unknown"] = 1.into();
        None
    }),
];

#[test]
fn whatever_fails_nothing_is_left_of_it() {
    for (code, spoil) in FAILURES {
        let Some(bench) = Bench::new() else { return };
        let mut manifest = bench.manifest(&[pem(&bench.key("a")), pem(&bench.key("b"))]);
        let _held = spoil(&bench, &mut manifest);
        let before = bench.snapshot();
        let output = bench.up(&manifest, &[]);
        assert_eq!(output.status.code(), Some(1), "{code}: {output:?}");
        assert!(words(&output).contains(code) && output.stdout.is_empty(), "{code}: {output:?}");
        assert!(!words(&output).contains("not undone"), "{output:?}");
        assert_eq!(bench.snapshot(), before, "{code}");
    }
}

#[test]
fn whatever_fails_what_served_before_serves_on() {
    for (code, spoil) in FAILURES {
        let Some(bench) = Bench::new() else { return };
        let key = bench.key("before");
        bench.is_up(&[pem(&key)]);
        let mut manifest = bench.manifest(&[pem(&bench.key("a")), pem(&bench.key("b"))]);
        let _held = spoil(&bench, &mut manifest);
        let before = bench.snapshot();
        let output = bench.up(&manifest, &[]);
        assert_eq!(output.status.code(), Some(1), "{code}: {output:?}");
        assert_eq!(bench.fingerprints(), [key.fingerprint], "{code}");
        assert_eq!(bench.snapshot(), before, "{code}");
    }
}

#[test]
fn without_an_agent_nothing_is_left() {
    let Some(bench) = Bench::new() else { return };
    let manifest = bench.manifest(&[pem(&bench.key("a"))]).to_string();
    let before = bench.snapshot();
    for (program, code) in [("ssh-agent", "openssh-missing"), ("ssh-add", "openssh-missing")] {
        let hidden = format!("mount --bind /dev/null $(command -v {program}); exec \"$0\" up -q");
        let output = apart(&hidden, &manifest);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(words(&output).contains(code), "{output:?}");
        assert_eq!(bench.snapshot(), before, "{program}");
    }
}

/// Every file that an `up` makes in /run is once the one for which there is no room.
#[test]
fn without_room_nothing_is_left() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let manifest = bench.manifest(&[pem(&key)]).to_string();
    let before = bench.snapshot();
    let script = |size: &str| {
        let name = &bench.name;
        format!(
            "mount -t tmpfs -o mode=755,{size} tmpfs /run || exit 99; \"$0\" up -q; status=$?; \
             if [ $status = 0 ]; then \"$0\" down --name {name} || exit 98; fi; find /run -mindepth 1; exit $status"
        )
    };
    let mut failed = 0;
    for size in (2..40)
        .map(|files| format!("nr_inodes={files}"))
        .chain((1..9).map(|blocks| format!("nr_blocks={blocks}")))
    {
        let output = apart(&script(&size), &manifest);
        let status = output.status.code().expect("a status");
        assert!(status < 2, "{size}: {output:?}");
        failed += status;
        // In its own /run nothing is left, either.
        let left = String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with("/run/"));
        assert!(!left, "{size}: {output:?}");
        assert_eq!(bench.snapshot(), before, "{size}: {output:?}");
    }
    assert!(failed > 5, "{failed}");
}

/// A signal that would end it undoes everything, or comes too late to.
#[test]
fn a_signal_leaves_all_of_it_or_nothing() {
    let Some(bench) = Bench::new() else { return };
    let manifest = bench.manifest(&[pem(&bench.key("a"))]).to_string();
    let before = bench.snapshot();
    let calls = calls(bench.folder.path(), &manifest);
    assert!(bench.down().status.success());
    let mut undone = 0;
    for (call, signal) in
        calls.iter().step_by(calls.len() / 24).zip(["TERM", "INT", "HUP"].into_iter().cycle())
    {
        let output = signalled(bench.folder.path(), &manifest, call, signal);
        match output.status.code() {
            Some(0) => {
                assert_eq!(bench.fingerprints().len(), 1, "{call:?}");
                assert!(bench.down().status.success());
            }
            code => {
                assert_eq!(code, Some(1), "{call:?}: {output:?}");
                assert!(words(&output).contains("interrupted"), "{call:?}: {output:?}");
                undone += 1;
            }
        }
        assert!(bench.snapshot().is_nothing_but(&before), "{call:?}: {:?}", bench.snapshot());
    }
    assert!(undone > 5, "{undone}");
}
