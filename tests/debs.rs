//! The Debian packages of `make deb`: what is in them, and on hosts how they come, are replaced and go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::agent::{Agent, Kind};
use bed::debs::{deb, extract, only, target};
use bed::{Host, Repository, Snapshot, capture, workspace};
use predicates::prelude::*;
use predicates::str::contains;

/// Each with the folder of its program.
const PACKAGES: [(&str, &str); 6] = [
    ("dropuid", "/usr/bin"),
    ("capture-run", "/usr/bin"),
    ("sudo-helper", "/usr/bin"),
    ("sudoers-install", "/usr/sbin"),
    ("ssm-keepalive", "/usr/sbin"),
    ("ssh-agent-fwd", "/usr/bin"),
];
/// The one that needs all of them.
const ALL: &str = "privtools";
/// A version that follows every one that is built from the tree.
const NEXT: &str = "99.0-1";
/// Of the instance `agent`.
const MANIFEST: &str = "/etc/ssh-agent-fwd/agent.json";
/// A unit that is none of the SSM agent's.
const KEPT: &str = "kept.service";
/// What systemd keeps from an instance (systemd.exec(5)).
const CONFINED: [&str; 13] = [
    "NoNewPrivileges",
    "PrivateDevices",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "RestrictNamespaces",
];

/// The same programs once more under a later version.
fn next(package: &str) -> PathBuf {
    static NEXT_FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = NEXT_FOLDER.get_or_init(|| {
        let (folder, tools) = (target().join("debs-next"), target().join("tools/bin"));
        let path = std::env::var("PATH").expect("a path");
        let mut debs = Command::new(workspace().join("packaging/debs"));
        debs.arg(&folder).arg(NEXT).env("PATH", format!("{}:{path}", tools.display()));
        capture(debs).assert().success();
        folder
    });
    only(folder, package)
}

fn names() -> impl Iterator<Item = &'static str> {
    PACKAGES.into_iter().map(|(package, _)| package).chain([ALL])
}

/// Of everything that a package may leave; not what dpkg and apt remember of their own work.
fn snapshot(host: &Host) -> Snapshot {
    let own = [
        "/var/lib/dpkg",
        "/var/lib/apt",
        "/var/cache",
        "/var/log",
        "/run/systemd",
        "/run/log",
        "/run/user",
        "/run/udev",
        "/var/tmp",
        "/run/sudo",
        "/var/lib/systemd",
        "/var/lib/private",
        "/run/mount",
        "/run/lock",
    ];
    Snapshot::of(host, &["/etc", "/usr", "/var", "/run", "/home", "/root"], &own)
}

fn apt(host: &Host, words: &[&str]) -> Assert {
    let call = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", "--no-install-recommends"];
    host.run(&[&call, words].concat())
}

/// A host with these packages in its repository.
fn host_with(packages: &[&str]) -> Option<Host> {
    let host = Host::boot()?;
    offer(&host, packages.iter().map(|package| deb(package)));
    Some(host)
}

fn offer(host: &Host, packages: impl Iterator<Item = PathBuf>) {
    let repository = Repository::of(host);
    for package in packages {
        repository.add_file(&package);
    }
    repository.update();
}

#[test]
fn lintian_has_nothing_to_say() {
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "warning", "--allow-root"]).args(names().map(deb));
    capture(lintian).assert().success().stdout("");
}

#[test]
fn programs_are_stripped_and_hardened() {
    for (package, folder) in PACKAGES {
        let contents = tempfile::tempdir().expect("a folder");
        extract(package, contents.path());
        let mut elf = Command::new("readelf");
        elf.arg("-hldSW").arg(format!("{}{folder}/{package}", contents.path().display()));
        let read = capture(elf).assert().success();
        // Position independent, relocations read-only before anything runs, no stack that can be run, no symbols.
        read.stdout(
            contains("DYN (Position-Independent Executable")
                .and(contains("GNU_RELRO"))
                .and(contains("BIND_NOW"))
                .and(contains("PIE"))
                .and(predicates::str::is_match("GNU_STACK.* RW ").expect("a pattern"))
                .and(contains(".symtab").not()),
        );
    }
}

/// The fields of its control file.
fn field(package: &str, name: &str) -> String {
    let mut query = Command::new("dpkg-deb");
    query.arg("-f").arg(deb(package)).arg(name);
    String::from_utf8_lossy(&capture(query).assert().success().get_output().stdout).trim().to_owned()
}

#[test]
fn what_they_need_is_said() {
    for (package, depends, recommends) in [
        ("dropuid", "", ""),
        ("capture-run", "", ""),
        ("sudo-helper", "sudo", "systemd, sudoers-install"),
        ("sudoers-install", "sudo", "openssh-client, sudo-helper"),
        ("ssm-keepalive", "systemd", ""),
        ("ssh-agent-fwd", "openssh-client (>= 1:8.9)", "systemd"),
    ] {
        assert_eq!(
            (field(package, "Depends"), field(package, "Recommends")),
            (depends.into(), recommends.into())
        );
    }
    let (all, version) = (field(ALL, "Depends"), field(ALL, "Version"));
    let of_its_version = PACKAGES.map(|(package, _)| format!("{package} (= {version})"));
    assert_eq!(all.split(", ").map(str::to_owned).collect::<BTreeSet<_>>(), of_its_version.into());
}

/// What packaging/version says of a tree of version 1.2.3 whose change log has this of it.
fn version(tree: &Path, newest: &str) -> Assert {
    let changelog = format!("# Changelog\n\n## {newest}\n\n- All.\n");
    std::fs::write(tree.join("CHANGELOG.md"), changelog).expect("written");
    capture(Command::new(tree.join("packaging/version"))).assert()
}

fn said(assert: Assert) -> String {
    String::from_utf8_lossy(&assert.success().get_output().stdout).trim_end().to_owned()
}

fn commit(tree: &Path, date: &str) {
    let mut git = Command::new("git");
    git.current_dir(tree).env("GIT_COMMITTER_DATE", date);
    git.args([
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@a.invalid",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "a",
    ]);
    capture(git).assert().success();
}

#[test]
fn a_commit_s_version_follows_those_before_it_and_the_release_all_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path();
    std::fs::create_dir(tree.join("packaging")).expect("made");
    std::fs::copy(workspace().join("packaging/version"), tree.join("packaging/version")).expect("copied");
    std::fs::write(tree.join("Cargo.toml"), "[workspace.package]\nversion = \"1.2.3\"\n").expect("written");
    let unreleased = "1.2.3 (not released)";
    version(tree, unreleased).success().stdout("1.2.3-1\n");
    let mut init = Command::new("git");
    init.args(["init", "-q"]).arg(tree);
    capture(init).assert().success();
    commit(tree, "2026-01-02T03:04:05+02:00");
    let first = said(version(tree, unreleased));
    assert!(first.starts_with("1.2.3~git20260102010405."), "{first}");
    // Later, though the clock there says less.
    commit(tree, "2026-01-01T20:04:06-06:00");
    let second = said(version(tree, unreleased));
    version(tree, "1.2.4 (not released)").failure().stderr(contains("CHANGELOG.md begins with 1.2.4"));
    let released = said(version(tree, "1.2.3"));
    assert_eq!(released, "1.2.3-1");
    for [earlier, later] in [[&first, &second], [&second, &released]] {
        let mut compare = Command::new("dpkg");
        compare.args(["--compare-versions", earlier, "lt", later]);
        capture(compare).assert().success();
    }
}

#[test]
fn what_is_in_them_says_which_version_they_are() {
    let built = field(ALL, "Version");
    for package in names() {
        let contents = tempfile::tempdir().expect("a folder");
        extract(package, contents.path());
        let mut changelog = Command::new("zcat");
        changelog.arg(contents.path().join(format!("usr/share/doc/{package}/changelog.Debian.gz")));
        let version = field(package, "Version");
        assert_eq!(version, built, "{package}");
        let begins = format!("{package} ({version}) unstable; ");
        capture(changelog).assert().success().stdout(predicates::str::starts_with(begins));
    }
}

#[test]
fn no_field_is_empty_and_each_is_described_by_a_whole_phrase() {
    for package in names() {
        let mut query = Command::new("dpkg-deb");
        query.arg("-f").arg(deb(package));
        let control =
            String::from_utf8_lossy(&capture(query).assert().success().get_output().stdout).into_owned();
        let is_empty = |line: &&str| line.trim_end().ends_with(':') && !line.starts_with(' ');
        assert_eq!(control.lines().find(is_empty), None, "{package}");
        let described = field(package, "Description");
        let (synopsis, text) = described.split_once('\n').expect("a synopsis and a text");
        // As Debian asks (developers-reference, 6.2.2); cargo-deb cuts what is too long for a line.
        assert!(synopsis.len() < 70, "{synopsis}");
        assert!(!["A ", "An ", "The "].iter().any(|article| synopsis.starts_with(article)), "{synopsis}");
        assert!(synopsis.ends_with(char::is_alphanumeric), "{synopsis}");
        assert!(text.ends_with('.') && text.lines().all(|line| line.len() <= 80), "{text}");
        let begins_in_a_line = text.lines().skip(1).any(|line| line.len() < 30 && !line.ends_with('.'));
        assert!(!begins_in_a_line, "{package} is described in torn lines: {text}");
        let manifest = workspace().join(package).join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).expect("a manifest");
        assert!(manifest.contains(&format!("\ndescription = \"{synopsis}\"\n")), "{synopsis}");
    }
}

/// What every package of a program has.
fn assert_whole(host: &Host, package: &str, folder: &str) {
    host.run(&["dpkg", "--verify", package]).success().stdout("");
    host.run(&[&format!("{folder}/{package}"), "--version"]).success().stdout(contains(package));
    let section = if ["dropuid", "capture-run"].contains(&package) { 1 } else { 8 };
    for file in [
        format!("/usr/share/man/man{section}/{package}.{section}.gz"),
        format!("/usr/share/bash-completion/completions/{package}"),
        format!("/usr/share/zsh/vendor-completions/_{package}"),
        format!("/usr/share/fish/vendor_completions.d/{package}.fish"),
        format!("/usr/share/doc/{package}/README.md"),
        format!("/usr/share/doc/{package}/changelog.Debian.gz"),
        format!("/usr/share/doc/{package}/copyright"),
    ] {
        let listed = host.run(&["dpkg", "-L", package]);
        listed.success().stdout(predicates::str::is_match(format!("(?m)^{file}$")).expect("a pattern"));
    }
}

/// Each does what it is there for, so that there is something that it could leave.
fn use_all(host: &Host) {
    host.run(&["sudoers-install", "install", "--user", "agent"]).success();
    host.run_as("agent", &["sudo", "-n", "sudo-helper", "list"]).success();
    host.run(&["ssm-keepalive", "install", "--unit", KEPT, "--watch"]).success();
    host.run(&["ssh-agent-fwd", "up", "--manifest", MANIFEST, "--system-ssh-config"]).success();
    let record = ["capture-run", "/srv/repo/log", "/srv/repo/status", "--", "dropuid", "agent", "--", "true"];
    host.run(&record).success();
    let used = [
        "/run/sudoers-install.lock",
        "/run/ssm-keepalive",
        "/run/ssh-agent-fwd",
        "/etc/ssh/ssh_config.d/ssh-agent-fwd-agent.conf",
        "/etc/systemd/system/ssm-keepalive-watch.timer",
    ];
    host.run(&[&["ls", "-d"], &used[..]].concat()).success();
}

#[test]
fn each_comes_is_replaced_and_goes_and_leaves_nothing() {
    let Some(host) = Host::boot() else { return };
    furnish_instance(&host);
    host.unit(KEPT, "[Service]\nExecStart=/usr/bin/sleep infinity\n");
    let before = snapshot(&host);
    offer(&host, PACKAGES.into_iter().map(|(package, _)| deb(package)));
    for (package, folder) in PACKAGES {
        apt(&host, &["install", package]).success();
        assert_whole(&host, package, folder);
    }
    use_all(&host);
    let offered = PACKAGES.into_iter().map(|(package, _)| next(package));
    offer(&host, offered);
    apt(&host, &["upgrade"]).success();
    for (package, folder) in PACKAGES {
        let version = host.run(&["dpkg-query", "-W", "-f", "${Version}", package]);
        version.success().stdout(NEXT);
        assert_whole(&host, package, folder);
        apt(&host, &["remove", package]).success();
        apt(&host, &["install", package]).success();
        assert_whole(&host, package, folder);
        apt(&host, &["remove", package]).success();
        apt(&host, &["purge", package]).success();
    }
    host.run(&["rm", "-r", "/srv/repo"]).success();
    host.run(&["rm", "/etc/apt/sources.list"]).success();
    let sources = "/etc/apt/sources.list";
    before.without(sources).assert_same(&snapshot(&host).without(sources));
}

#[test]
fn one_package_brings_all_and_dpkg_alone_can_do_it_too() {
    let Some(host) = host_with(&names().collect::<Vec<_>>()) else { return };
    apt(&host, &["install", ALL]).success();
    for (package, folder) in PACKAGES {
        assert_whole(&host, package, folder);
    }
    host.run(&["dpkg", "--purge", ALL]).success();
    host.run(&["test", "-e", "/usr/share/man/man7/privtools.7.gz"]).failure();
    let files: Vec<String> = PACKAGES
        .iter()
        .map(|(package, _)| {
            format!("/srv/repo/{}", deb(package).file_name().and_then(|name| name.to_str()).expect("a name"))
        })
        .collect();
    let purge = ["dpkg", "--purge"].into_iter().chain(PACKAGES.iter().map(|(package, _)| *package));
    host.run(&purge.collect::<Vec<_>>()).success();
    let install = ["dpkg", "--install"].into_iter().chain(files.iter().map(String::as_str));
    host.run(&install.collect::<Vec<_>>()).success();
    for (package, folder) in PACKAGES {
        assert_whole(&host, package, folder);
    }
}

#[test]
fn rules_that_an_operator_has_changed_outlive_the_program_and_are_named() {
    let Some(host) = host_with(&["sudo-helper", "sudoers-install"]) else { return };
    apt(&host, &["install", "sudo-helper", "sudoers-install"]).success();
    let users = ["kept", "edited", "late", "john.doe"];
    for user in users {
        host.user(user);
        host.run(&["sudoers-install", "install", "--user", user]).success();
    }
    let [kept, edited, late] =
        ["kept", "edited", "late"].map(|user| format!("/etc/sudoers.d/zz-sudo-helper-{user}"));
    let allow = |user: &str, path: &str| {
        let line = format!("{user} ALL=(root) NOPASSWD: /usr/bin/id\n");
        host.run(&["sh", "-c", "printf %s \"$1\" >>\"$2\"", "sh", &line, path]).success();
    };
    allow("edited", &edited);
    apt(&host, &["remove", "sudoers-install"]).success();
    allow("late", &late);
    let left =
        ["/etc/sudoers.d/.zz-sudo-helper-kept.77.tmp", "/etc/sudoers.d/.zz-sudo-commands-kept.previous"];
    for path in left {
        host.write(path, "", 0o440, "root");
    }
    let purge = apt(&host, &["purge", "sudoers-install"]).success();
    purge.stdout(contains(format!("{edited} is left")).and(contains(format!("{late} is left"))));
    for path in [&edited, &late] {
        host.run(&["test", "-e", path]).success();
    }
    for path in left.into_iter().chain([&*kept, "/var/lib/sudoers-install"]) {
        host.run(&["test", "-e", path]).failure();
    }
    let rules = host.run(&["sh", "-c", "ls -A /etc/sudoers.d | grep -c zz-sudo"]);
    rules.success().stdout("2\n");
    host.run_as("late", &["sudo", "-n", "id", "-un"]).success().stdout("root\n");
}

#[test]
fn a_policy_that_was_changed_is_kept_and_rules_that_name_the_helper_are_told() {
    let Some(host) = host_with(&["sudo-helper", "sudoers-install"]) else { return };
    host.user("agent");
    apt(&host, &["install", "sudo-helper", "sudoers-install"]).success();
    let policy = host.read("/usr/share/doc/sudo-helper/examples/policy.json");
    host.write("/etc/sudo-helper/policy.json", &policy, 0o644, "root");
    host.run(&["sudo-helper", "check-policy"]).success();
    host.run(&["sudoers-install", "install", "--user", "agent"]).success();
    offer(&host, [next("sudo-helper"), next("sudoers-install")].into_iter());
    apt(&host, &["upgrade"]).success();
    assert_eq!(host.read("/etc/sudo-helper/policy.json"), policy);
    host.run_as("agent", &["sudo", "-n", "sudo-helper", "list"]).success();
    let rule = "/etc/sudoers.d/zz-sudo-helper-agent";
    apt(&host, &["remove", "sudo-helper"]).success().stdout(contains(rule));
    assert_eq!(host.read("/etc/sudo-helper/policy.json"), policy);
    apt(&host, &["purge", "sudo-helper"]).success();
    host.run(&["test", "-e", "/etc/sudo-helper"]).failure();
    host.write("/etc/sudoers.d/zz-sudo-helper-by-hand", "# by hand\n", 0o440, "root");
    apt(&host, &["remove", "sudoers-install"]).success().stdout(contains(rule));
    host.run(&["test", "-e", rule]).success();
    apt(&host, &["purge", "sudoers-install"]).success();
    host.run(&["test", "-e", rule]).failure();
    host.run(&["test", "-e", "/etc/sudoers.d/zz-sudo-helper-by-hand"]).success();
    host.run(&["visudo", "-c", "-q"]).success();
}

/// Whose drop-ins, enabled timers and memory would be all that is left of it.
const KEEPER_S: &str =
    "find /etc /var/lib /run /usr -xdev -name '*ssm-keepalive*' -not -path '/var/lib/*apt/*'";

/// A host with an agent, and the keeper from its package.
fn host_with_keeper() -> Option<Agent> {
    let host = Agent::boot(Kind::Package)?;
    // That of the bed.
    host.run(&["sh", "-c", "rm $(command -v ssm-keepalive)"]).success();
    offer(&host, [deb("ssm-keepalive")].into_iter());
    apt(&host, &["install", "ssm-keepalive"]).success();
    Some(host)
}

#[test]
fn the_agent_s_keeper_takes_its_drop_in_and_its_watch_with_it() {
    let Some(host) = host_with_keeper() else { return };
    let vendor = host.effective();
    host.run(&["systemctl", "is-enabled", "ssm-keepalive-watch.timer"]).failure().stdout("disabled\n");
    host.run(&["ssm-keepalive", "install"]).success();
    assert_ne!(host.effective(), vendor);
    host.run(&["systemctl", "enable", "--now", "ssm-keepalive-watch.timer"]).success();
    offer(&host, [next("ssm-keepalive")].into_iter());
    apt(&host, &["upgrade"]).success();
    assert_ne!(host.effective(), vendor);
    host.run(&["systemctl", "start", "ssm-keepalive-watch.service"]).success();
    host.run(&["systemctl", "is-active", "ssm-keepalive-watch.timer"]).success();
    apt(&host, &["remove", "ssm-keepalive"]).success();
    assert_eq!(host.effective(), vendor);
    host.run(&["systemctl", "is-active", "ssm-keepalive-watch.timer"]).failure();
    apt(&host, &["purge", "ssm-keepalive"]).success();
    host.run(&["sh", "-c", KEEPER_S]).success().stdout("");
}

#[test]
fn a_watch_that_was_installed_serves_on_while_its_program_is_replaced_and_goes_with_it() {
    let Some(host) = host_with_keeper() else { return };
    host.run(&["systemctl", "disable", "--quiet", "--now", Kind::Package.unit()]).success();
    host.unit(KEPT, "[Service]\nExecStart=/usr/bin/sleep infinity\n");
    let (drop_in, timer) = ("/etc/systemd/system/kept.service.d/restart.conf", "ssm-keepalive-watch.timer");
    let install = ["ssm-keepalive", "install", "--unit", KEPT, "--watch"];
    for gone_by_hand in [false, true] {
        host.run(&install).success();
        offer(&host, [next("ssm-keepalive")].into_iter());
        apt(&host, &["upgrade"]).success();
        host.run(&["systemctl", "is-active", timer]).success().stdout("active\n");
        host.run(&["systemctl", "is-enabled", timer]).success().stdout("enabled\n");
        if gone_by_hand {
            host.run(&["rm", drop_in]).success();
        }
        apt(&host, &["remove", "ssm-keepalive"]).success();
        host.run(&["test", "-e", drop_in]).failure();
        host.run(&["systemctl", "is-active", timer]).failure();
        host.run(&["find", "/etc/systemd/system", "-name", "ssm-keepalive*"]).success().stdout("");
        apt(&host, &["install", "ssm-keepalive"]).success();
    }
    host.run(&install).success();
    // The package's own watch, which is not enabled, is no reason for doubt.
    host.run(&["ssm-keepalive", "remove"]).success().stdout(contains("systemd has no watch any more"));
    host.run(&install).success();
    apt(&host, &["purge", "ssm-keepalive"]).success();
    host.run(&["sh", "-c", KEEPER_S]).success().stdout("");
}

#[test]
fn where_no_systemd_runs_the_files_of_the_watch_go_as_well() {
    let Some(host) = host_with_keeper() else { return };
    host.run(&["ssm-keepalive", "install", "--watch"]).success();
    let purge = "mount -t tmpfs none /run && dpkg --purge ssm-keepalive";
    host.run(&["unshare", "--mount", "sh", "-ec", purge]).success();
    host.run(&["sh", "-c", "grep -rl ssm-keepalive /etc/systemd/system"]).failure().stdout("");
    host.run(&["find", "/etc/systemd/system", "-name", "ssm-keepalive*"]).success().stdout("");
}

#[test]
fn a_watch_that_was_changed_is_kept_and_named_but_starts_no_program_that_is_gone() {
    let Some(host) = host_with_keeper() else { return };
    host.run(&["ssm-keepalive", "install", "--watch"]).success();
    let timer = "/etc/systemd/system/ssm-keepalive-watch.timer";
    host.run(&["sed", "-i", "s/^AccuracySec=.*/AccuracySec=1s/", timer]).success();
    apt(&host, &["remove", "ssm-keepalive"]).success().stdout(contains(timer));
    for question in ["is-active", "is-enabled"] {
        host.run(&["systemctl", question, "ssm-keepalive-watch.timer"]).failure();
    }
    apt(&host, &["purge", "ssm-keepalive"]).success().stdout(contains(format!("{timer} is left")));
    host.run(&["test", "-e", timer]).success();
}

/// A user, its key and the manifest of its instance.
fn furnish_instance(host: &Host) {
    host.user("agent");
    host.run(&["install", "-d", "-m", "0700", "/root/keys"]).success();
    host.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/keys/deploy"]).success();
    let example = workspace().join("ssh-agent-fwd/examples/host.json");
    let manifest = std::fs::read_to_string(example).expect("the example");
    let manifest = manifest.replace(r#"{"credential": "deploy"}"#, r#"{"path": "/root/keys/deploy"}"#);
    host.write(MANIFEST, manifest, 0o600, "root");
}

/// A host with such an instance to be, and the package.
fn host_with_manifest() -> Option<Host> {
    let host = host_with(&["ssh-agent-fwd"])?;
    furnish_instance(&host);
    apt(&host, &["install", "ssh-agent-fwd"]).success();
    Some(host)
}

#[test]
fn an_instance_serves_on_while_its_program_is_replaced_and_goes_with_it() {
    let Some(host) = host_with_manifest() else { return };
    host.run(&["systemctl", "is-enabled", "ssh-agent-fwd@agent"]).failure().stdout("disabled\n");
    host.run(&["systemctl", "enable", "--now", "ssh-agent-fwd@agent"]).success();
    let list = |host: &Host| {
        host.run_as("agent", &["env", "SSH_AUTH_SOCK=/run/ssh-agent-fwd/agent/public.sock", "ssh-add", "-l"])
    };
    list(&host).success().stdout(contains("ED25519"));
    let main = |host: &Host| {
        host.run(&["systemctl", "show", "-P", "MainPID", "ssh-agent-fwd@agent"]).get_output().stdout.clone()
    };
    let pid = main(&host);
    // What has keys can gain nothing more, and still does its work as the user.
    for setting in CONFINED {
        host.run(&["systemctl", "show", "-P", setting, "ssh-agent-fwd@agent"]).success().stdout("yes\n");
    }
    for program in ["ssh-agent-fwd", "ssh-agent"] {
        let status = format!(
            "cat $(pgrep -x {program} | sed 's,.*,/proc/&/status,') | sort -u | grep -E '^(NoNewPrivs|Seccomp):'"
        );
        host.run(&["sh", "-c", &status]).success().stdout("NoNewPrivs:\t1\nSeccomp:\t2\n");
    }
    host.run_as("agent", &["ssh", "-G", "git"])
        .success()
        .stdout(contains("identityagent /run/ssh-agent-fwd/agent/public.sock"));
    offer(&host, [next("ssh-agent-fwd")].into_iter());
    apt(&host, &["upgrade"]).success();
    assert_eq!(main(&host), pid, "nothing was started again");
    list(&host).success();
    apt(&host, &["remove", "ssh-agent-fwd"]).success();
    list(&host).failure();
    host.run(&["pgrep", "-x", "ssh-agent"]).failure();
    for path in ["/run/ssh-agent-fwd", "/home/agent/.ssh/config"] {
        host.run(&["test", "-e", path]).failure();
    }
    apt(&host, &["purge", "ssh-agent-fwd"]).success();
    host.run(&["find", "/etc/systemd/system", "-name", "ssh-agent-fwd*"]).success().stdout("");
    host.run(&["test", "-e", MANIFEST]).success();
    host.run(&["test", "-e", "/root/keys/deploy"]).success();
}

#[test]
fn what_an_instance_that_is_not_up_wrote_for_ssh_goes_with_its_program() {
    let Some(mut host) = host_with_manifest() else { return };
    let up = ["ssh-agent-fwd", "up", "--manifest", MANIFEST, "--system-ssh-config"];
    host.run(&up).success();
    host.reboot();
    let [config, keys] =
        ["/etc/ssh/ssh_config.d/ssh-agent-fwd-agent.conf", "/etc/ssh/ssh-agent-fwd-agent.known_hosts"];
    let others = "/etc/ssh/ssh_config.d/ssh-agent-fwd-other.conf";
    host.write(others, "# by hand\n", 0o644, "root");
    for path in [config, keys] {
        host.run(&["test", "-e", path]).success();
    }
    apt(&host, &["purge", "ssh-agent-fwd"])
        .success()
        .stdout(contains(others).and(contains("# BEGIN ssh-agent-fwd")));
    for path in [config, keys] {
        host.run(&["test", "-e", path]).failure();
    }
    host.run(&["test", "-e", others]).success();
}

#[test]
fn the_sockets_of_an_agent_that_still_runs_are_left_and_named() {
    let Some(host) = host_with_manifest() else { return };
    let exec = ["ssh-agent-fwd", "exec", "--manifest", MANIFEST, "--", "sleep", "infinity"];
    host.run(&[&["systemd-run", "--quiet", "--unit=held"][..], &exec].concat()).success();
    bed::eventually("the command has its agent", || {
        bed::capture(host.command(&["pgrep", "-x", "sleep"])).status.success()
    });
    apt(&host, &["purge", "ssh-agent-fwd"]).success().stdout(contains("/run/ssh-agent-fwd is left"));
    host.run(&["sh", "-c", "find /run/ssh-agent-fwd -name agent.sock | grep -q ."]).success();
}
