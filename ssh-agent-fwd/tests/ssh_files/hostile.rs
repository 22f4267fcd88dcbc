//! A user that has put something else where its files should be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Child;

use crate::bench::{Bench, git, nodes};

/// Whoever can open a folder can lock it (flock(2)).
#[test]
fn a_stranger_s_lock_on_the_home_stops_nobody() {
    let Some(bench) = Bench::new() else { return };
    let home = fs::File::open(bench.home()).expect("open");
    home.lock_shared().expect("locked");
    bench.install(&git("default")).expect("installed");
    bench.remove("default").expect("removed");
    drop(home);
}

#[test]
fn what_is_no_file_or_folder_of_the_user_s_own_is_told_and_left_alone() {
    for (script, code, says) in [
        ("ln -s VICTIM .ssh", "ssh-folder", "symbolic link or no folder"),
        ("ln -s /etc .ssh", "ssh-folder", "symbolic link or no folder"),
        ("ln -s nowhere .ssh", "ssh-folder", "symbolic link or no folder"),
        ("echo x >.ssh", "ssh-folder", "symbolic link or no folder"),
        ("mkfifo .ssh", "ssh-folder", "symbolic link or no folder"),
        ("mkdir .ssh; chmod 0 .ssh", "ssh-folder", "Permission denied"),
        ("mkdir -m 700 .ssh; ln -s /etc/shadow .ssh/config", "ssh-file", ".ssh/config: a symbolic link"),
        ("mkdir -m 700 .ssh; ln -s VICTIM/new .ssh/config", "ssh-file", ".ssh/config: a symbolic link"),
        ("mkdir -m 700 .ssh; ln -s VICTIM/file .ssh/known_hosts", "ssh-file", "known_hosts: a symbolic link"),
        ("mkdir -m 700 .ssh; mkfifo .ssh/config", "ssh-file", "not a regular file"),
        ("mkdir -m 700 .ssh; mkfifo .ssh/known_hosts", "ssh-file", "not a regular file"),
        ("mkdir -m 700 -p .ssh/config", "ssh-file", "not a regular file"),
        ("mkdir -m 700 .ssh; truncate -s 1G .ssh/config", "ssh-file", "longer than 4194304 bytes"),
        ("mkdir -m 700 .ssh; truncate -s 4194305 .ssh/known_hosts", "ssh-file", "longer than 4194304 bytes"),
        ("mkdir -m 700 .ssh; echo x >.ssh/config; ln .ssh/config other", "ssh-file", "has another name"),
        ("mkdir -m 700 .ssh; touch .ssh/config; chmod 0 .ssh/config", "ssh-file", "Permission denied"),
        ("mkdir -m 700 -p .ssh/.config.ssh-agent-fwd/x", "ssh-file", "File exists"),
    ] {
        let Some(bench) = Bench::new() else { return };
        let victim = bench.beside("victim");
        fs::create_dir(&victim).expect("made");
        fs::write(victim.join("file"), "root's").expect("written");
        bench.user_does(&script.replace("VICTIM", victim.to_str().expect("text")));
        let (before, elsewhere) = (bench.nodes(), nodes(&victim));
        let failure = bench.install(&git("default")).expect_err(script);
        assert_eq!(failure.code, code, "{script}: {failure}");
        assert!(
            failure.error.contains(says) && failure.error.contains("nothing was changed"),
            "{script}: {failure}"
        );
        assert_eq!((bench.nodes(), nodes(&victim)), (before.clone(), elsewhere.clone()), "{script}");
        // There may be nothing to take out, and then nothing is wrong.
        if let Err(failure) = bench.remove("default") {
            assert_eq!(failure.code, code, "{script}: {failure}");
        }
        assert_eq!((bench.nodes(), nodes(&victim)), (before, elsewhere), "{script}");
    }
}

#[test]
fn a_hard_link_to_a_file_of_root_s_is_left_alone() {
    let Some(bench) = Bench::new() else { return };
    bench.user_does("mkdir -m 700 .ssh");
    fs::write(bench.beside("shadow"), "root:x").expect("written");
    fs::set_permissions(bench.beside("shadow"), PermissionsExt::from_mode(0o644)).expect("set");
    fs::hard_link(bench.beside("shadow"), bench.ssh("config")).expect("linked");
    let failure = bench.install(&git("default")).expect_err("not the user's");
    assert_eq!(failure.code, "ssh-file");
    assert!(failure.error.contains("belongs to uid 0"), "{failure}");
    assert_eq!(fs::read_to_string(bench.beside("shadow")).expect("read"), "root:x");
    assert!(!bench.ssh("known_hosts").exists());
}

#[test]
fn a_home_that_is_missing_or_another_user_s_is_told() {
    let Some(bench) = Bench::new() else { return };
    chown(bench.home(), Some(54_321), Some(54_321)).expect("given away");
    for done in [bench.install(&git("default")), bench.remove("default")] {
        let failure = done.expect_err("another user's");
        assert_eq!(failure.code, "home");
        assert!(failure.error.contains("belongs to uid 54321, not to uid 1;"), "{failure}");
    }
    assert_eq!(bench.nodes().len(), 1);
    fs::remove_dir(bench.home()).expect("removed");
    let failure = bench.install(&git("default")).expect_err("missing");
    assert_eq!(failure.code, "home");
    assert!(failure.error.contains("there is no such folder"), "{failure}");
    bench.remove("default").expect("nothing to do");
    std::os::unix::fs::symlink("/root", bench.home()).expect("a link");
    let failure = bench.install(&git("default")).expect_err("root's");
    assert_eq!(failure.code, "home", "{failure}");
}

/// A process that goes on until there is a file of this name, also when the test fails.
struct Attacker(Child, PathBuf);

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = fs::write(&self.1, "");
        let _ = self.0.wait();
    }
}

#[test]
fn a_user_that_swaps_names_all_the_while_leads_nobody_elsewhere() {
    let Some(bench) = Bench::new() else { return };
    let victim = bench.beside("victim");
    fs::create_dir(&victim).expect("made");
    for name in ["config", "known_hosts"] {
        fs::write(victim.join(name), "root's").expect("written");
    }
    let elsewhere = nodes(&victim);
    let script = format!(
        "mkdir -p .ssh fifos; mkfifo fifos/config fifos/known_hosts; while [ ! -e ../stop ]; do \
         mv .ssh kept; ln -s {0} .ssh; rm .ssh; mv fifos .ssh; mv .ssh fifos; mv kept .ssh || mv -T kept/.ssh .ssh; \
         ln -sf {0}/config .ssh/config; rm -f .ssh/config; mkfifo .ssh/known_hosts; rm -f .ssh/known_hosts; done 2>/dev/null",
        victim.display()
    );
    let attacker =
        Attacker(bench.as_user(&["sh", "-c", &script]).spawn().expect("run"), bench.beside("stop"));
    let mut refused = 0;
    for _ in 0..60 {
        for done in [bench.install(&git("default")), bench.remove("default")] {
            if let Err(failure) = done {
                assert!(["ssh-folder", "ssh-file", "ssh-section"].contains(&failure.code), "{failure}");
                refused += 1;
            }
        }
    }
    drop(attacker);
    assert_eq!(nodes(&victim), elsewhere);
    assert!(refused > 0, "it was never in the way");
}
