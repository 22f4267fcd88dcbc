//! Two instances whose manifests name one place: it is one's.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::bench::{Bench, apart, pem, processes, words};

/// In a /run of its own, and the folder that is the input. What is traced is stopped while it has the turn.
const BEGIN: &str = "mount -t tmpfs -o mode=755 tmpfs /run || exit 99; cd \"$(cat)\" || exit 98
at_place() { until test -e /run/ssh-agent-fwd/.places; do grep -q '^State:.[^Z]' /proc/$1/status || exit 97; done; }
trace() { strace -D -o /dev/null --inject=$1:signal=STOP:when=$2 \"$0\" $3 <\"${4:-/dev/null}\" & }
";

/// Two whose manifests, in the first one's home, name one socket.
fn two() -> Option<[Bench; 2]> {
    let benches = [Bench::new()?, Bench::new()?];
    for (bench, file) in benches.iter().zip(["first", "second"]) {
        let mut manifest = bench.manifest(&[pem(&bench.key("key"))]);
        manifest["public_socket"] = "/run/public.sock".into();
        fs::write(benches[0].home.path().join(file), manifest.to_string()).expect("written");
    }
    Some(benches)
}

/// What this script says; nothing is left in its /run.
fn run(benches: &[Bench; 2], script: &str) -> Output {
    let [first, second] = [&benches[0].name, &benches[1].name];
    let script = format!(
        "{BEGIN}first={first} second={second}\n{script}\n
         \"$0\" down --name $first; \"$0\" down --name $second; find /run -mindepth 1"
    );
    let output = apart(&script, benches[0].home.path().to_str().expect("a path"));
    assert!(output.status.success(), "{output:?}");
    let left = String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with("/run/"));
    assert!(!left, "{output:?}");
    output
}

fn said(output: &Output) -> Vec<&str> {
    let lines = std::str::from_utf8(&output.stdout).expect("words").lines();
    lines.filter(|line| line.contains("ends with")).collect()
}

#[test]
fn who_is_just_taking_a_place_has_it_alone() {
    let Some(benches) = two() else { return };
    let script = "
        trace /^symlink 1 'up -q' first; up=$!; at_place $up
        \"$0\" up -q <second; echo second ends with $?
        kill -CONT $up; wait $up; echo first ends with $?
        \"$0\" up -q <second; echo second ends with $?
        SSH_AUTH_SOCK=/run/public.sock setpriv --reuid 1 --regid 1 --clear-groups ssh-add -l; echo list ends with $?";
    let output = run(&benches, script);
    let ends = ["second ends with 1", "first ends with 0", "second ends with 1", "list ends with 0"];
    assert_eq!(said(&output), ends, "{output:?}");
    let words = words(&output);
    assert!(words.contains("busy: ") && words.contains("place-in-use: "), "{words}");
}

#[test]
fn a_down_that_takes_a_dead_socket_away_keeps_others_from_its_place() {
    let Some(benches) = two() else { return };
    let script = "
        \"$0\" up -q <first
        kill -KILL $(cut -d' ' -f1 /run/ssh-agent-fwd/$first/current/serve.pid)
        trace flock 2 \"down --name $first\"; down=$!; at_place $down
        \"$0\" up -q <second; echo second ends with $?
        kill -CONT $down; wait $down; echo down ends with $?
        \"$0\" up -q <second; echo second ends with $?";
    let output = run(&benches, script);
    assert_eq!(said(&output), ["second ends with 1", "down ends with 0", "second ends with 0"], "{output:?}");
    assert!(words(&output).contains("busy: "), "{output:?}");
}

#[test]
fn of_many_ups_for_one_place_one_has_it_and_nothing_is_left_of_the_others() {
    let benches: Vec<Bench> = (0..4).filter_map(|_| Bench::new()).collect();
    let Some(first) = benches.first() else { return };
    let place = first.folder.path().join("public.sock");
    let before: Vec<_> = benches.iter().map(Bench::snapshot).collect();
    let manifest = |bench: &Bench| -> Value {
        let mut manifest = bench.manifest(&[pem(&bench.key("key"))]);
        manifest["public_socket"] = place.to_str().into();
        manifest
    };
    let manifests: Vec<Value> = benches.iter().map(manifest).collect();
    let ups: Vec<_> = benches.iter().zip(&manifests).map(|(bench, it)| bench.start_up(it, &["-q"])).collect();
    let mut winners = Vec::new();
    for ((bench, before), up) in benches.iter().zip(&before).zip(ups) {
        let output = up.wait_with_output().expect("ended");
        if output.status.success() {
            winners.push(bench);
        } else {
            assert!(words(&output).contains("place-in-use: "), "{output:?}");
            assert!(bench.snapshot().is_nothing_but(before), "{:?}", bench.snapshot());
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(processes(&format!("{}/", winners[0].instance().display())).len(), 2);
}

#[test]
fn an_up_that_is_killed_at_a_place_leaves_it_to_others_and_nothing_after_down() {
    let Some(benches) = two() else { return };
    let script = "
        trace /^symlink 1 'up -q' first; up=$!; at_place $up
        kill -KILL $up; wait $up; test -e /run/ssh-agent-fwd/.places; echo left ends with $?";
    // Without and with another one that comes before its `down`.
    for (more, ends) in [
        ("", &["left ends with 0"][..]),
        ("\"$0\" up -q <second; echo second ends with $?", &["left ends with 0", "second ends with 0"]),
    ] {
        let output = run(&benches, &format!("{script}\n{more}"));
        assert_eq!(said(&output), ends, "{output:?}");
    }
}
