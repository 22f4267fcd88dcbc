//! `down` and the end of `up --foreground` take the keys out of use, whatever the served user or another run does.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use supervise::ProcessHandle;

use crate::bench::{Bench, PATIENCE, PROGRAM, RUN, pem, run, start, words};

/// The lock of an instance, as another run has it.
fn locked(bench: &Bench) -> Flock<fs::File> {
    let lock = fs::File::open(format!("{RUN}/.{}.lock", bench.name)).expect("open");
    Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno).expect("locked")
}

fn ends(pid: i32) {
    let handle = ProcessHandle::open(pid).expect("it runs");
    assert!(handle.wait(Instant::now() + PATIENCE).expect("waited"), "it runs on");
}

fn start_down(bench: &Bench) -> Child {
    let mut command = Command::new(PROGRAM);
    command.args(["down", "--name", &bench.name]).stderr(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("started")
}

/// Has the user's config be what nobody can take a section out of.
fn spoil(bench: &Bench, how: &str) -> Vec<u8> {
    let config = bench.home.path().join(".ssh/config");
    let before = fs::read(&config).expect("read");
    let output = bench.as_user("sh", &["-c", &format!("cd {}; {how}", bench.home.path().display())]);
    assert!(output.status.success(), "{output:?}");
    before
}

#[test]
fn a_user_that_spoils_its_files_keeps_nothing_of_a_generation_there() {
    for how in [
        "truncate -s 4194305 .ssh/config",
        "sed -i '/[Ee]nd/d; /<<</d' .ssh/config; sed -i 's/^# .*end.*$//' .ssh/config; chmod 0 .ssh/config",
        "mv .ssh/config aside; ln -s ../aside .ssh/config",
    ] {
        let Some(bench) = Bench::new() else { return };
        bench.is_up(&[pem(&bench.key("a"))]);
        spoil(&bench, how);
        let output = bench.down();
        assert_eq!(output.status.code(), Some(1), "{how}: {output:?}");
        assert!(words(&output).contains("tries that once more"), "{how}: {output:?}");
        assert!(bench.processes().is_empty(), "{how}");
        let left: Vec<PathBuf> = fs::read_dir(bench.instance())
            .expect("a folder")
            .map(|entry| entry.expect("one").path())
            .collect();
        assert_eq!(left, [bench.instance().join("left-1")], "{how}");
        let status = Command::new(PROGRAM).args(["status", "--name", &bench.name]).output().expect("run");
        assert!(String::from_utf8_lossy(&status.stdout).contains("stale"), "{how}: {status:?}");
        // Once more, and never again.
        let output = bench.down();
        assert_eq!(output.status.code(), Some(1), "{how}: {output:?}");
        assert!(words(&output).contains("given up"), "{how}: {output:?}");
        assert!(!bench.instance().exists(), "{how}");
        assert!(bench.down().status.success(), "{how}");
    }
}

#[test]
fn an_up_gives_back_what_the_one_before_could_not() {
    let Some(bench) = Bench::new() else { return };
    let (before, key) = (bench.snapshot(), pem(&bench.key("a")));
    bench.is_up(std::slice::from_ref(&key));
    let config = bench.home.path().join(".ssh/config");
    let text = spoil(&bench, "truncate -s 4194305 .ssh/config");
    assert_eq!(bench.down().status.code(), Some(1));
    fs::write(&config, text).expect("written");
    bench.is_up(&[key]);
    assert!(!bench.instance().join("left-1").exists());
    assert!(bench.down().status.success());
    assert!(bench.snapshot().is_nothing_but(&before), "{:?}", bench.snapshot());
}

/// An `up` that is under way starts its agent after the first look.
#[test]
fn what_another_run_starts_while_down_waits_for_it_is_ended_too() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.snapshot();
    bench.is_up(&[pem(&bench.key("a"))]);
    let lock = locked(&bench);
    let first = ProcessHandle::open(bench.pid("agent/agent.pid")).expect("it runs");
    let mut down = start_down(&bench);
    assert!(first.wait(Instant::now() + PATIENCE).expect("waited"), "it runs on");
    let mut later = Command::new("/bin/sleep").arg("600").spawn().expect("sleep");
    let pid = i32::try_from(later.id()).expect("a pid");
    let start_time = ssh_agent_fwd::process::Process::of(pid).expect("it runs").start_time;
    let (current, next) = (bench.current(), bench.folder.path().join("7"));
    run("cp", &["-a", current.to_str().expect("a path"), next.to_str().expect("a path")]);
    fs::write(next.join("agent/agent.pid"), format!("{pid} {start_time}\n")).expect("written");
    fs::rename(&next, bench.instance().join("7")).expect("moved");
    later.wait().expect("ended");
    assert_eq!(down.try_wait().expect("asked"), None, "it has no turn yet");
    drop(lock);
    assert!(down.wait().expect("ended").success());
    assert!(bench.snapshot().is_nothing_but(&before), "{:?}", bench.snapshot());
}

#[test]
fn a_foreground_that_is_told_to_end_ends_its_daemons_whoever_has_the_turn() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.snapshot();
    let mut command = Command::new(PROGRAM);
    command.args(["up", "--foreground", "-q"]).env("NOTIFY_SOCKET", "");
    let mut child = start(&mut command, &bench.manifest(&[pem(&bench.key("a"))]).to_string());
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().expect("words"));
    std::io::BufRead::read_line(&mut output, &mut line).expect("a line");
    let lock = locked(&bench);
    let daemons = ["agent/agent.pid", "serve.pid"].map(|file| bench.pid(file));
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).expect("signalled");
    daemons.into_iter().for_each(ends);
    assert_eq!(child.try_wait().expect("asked"), None, "it has no turn yet");
    drop(lock);
    assert!(child.wait().expect("ended").success());
    assert!(bench.snapshot().is_nothing_but(&before), "{:?}", bench.snapshot());
}

/// What clients find is what serves, also where an `up` was killed before it could say so in `current`.
#[test]
fn the_generation_that_clients_find_is_the_one_that_is_spoken_of() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.snapshot();
    let key = bench.key("a");
    bench.is_up(&[pem(&key)]);
    let link = bench.instance().join("current");
    fs::remove_file(&link).expect("removed");
    for (command, says) in [("status", "ready"), ("list", key.fingerprint.as_str())] {
        let output = Command::new(PROGRAM).args([command, "--name", &bench.name]).output().expect("run");
        assert!(output.status.success(), "{command}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(says), "{command}: {output:?}");
    }
    // One before that is still there is not what it is taken for.
    fs::create_dir(bench.instance().join("9")).expect("made");
    std::os::unix::fs::symlink("9", &link).expect("a link");
    let output = Command::new(PROGRAM).args(["list", "--name", &bench.name]).output().expect("run");
    assert!(String::from_utf8_lossy(&output.stdout).contains(&key.fingerprint), "{output:?}");
    assert!(bench.down().status.success());
    assert!(bench.snapshot().is_nothing_but(&before));
}
