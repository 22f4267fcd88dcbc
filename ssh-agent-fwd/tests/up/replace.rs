//! A second `up` takes the first one's place, and no client sees how.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::bench::{Bench, Client, Key, PROGRAM, SIGN_RESPONSE, USER, git_signature, pem, processes, words};

/// Lists until the file `$0` is there; says how often it did, and whether it ever failed.
const LOOP: &str = "n=0; while [ ! -e \"$0\" ]; do ssh-add -l >/dev/null || { echo failed $?; exit 1; }; \
                    n=$((n + 1)); [ $n = 1 ] && echo begun; done; echo $n";

#[test]
fn no_client_is_turned_away_when_one_up_replaces_another() {
    let Some(bench) = Bench::new() else { return };
    let (first, second) = (bench.key("first"), bench.key("second"));
    bench.is_up(&[pem(&first)]);
    let old = bench.processes();
    let stop = bench.home.path().join("stop");
    let mut command = Command::new("sh");
    command.args(["-c", LOOP]).arg(&stop).uid(USER.1).gid(USER.1).env("SSH_AUTH_SOCK", bench.socket());
    let mut client = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("started");
    let mut begun = [0; 6];
    std::io::Read::read_exact(client.stdout.as_mut().expect("words"), &mut begun).expect("begun");
    bench.is_up(&[pem(&second)]);
    bench.is_up(&[pem(&first), pem(&second)]);
    fs::write(&stop, "").expect("written");
    let output = client.wait_with_output().expect("ended");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(bench.fingerprints(), [first.fingerprint, second.fingerprint]);
    let now = bench.processes();
    assert!(old.iter().all(|pid| !now.contains(pid)), "{old:?} {now:?}");
    assert_eq!(now.len(), 2);
}

fn blob(key: &Key) -> Vec<u8> {
    key.line.parse::<ssh_agent_fwd::key::KeyBlob>().expect("a key").as_bytes().to_vec()
}

#[test]
fn a_connection_that_is_open_still_signs_and_new_ones_have_the_new_keys_alone() {
    let Some(bench) = Bench::new() else { return };
    let (first, second) = (bench.key("first"), bench.key("second"));
    bench.is_up(&[pem(&first)]);
    let mut open = Client::connect(&bench.socket(), USER.1);
    let request = git_signature(&blob(&first));
    assert_eq!(open.ask(&request)[0], SIGN_RESPONSE);
    let manifest = bench.manifest(&[pem(&second)]);
    let mut up = bench.start_up(&manifest, &["-q"]);
    // The new one is there while the old one still serves whom it has.
    while bench.fingerprints() != [second.fingerprint.clone()] {
        assert_eq!(open.ask(&request)[0], SIGN_RESPONSE);
    }
    assert_eq!(open.ask(&request)[0], SIGN_RESPONSE);
    drop(open);
    assert!(up.wait().expect("ended").success());
    let mut new = Client::connect(&bench.socket(), USER.1);
    assert_eq!(new.ask(&request), [5]);
    assert_eq!(new.ask(&git_signature(&blob(&second)))[0], SIGN_RESPONSE);
}

#[test]
fn a_home_and_a_socket_that_the_new_one_does_not_have_go() {
    let Some(bench) = Bench::new() else { return };
    let other = tempfile::tempdir().expect("a home");
    std::os::unix::fs::chown(other.path(), Some(USER.1), Some(USER.1)).expect("given away");
    let key = bench.key("a");
    let mut manifest = bench.manifest(&[pem(&key)]);
    manifest["home"] = other.path().to_str().into();
    manifest["public_socket"] = bench.folder.path().join("p.sock").to_str().into();
    manifest["agent_socket"] = bench.folder.path().join("a.sock").to_str().into();
    // Others may come to the socket.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bench.folder.path(), mode).expect("set");
    let output = bench.up(&manifest, &["-q"]);
    assert!(output.status.success(), "{output:?}");
    assert!(other.path().join(".ssh/config").exists());
    bench.is_up(&[pem(&key)]);
    assert!(!other.path().join(".ssh").exists());
    assert!(!bench.folder.path().join("p.sock").exists());
    assert!(!bench.folder.path().join("a.sock").is_symlink());
    assert_eq!(bench.fingerprints().len(), 1);
}

#[test]
fn two_at_once_come_one_after_the_other() {
    let Some(bench) = Bench::new() else { return };
    let manifest = bench.manifest(&[pem(&bench.key("a"))]);
    let ups = [(); 3].map(|()| bench.start_up(&manifest, &["-q"]));
    for up in ups {
        let output = up.wait_with_output().expect("ended");
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(bench.processes().len(), 2);
    assert_eq!(bench.fingerprints().len(), 1);
}

#[test]
fn an_up_that_waits_for_a_down_finds_a_lock_of_its_own() {
    let Some(bench) = Bench::new() else { return };
    let keys = [pem(&bench.key("a"))];
    let manifest = bench.manifest(&keys);
    for _ in 0..3 {
        bench.is_up(&keys);
        let mut down = Command::new(PROGRAM);
        let down = down.args(["down", "--name", &bench.name]).stdout(Stdio::null()).spawn();
        let up = bench.start_up(&manifest, &["-q"]);
        assert!(down.expect("started").wait().expect("ended").success());
        let output = up.wait_with_output().expect("ended");
        assert!(output.status.success(), "{}", words(&output));
        // Whichever came first, there is one or none, and never half of one.
        let there = processes(&format!("{}/", bench.instance().display())).len();
        assert!(there == 0 || (there == 2 && bench.fingerprints().len() == 1), "{there}");
        assert!(bench.down().status.success());
    }
}
