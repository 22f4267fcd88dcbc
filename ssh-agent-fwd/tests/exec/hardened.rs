//! What will hold keys can leave no core, before it has read anything; a command has its caller's limit again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::bench::{PATIENCE, USER};
use super::{CALLERS, Caller, Place};

/// The soft and the hard limit of core dumps, as proc(5) has them.
fn core_limit(pid: u32) -> Option<[String; 2]> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?.to_owned();
    let mut words = line.split_whitespace().map(str::to_owned);
    Some([words.next()?, words.next()?])
}

#[test]
fn nothing_that_reads_a_manifest_can_leave_a_core() {
    let Some(place) = Place::new() else { return };
    for (words, uid) in [
        (&["up"][..], 0),
        (&["load"], 0),
        (&["exec", "--manifest", "-", "--", "true"], 0),
        (&["exec", "--manifest", "-", "--", "true"], USER.1),
    ] {
        let mut command = Command::new("prlimit");
        command.arg("--core=4096:8192").arg(&place.program).args(words).uid(uid).gid(uid).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("started");
        // It waits for its manifest.
        let until = Instant::now() + PATIENCE;
        while core_limit(child.id()).is_some_and(|[soft, _]| soft != "0") && Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(core_limit(child.id()).expect("limits")[0], "0", "{words:?}");
        let limits = Path::new("/proc").join(child.id().to_string()).join("limits");
        // The files of what is not dumpable are root's (proc(5)).
        while fs::metadata(&limits).is_ok_and(|metadata| metadata.uid() != 0) && Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(fs::metadata(&limits).expect("a file").uid(), 0, "{words:?}");
        drop(child.stdin.take());
        child.wait().expect("ended");
    }
}

#[test]
fn the_command_has_its_caller_s_limit_and_can_be_traced() {
    for caller in CALLERS {
        let Some(place) = Place::new() else { return };
        let manifest = place.file(caller);
        let inner = place.command(
            caller,
            &manifest,
            &["sh", "-c", "grep '^Max core' /proc/$$/limits; stat -c %u /proc/$$/limits"],
        );
        let mut command = Command::new("prlimit");
        command.arg("--core=4096:8192").arg(inner.get_program()).args(inner.get_args()).current_dir("/");
        let uid = if caller == Caller::User { USER.1 } else { 0 };
        let output = command.uid(uid).gid(uid).output().expect("run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(words[4..6], ["4096", "8192"], "{caller:?}: {output:?}");
        assert_eq!(words.last(), Some(&uid.to_string().as_str()), "{caller:?}: {said}");
    }
}
