//! `down`: nothing is left, whatever became of the instance meanwhile.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bench::{Bench, PATIENCE, PROGRAM, RUN, Snapshot, pem, words};

fn up() -> Option<(Bench, Snapshot)> {
    let bench = Bench::new()?;
    let before = bench.snapshot();
    bench.is_up(&[pem(&bench.key("a"))]);
    Some((bench, before))
}

/// Kills it, and waits until it is gone; it is no child of ours.
fn kill_and_wait(pid: i32) {
    let handle = supervise::ProcessHandle::open(pid).expect("it runs");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("killed");
    assert!(handle.wait(std::time::Instant::now() + PATIENCE).expect("waited"));
}

#[test]
fn nothing_there_is_down_already() {
    let Some(bench) = Bench::new() else { return };
    let before = bench.snapshot();
    let output = bench.down();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing to do"), "{output:?}");
    assert_eq!(bench.snapshot(), before);
}

#[test]
fn daemons_that_were_killed_leave_nothing() {
    for which in [&["serve.pid"][..], &["agent/agent.pid"], &["serve.pid", "agent/agent.pid"]] {
        let Some((bench, before)) = up() else { return };
        which.iter().for_each(|file| kill_and_wait(bench.pid(file)));
        let output = bench.down();
        assert!(output.status.success(), "{which:?}: {output:?}");
        assert!(bench.snapshot().is_nothing_but(&before), "{which:?}");
    }
}

#[test]
fn a_socket_that_somebody_else_has_put_there_stays() {
    let Some(bench) = Bench::new() else { return };
    let place = bench.folder.path().join("public.sock");
    let mut manifest = bench.manifest(&[pem(&bench.key("a"))]);
    manifest["public_socket"] = place.to_str().into();
    assert!(bench.up(&manifest, &["-q"]).status.success());
    fs::remove_file(&place).expect("removed");
    let _theirs = UnixListener::bind(&place).expect("bound");
    let output = bench.down();
    assert!(output.status.success(), "{output:?}");
    assert!(place.exists());
    assert!(bench.processes().is_empty());
}

#[test]
fn a_process_that_has_the_number_of_a_daemon_by_now_is_not_touched() {
    let Some((bench, before)) = up() else { return };
    let mut other = Command::new("/bin/sleep").arg("600").spawn().expect("sleep");
    for file in ["serve.pid", "agent/agent.pid"] {
        kill_and_wait(bench.pid(file));
        let path = bench.current().join(file);
        let text = fs::read_to_string(&path).expect("read");
        let (_, start_time) = text.split_once(' ').expect("two words");
        fs::write(&path, format!("{} {start_time}", other.id())).expect("written");
    }
    let output = bench.down();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(other.try_wait().expect("asked"), None, "it lives");
    other.kill().expect("killed");
    other.wait().expect("ended");
    assert!(bench.snapshot().is_nothing_but(&before));
}

/// The keys are not left in an agent because a file is broken that says what else there is.
#[test]
fn the_daemons_end_also_when_it_is_not_known_what_else_there_is() {
    for text in ["{", r#"{"version": 2}"#] {
        let Some((bench, _)) = up() else { return };
        let state = bench.current().join("instance.json");
        let before = fs::read(&state).expect("read");
        fs::write(&state, text).expect("written");
        let output = bench.down();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(words(&output).matches("state-invalid").count(), 1, "{output:?}");
        assert!(bench.processes().is_empty());
        fs::write(&state, before).expect("written");
        assert!(bench.down().status.success());
    }
}

#[test]
fn the_daemons_end_before_a_turn_that_another_run_has() {
    let Some((bench, before)) = up() else { return };
    let lock = fs::File::open(format!("{RUN}/.{}.lock", bench.name)).expect("open");
    lock.lock().expect("locked");
    let agent = supervise::ProcessHandle::open(bench.pid("agent/agent.pid")).expect("it runs");
    let down = Command::new(PROGRAM)
        .args(["down", "--name", &bench.name])
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    assert!(agent.wait(std::time::Instant::now() + PATIENCE).expect("waited"));
    drop(lock);
    assert!(down.wait_with_output().expect("ended").status.success());
    assert!(bench.snapshot().is_nothing_but(&before));
}

#[test]
fn what_cannot_be_done_is_told_and_the_rest_is_done() {
    let Some((bench, before)) = up() else { return };
    // The user has put a link there, which nobody follows.
    let config = bench.home.path().join(".ssh/config");
    let aside = bench.home.path().join("config");
    fs::rename(&config, &aside).expect("moved");
    std::os::unix::fs::symlink(&aside, &config).expect("a link");
    let output = bench.down();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(words(&output).contains(".ssh/config"), "{output:?}");
    assert!(bench.processes().is_empty());
    assert!(!bench.socket().exists());
    fs::remove_file(&config).expect("removed");
    fs::rename(&aside, &config).expect("moved");
    assert!(bench.down().status.success());
    assert!(bench.snapshot().is_nothing_but(&before));
}

#[test]
fn a_home_and_its_instance_go_in_any_order() {
    let Some((bench, _)) = up() else { return };
    fs::remove_dir_all(bench.home.path()).expect("removed");
    let output = bench.down();
    assert!(output.status.success(), "{output:?}");
    assert!(bench.processes().is_empty() && !bench.instance().exists());
}

#[test]
fn a_daemon_that_is_stopped_is_ended() {
    let Some((bench, before)) = up() else { return };
    for file in ["serve.pid", "agent/agent.pid"] {
        kill(Pid::from_raw(bench.pid(file)), Signal::SIGSTOP).expect("stopped");
    }
    let output = bench.down();
    assert!(output.status.success(), "{output:?}");
    assert!(bench.snapshot().is_nothing_but(&before));
}
