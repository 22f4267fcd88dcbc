//! `up --foreground`: ready when it says so, and nothing left however it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::bench::{Bench, Key, PATIENCE, PROGRAM, Snapshot, pem, start, words};

/// One that is ready.
fn up(bench: &Bench) -> Child {
    let notify = bench.folder.path().join("notify");
    let ready = UnixDatagram::bind(&notify).expect("bound");
    ready.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut command = Command::new(PROGRAM);
    command.args(["up", "--foreground", "-q"]).env("NOTIFY_SOCKET", &notify);
    let child = start(&mut command, &bench.manifest(&[pem(&bench.key("a"))]).to_string());
    let mut word = [0; 16];
    let count = ready.recv(&mut word).expect("ready");
    assert_eq!(&word[..count], b"READY=1");
    fs::remove_file(&notify).expect("removed");
    child
}

/// Whether these bytes are anywhere in its memory.
fn has(pid: u32, bytes: &[u8]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("memory");
    let is_in = |line: &str| {
        let (range, rest) = line.split_once(' ').expect("a range");
        let (from, to) = range.split_once('-').expect("a range");
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).expect("a number"));
        let mut held = vec![0; usize::try_from(to - from).expect("a length")];
        // Some cannot be read, such as the kernel's own.
        rest.starts_with("rw")
            && memory.read_exact_at(&mut held, from).is_ok()
            && held.windows(bytes.len()).any(|there| there == bytes)
    };
    maps.lines().any(is_in)
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), signal).expect("signalled");
}

/// Its end, after which nothing is left.
fn end(bench: &Bench, child: Child, before: &Snapshot) -> Output {
    let output = child.wait_with_output().expect("ended");
    assert!(bench.snapshot().is_nothing_but(before), "{:?}", bench.snapshot());
    output
}

/// One entry with this key, whose file is to be erased.
fn to_erase(bench: &Bench, key: &Key) -> String {
    let mut manifest = bench.manifest(&[json!({"path": key.file.to_str().expect("a path")})]);
    manifest["entries"][0]["erase"] = true.into();
    manifest.to_string()
}

#[test]
fn a_readiness_that_cannot_be_told_undoes_everything_and_no_key_is_erased() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.snapshot();
    let key = bench.key("a");
    let mut command = Command::new(PROGRAM);
    command.args(["up", "--foreground", "-q"]).env("NOTIFY_SOCKET", bench.folder.path().join("nobody"));
    let child = start(&mut command, &to_erase(&bench, &key));
    let output = end(&bench, child, &before);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(words(&output).contains("ready-not-told: "), "{output:?}");
    assert!(key.file.exists());
}

#[test]
fn a_key_is_erased_after_readiness_was_told_also_where_nobody_is_to_be_told() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let mut command = Command::new(PROGRAM);
    command.args(["up", "--foreground", "-q"]).env("NOTIFY_SOCKET", "");
    let mut child = start(&mut command, &to_erase(&bench, &key));
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("words")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("SSH_AUTH_SOCK="), "{line}");
    assert!(!key.file.exists());
    signal(&child, Signal::SIGTERM);
    assert!(child.wait_with_output().expect("ended").status.success());
}

#[test]
fn a_signal_takes_everything_down() {
    for name in [Signal::SIGTERM, Signal::SIGINT] {
        let Some(bench) = Bench::new() else { return };
        let before = bench.snapshot();
        let child = up(&bench);
        assert_eq!(bench.fingerprints().len(), 1);
        signal(&child, name);
        let output = end(&bench, child, &before);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

#[test]
fn the_end_of_a_daemon_is_the_end_of_all_and_which_one_it_was_is_said() {
    for (file, which) in
        [("agent/agent.pid", "the agent has ended"), ("serve.pid", "the forwarder has ended")]
    {
        let Some(bench) = Bench::new() else { return };
        let before = bench.snapshot();
        let child = up(&bench);
        kill(Pid::from_raw(bench.pid(file)), Signal::SIGKILL).expect("killed");
        let output = end(&bench, child, &before);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(words(&output).contains(which), "{output:?}");
    }
}

#[test]
fn a_down_ends_it() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.snapshot();
    let child = up(&bench);
    assert!(bench.down().status.success());
    let output = end(&bench, child, &before);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(words(&output).contains("taken over"), "{output:?}");
}

#[test]
fn another_up_takes_over_and_is_left_alone() {
    let Some(bench) = Bench::new() else { return };
    let child = up(&bench);
    let key = bench.key("other");
    bench.is_up(&[pem(&key)]);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(bench.fingerprints(), [key.fingerprint]);
}

/// It could not take the one before down, or was killed before it did.
#[test]
fn another_up_that_left_this_one_s_folder_is_left_alone() {
    let Some(bench) = Bench::new() else { return };
    let child = up(&bench);
    let (folder, aside) = (bench.current(), bench.folder.path().join("aside"));
    signal(&child, Signal::SIGSTOP);
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().expect("run").success());
    };
    copy(&folder, &aside);
    let key = bench.key("other");
    bench.is_up(&[pem(&key)]);
    copy(&aside, &folder);
    signal(&child, Signal::SIGCONT);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(words(&output).contains("taken over"), "{output:?}");
    assert_eq!(bench.fingerprints(), [key.fingerprint]);
    assert!(!folder.exists());
}

#[test]
fn a_descriptor_that_is_not_open_changes_nothing() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    bench.is_up(&[pem(&key)]);
    // The lowest numbers are those that this program's own would have.
    for number in ["3", "4", "5", "77"] {
        let fd = json!({"fd": number.parse::<i32>().expect("a number")});
        for (key, words_of) in [
            (pem(&bench.key(&format!("b-{number}"))), &["--foreground", "--ready-fd", number][..]),
            (fd, &[]),
        ] {
            let output = bench.up(&bench.manifest(&[key]), words_of);
            assert_eq!(output.status.code(), Some(2), "{number}: {output:?}");
            assert!(words(&output).contains("descriptor-not-open: "), "{number}: {output:?}");
        }
    }
    assert_eq!(bench.fingerprints(), [key.fingerprint]);
}

#[test]
fn whoever_waits_is_told_also_when_there_is_nothing_to_do() {
    let Some(bench) = Bench::new() else { return };
    let notify = bench.folder.path().join("notify");
    let ready = UnixDatagram::bind(&notify).expect("bound");
    ready.set_read_timeout(Some(PATIENCE)).expect("set");
    let (mut told, teller) = std::io::pipe().expect("a pipe");
    // The shell gives it the number that it is named by.
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" up --foreground --ready-fd 7 7>&1 >/dev/null", PROGRAM]);
    command.env("NOTIFY_SOCKET", &notify).stdin(Stdio::piped()).stdout(teller);
    let mut child = command.spawn().expect("started");
    drop(command);
    child.stdin.take().expect("its input").write_all(br#"{"entries": []}"#).expect("written");
    assert!(child.wait().expect("ended").success());
    let (mut word, mut words) = ([0; 16], String::new());
    assert_eq!(ready.recv(&mut word).expect("ready"), b"READY=1".len());
    told.read_to_string(&mut words).expect("told");
    assert_eq!(words, "\n");
}

#[test]
fn what_is_recorded_goes_to_its_standard_error() {
    let Some(bench) = Bench::new() else { return };
    let child = up(&bench);
    assert_eq!(bench.fingerprints().len(), 1);
    signal(&child, Signal::SIGTERM);
    let output = child.wait_with_output().expect("ended");
    assert!(words(&output).contains(r#""event":"connection""#), "{output:?}");
}

#[test]
fn it_has_no_key_while_it_stays() {
    let Some(bench) = Bench::new() else { return };
    let child = up(&bench);
    let key = fs::read_to_string(bench.folder.path().join("a")).expect("read");
    // The private half stands from the third line on.
    let private = key.lines().nth(3).expect("a line");
    assert!(has(child.id(), bench.name.as_bytes()), "its memory can be read");
    assert!(!has(child.id(), private.as_bytes()));
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    signal(&child, Signal::SIGTERM);
    assert!(child.wait_with_output().expect("ended").status.success());
}
