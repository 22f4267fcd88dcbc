//! An `up` that is killed, wherever it is: the next one works, and `down` leaves nothing.

use std::collections::HashSet;

use crate::bench::{Bench, calls, pem, signalled};

/// Of each kind of call as many are tried, besides every one that changes a name.
const OF_A_KIND: usize = 1;
/// Those that change one.
const NAMES: [&str; 6] = ["mkdir", "renameat", "renameat2", "rename", "symlink", "symlinkat"];

#[test]
fn whenever_an_up_is_killed_the_next_one_works_and_down_leaves_nothing() {
    let Some(bench) = Bench::new() else { return };
    let manifest = bench.manifest(&[pem(&bench.key("a"))]);
    let before = bench.snapshot();
    let calls = calls(bench.folder.path(), &manifest.to_string());
    assert!(bench.down().status.success());
    let mut kinds = Vec::new();
    let mut tried = HashSet::new();
    for (number, call) in calls.iter().enumerate() {
        kinds.push(call.kind.as_str());
        let seen = kinds.iter().filter(|kind| **kind == call.kind).count();
        let is_last = !calls[number + 1..].iter().any(|other| other.kind == call.kind);
        if !(NAMES.contains(&call.kind.as_str()) || seen <= OF_A_KIND || is_last || number % 60 == 0) {
            continue;
        }
        let output = signalled(bench.folder.path(), &manifest.to_string(), call, "KILL");
        if output.status.success() {
            // Without what it waits for in another order it does not come there.
            assert!(bench.down().status.success());
            continue;
        }
        tried.insert(call.kind.as_str());
        let is_after_up = number % 2 == 0;
        if is_after_up {
            let output = bench.up(&manifest, &["-q"]);
            assert!(output.status.success(), "{call:?}: {output:?}");
            assert_eq!(bench.fingerprints().len(), 1, "{call:?}");
        }
        let output = bench.down();
        assert!(output.status.success(), "{call:?}: {output:?}");
        assert!(bench.snapshot().is_nothing_but(&before), "{call:?} {is_after_up}: {:?}", bench.snapshot());
    }
    assert!(tried.len() > 10, "{tried:?}");
}

/// The one that serves is not touched by one that comes after it and is killed, until it is replaced.
#[test]
fn what_serves_serves_on_when_its_successor_is_killed() {
    let Some(bench) = Bench::new() else { return };
    let first = bench.key("first");
    let (manifest, before) = (bench.manifest(&[pem(&bench.key("second"))]).to_string(), bench.snapshot());
    let calls = calls(bench.folder.path(), &manifest);
    assert!(bench.down().status.success());
    let mut replaced = false;
    for call in calls
        .iter()
        .filter(|call| ["mkdir", "clone", "renameat", "rename", "symlink"].contains(&call.kind.as_str()))
    {
        bench.is_up(&[pem(&first)]);
        let output = signalled(bench.folder.path(), &manifest, call, "KILL");
        assert!(!output.status.success(), "{call:?}");
        let now = bench.fingerprints();
        replaced |= now != [first.fingerprint.clone()];
        assert_eq!(replaced, now != [first.fingerprint.clone()], "{call:?}");
        assert!(bench.down().status.success());
        assert!(bench.snapshot().is_nothing_but(&before), "{call:?}");
    }
}
