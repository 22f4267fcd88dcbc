//! A process that is killed between any two of its calls.

use std::fs;
use std::path::Path;

use ssh_agent_fwd::ssh_files::Task;

use crate::bench::{Bench, git};

/// More calls than it makes.
const MOST_CALLS: u32 = 400;
/// Fewer than it makes.
const FEWEST_CALLS: u32 = 20;
/// All calls by which it changes something, or could.
const CALLS: &str = "openat,write,fchmod,fsync,renameat,renameat2,unlinkat,mkdirat,flock,close";

/// Kills it at every call, beginning each time from `before`; what is found afterwards is `old` or `new`.
fn killed_everywhere(task: impl Fn() -> Task, before: &str, new: &dyn Fn(&Bench)) {
    let mut finished = false;
    for call in 1..MOST_CALLS {
        let Some(bench) = Bench::new() else { return };
        bench.user_does(before);
        if before.contains("INSTALLED") {
            bench.install(&git("default")).expect("installed");
        }
        let files = || ["config", "known_hosts"].map(|name| fs::read(bench.ssh(name)).ok());
        let old = files();
        let script = format!(
            "cd \"$HOME_OF_USER\"; exec strace -qq -o /dev/null -e trace={CALLS} \
             -e inject={CALLS}:signal=KILL:when={call} \"$@\""
        );
        let output = bench.in_mounts_of_its_own(task(), &script);
        let left = files();
        new(&bench);
        let new = files();
        for (index, left) in left.iter().enumerate() {
            assert!(*left == old[index] || *left == new[index], "call {call}: {left:?}");
        }
        let names = bench.nodes();
        assert!(
            !names.keys().any(|path| path.to_string_lossy().contains(".ssh-agent-fwd")),
            "call {call}: {names:?}"
        );
        if output.status.success() {
            assert!(call > FEWEST_CALLS, "it was killed too seldom: {output:?}");
            finished = true;
            break;
        }
    }
    assert!(finished, "it makes more calls than that");
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn has_strace() -> bool {
    let has = Path::new("/usr/bin/strace").exists();
    if !has {
        eprintln!("skipped: no strace");
    }
    has
}

#[test]
fn an_installation_leaves_the_old_files_or_the_new_ones() {
    if !has_strace() {
        return;
    }
    let before = "mkdir -m 700 .ssh; echo 'Port 1' >.ssh/config; chmod 600 .ssh/config";
    killed_everywhere(|| Task::Install(git("default")), before, &|bench| {
        bench.install(&git("default")).expect("installed");
    });
}

#[test]
fn a_removal_leaves_the_old_files_or_the_new_ones() {
    if !has_strace() {
        return;
    }
    let name = || "default".parse().expect("a name");
    killed_everywhere(|| Task::Remove(name()), ": INSTALLED", &|bench| {
        bench.remove("default").expect("removed");
        assert!(!bench.ssh("").exists());
    });
}
