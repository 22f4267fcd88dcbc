//! A disk without room, and a limit to what may be written.

use std::fs;

use ssh_agent_fwd::ssh_files::Task;

use crate::bench::{Bench, git};

/// What is said when there is no room for a file, with both files as they were.
fn says(bench: &Bench, script: &str, words: &str) {
    let script = format!(
        "cd \"$HOME_OF_USER\"; mount -t tmpfs -o size=64k,mode=755,uid=$USER_ID none .; cd .; \
         cd \"$HOME_OF_USER\"; mkdir -m 700 .ssh; yes x | head -c 9000 >.ssh/config; echo y >.ssh/known_hosts; \
         chmod 600 .ssh/*; chown -R $USER_ID .; sha256sum .ssh/*; {script}; \
         sha256sum .ssh/*; ls -A .ssh . | tr '\\n' ' '"
    );
    let output = bench.in_mounts_of_its_own(Task::Install(git("default")), &script);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{output:?}");
    assert!(lines[2].contains(words) && lines[2].contains("nothing was changed"), "{output:?}");
    assert_eq!(lines[..2], lines[3..5], "{output:?}");
    assert!(!lines[5].contains(".ssh-agent-fwd"), "{output:?}");
}

#[test]
fn a_disk_without_room_is_told_and_the_files_are_as_they_were() {
    let Some(bench) = Bench::new() else { return };
    let fill = "dd if=/dev/zero of=fill bs=4096 2>/dev/null || true; rc=0; \"$@\" <../order || rc=$?; echo; [ $rc = 1 ]";
    says(&bench, fill, "No space left on device");
}

#[test]
fn a_limit_to_the_size_of_files_is_told_and_the_files_are_as_they_were() {
    let Some(bench) = Bench::new() else { return };
    let limited = "rc=0; (ulimit -f 2; exec \"$@\" <../order) || rc=$?; echo; [ $rc = 1 ]";
    says(&bench, limited, "File too large");
}

#[test]
fn a_folder_that_was_made_for_nothing_goes_again() {
    let Some(bench) = Bench::new() else { return };
    let script = "(ulimit -f 0; exec \"$@\") || true";
    let output = bench.in_mounts_of_its_own(Task::Install(git("default")), script);
    assert!(String::from_utf8_lossy(&output.stdout).contains("File too large"), "{output:?}");
    assert_eq!(bench.nodes().len(), 1, "{:?}", bench.nodes());
}

#[test]
fn a_read_only_home_is_told() {
    let Some(bench) = Bench::new() else { return };
    let script =
        "cd \"$HOME_OF_USER\"; mount --bind . .; mount -o remount,ro,bind .; \"$@\" <../order || true";
    let output = bench.in_mounts_of_its_own(Task::Install(git("default")), script);
    assert!(String::from_utf8_lossy(&output.stdout).contains("Read-only file system"), "{output:?}");
    assert_eq!(fs::read_dir(bench.home()).expect("listed").count(), 0);
}
