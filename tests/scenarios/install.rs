//! `make install` and `make uninstall`, with DESTDIR and PREFIX.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::assert::OutputAssertExt;
use bed::workspace;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

fn make(goal: &str, destination: &Path) {
    make_below("/usr", goal, destination);
}

fn make_below(prefix: &str, goal: &str, destination: &Path) {
    let release = bed::program("dropuid");
    let mut make = Command::new("make");
    make.arg("-C").arg(workspace()).arg(goal).arg(format!("PREFIX={prefix}")).env_remove("MAKEFLAGS");
    make.arg(format!("DESTDIR={}", destination.display()));
    make.arg(format!("RELEASE={}", release.parent().expect("a folder").display()));
    bed::capture(make).assert().success();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What is installed, and its mode.
const INSTALLED: [(&str, u32); 32] = [
    ("etc/sudo-helper/policy.json", 0o644),
    ("usr/bin/dropuid", 0o755),
    ("usr/bin/capture-run", 0o755),
    ("usr/bin/sudo-helper", 0o755),
    ("usr/bin/ssh-agent-fwd", 0o755),
    ("usr/sbin/sudoers-install", 0o755),
    ("usr/sbin/ssm-keepalive", 0o755),
    ("usr/share/man/man1/dropuid.1", 0o644),
    ("usr/share/man/man1/capture-run.1", 0o644),
    ("usr/share/man/man8/sudo-helper.8", 0o644),
    ("usr/share/man/man8/sudoers-install.8", 0o644),
    ("usr/share/man/man8/ssm-keepalive.8", 0o644),
    ("usr/share/man/man8/ssh-agent-fwd.8", 0o644),
    ("usr/share/man/man7/privtools.7", 0o644),
    ("usr/share/bash-completion/completions/dropuid", 0o644),
    ("usr/share/zsh/vendor-completions/_dropuid", 0o644),
    ("usr/share/fish/vendor_completions.d/dropuid.fish", 0o644),
    ("usr/share/bash-completion/completions/capture-run", 0o644),
    ("usr/share/zsh/vendor-completions/_capture-run", 0o644),
    ("usr/share/fish/vendor_completions.d/capture-run.fish", 0o644),
    ("usr/share/bash-completion/completions/sudo-helper", 0o644),
    ("usr/share/zsh/vendor-completions/_sudo-helper", 0o644),
    ("usr/share/fish/vendor_completions.d/sudo-helper.fish", 0o644),
    ("usr/share/bash-completion/completions/sudoers-install", 0o644),
    ("usr/share/zsh/vendor-completions/_sudoers-install", 0o644),
    ("usr/share/fish/vendor_completions.d/sudoers-install.fish", 0o644),
    ("usr/share/bash-completion/completions/ssm-keepalive", 0o644),
    ("usr/share/zsh/vendor-completions/_ssm-keepalive", 0o644),
    ("usr/share/fish/vendor_completions.d/ssm-keepalive.fish", 0o644),
    ("usr/share/bash-completion/completions/ssh-agent-fwd", 0o644),
    ("usr/share/zsh/vendor-completions/_ssh-agent-fwd", 0o644),
    ("usr/share/fish/vendor_completions.d/ssh-agent-fwd.fish", 0o644),
];

#[test]
fn what_is_installed_is_uninstalled_but_for_the_policy() {
    let destination = tempfile::tempdir().expect("a temporary folder");
    make("install", destination.path());
    for (file, mode) in INSTALLED {
        let found = fs::metadata(destination.path().join(file)).expect(file);
        assert_eq!(found.permissions().mode() & 0o7777, mode, "{file}");
    }
    assert_eq!(files(destination.path()).len(), INSTALLED.len());
    make("uninstall", destination.path());
    assert_eq!(files(destination.path()), [destination.path().join("etc/sudo-helper/policy.json")]);
}

#[test]
fn what_is_local_is_where_shells_look_for_that() {
    let destination = tempfile::tempdir().expect("a temporary folder");
    make_below("/usr/local", "install", destination.path());
    let share = destination.path().join("usr/local/share");
    for file in [
        "bash-completion/completions/dropuid",
        "zsh/site-functions/_dropuid",
        "fish/vendor_completions.d/dropuid.fish",
    ] {
        assert!(share.join(file).exists(), "{file}");
    }
    make_below("/usr/local", "uninstall", destination.path());
    assert_eq!(files(destination.path()), [destination.path().join("etc/sudo-helper/policy.json")]);
}

#[test]
fn the_policy_that_is_installed_is_the_default_one_and_usable() {
    let destination = tempfile::tempdir().expect("a temporary folder");
    make("install", destination.path());
    let helper = destination.path().join("usr/bin/sudo-helper");
    let policy = destination.path().join("etc/sudo-helper/policy.json");
    let mut printed = Command::new(&helper);
    printed.arg("default-policy");
    let text = fs::read_to_string(&policy).expect("a policy");
    bed::capture(printed).assert().success().stdout(text);
    let mut checked = Command::new(&helper);
    checked.arg("check-policy").arg(&policy);
    bed::capture(checked).assert().success().stdout("{\"success\":true,\"warnings\":[]}\n");
}

#[test]
fn a_policy_that_is_there_is_left_alone() {
    let destination = tempfile::tempdir().expect("a temporary folder");
    let folder = destination.path().join("etc/sudo-helper");
    let policy = folder.join("policy.json");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(&policy, "{}").expect("a policy");
    make("install", destination.path());
    assert_eq!(fs::read_to_string(&policy).expect("a policy"), "{}");
    // A link whose file is not there yet is the operator's too.
    fs::remove_file(&policy).expect("ours");
    symlink("elsewhere.json", &policy).expect("a link");
    make("install", destination.path());
    assert!(!folder.join("elsewhere.json").exists() && policy.is_symlink());
}

/// `make install` where there is neither rustc nor cargo, as behind sudo(8)'s secure_path, of programs that were built
/// for these machines.
fn make_without_rust(machines: &[&str]) -> (Output, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let below = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).expect("a folder");
        path
    };
    let tools = below("tools");
    for tool in ["make", "sed", "install"] {
        symlink(Path::new("/usr/bin").join(tool), tools.join(tool)).expect("a link");
    }
    let built = below("target");
    for machine in machines {
        let release = bed::program("dropuid").parent().expect("a folder").to_owned();
        symlink(release, below(&format!("target/{machine}")).join("release")).expect("a link");
    }
    let mut make = Command::new("make");
    make.arg("-C").arg(workspace()).arg("install");
    make.env_clear().env("PATH", &tools).arg(format!("CARGO_TARGET_DIR={}", built.display()));
    make.arg(format!("DESTDIR={}", below("destination").display())).arg("PREFIX=/usr");
    (bed::capture(make), folder)
}

#[test]
fn what_was_built_is_installed_where_there_is_no_rust() {
    let (made, folder) = make_without_rust(&["x86_64-unknown-linux-gnu"]);
    made.assert().success();
    assert_eq!(files(&folder.path().join("destination")).len(), INSTALLED.len());
}

#[test]
fn nothing_is_installed_when_it_is_not_known_what_was_built() {
    for (machines, complaint) in [
        (&[][..], "run make first"),
        (&["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"], "say which to install"),
    ] {
        let (made, folder) = make_without_rust(machines);
        made.assert().failure().stderr(contains("make install: ").and(contains(complaint)));
        assert_eq!(files(&folder.path().join("destination")), [""; 0].map(PathBuf::from));
    }
}
