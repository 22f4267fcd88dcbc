//! `make demo`, from the scripts that it runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use assert_cmd::assert::Assert;
use bed::Bed;
use bed::accounts::UBUNTU_UID;
use predicates::prelude::*;
use predicates::str::contains;

fn bed() -> Option<Bed> {
    let bed = Bed::new(&["dropuid", "capture-run"])?;
    bed.folder("scenarios", 0, 0o755);
    for (name, text) in [
        ("demo", include_str!("demo")),
        ("demo-dispatch", include_str!("demo-dispatch")),
        ("demo-agent", include_str!("demo-agent")),
    ] {
        bed.file(&format!("scenarios/{name}"), text, 0, 0o755);
    }
    bed.empty("/tmp");
    Some(bed)
}

fn demo(bed: &Bed, user: &str, command: &str) -> Assert {
    bed.run(&["/mnt/scenarios/demo", "/mnt/bin", user, command])
}

/// The only thing that the demo left.
fn run_folder() -> PathBuf {
    let left: Vec<PathBuf> =
        fs::read_dir("/tmp").expect("/tmp").flatten().map(|entry| entry.path()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    left[0].clone()
}

#[test]
fn a_dispatch_is_shown_from_end_to_end() {
    let Some(bed) = bed() else { return };
    let said = contains("dispatch runs as ubuntu, uid 1000, home /home/ubuntu")
        .and(contains("1 of 3 agents failed"))
        .and(contains("beta ended with status 3"))
        .and(contains("gamma ended with status 0"))
        .and(contains("    I am alpha, running as ubuntu; hello from the env file"))
        .and(contains("alpha was given the token ***"))
        .and(contains("could not touch the record"))
        .and(contains("forged").not());
    demo(&bed, "", "").success().stdout(said);
    let run = run_folder();
    for (file, text, owner) in [
        ("records/dispatch.status", "1\n", 0),
        ("project/alpha.status", "0\n", UBUNTU_UID),
        ("project/beta.status", "3\n", UBUNTU_UID),
        ("project/beta.result", "written by beta\n", UBUNTU_UID),
    ] {
        let path = run.join(file);
        assert_eq!(fs::read_to_string(&path).expect(file), text, "{file}");
        assert_eq!(fs::metadata(&path).expect(file).uid(), owner, "{file}");
    }
    let record = fs::read_to_string(run.join("records/dispatch.log")).expect("a record");
    assert!(record.contains("token ***") && !record.contains("tok-"), "{record}");
}

#[test]
fn ones_own_command_runs_as_the_user_named() {
    let Some(bed) = bed() else { return };
    demo(&bed, "other", "echo \"I am $(id -un)\"; exit 7").code(7).stdout(contains("I am other\n"));
    let status = run_folder().join("records/run.status");
    assert_eq!(fs::read_to_string(status).expect("a status"), "7\n");
}

#[test]
fn an_unknown_user_is_an_error() {
    let Some(bed) = bed() else { return };
    demo(&bed, "nosuchuser", "true").failure();
}

#[test]
fn without_root_it_runs_itself_through_sudo_and_says_so() {
    let Some(bed) = bed() else { return };
    bed.etc("sudoers", "Defaults !syslog, !lecture\nubuntu ALL=(root) NOPASSWD: /mnt/scenarios/demo\n");
    let as_ubuntu = ["setpriv", "--reuid=ubuntu", "--regid=ubuntu", "--init-groups", "--"];
    let demo = ["/mnt/scenarios/demo", "/mnt/bin", "", "id -un"];
    let run = bed.run(&[&as_ubuntu[..], &demo[..]].concat()).success();
    run.stderr(contains("through sudo")).stdout(contains("\nubuntu\n"));
}
