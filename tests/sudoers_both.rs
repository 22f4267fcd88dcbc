//! sudoers-install on a host, and root's script of its cluster mode on the same one: they exclude each other,
//! and nobody else can keep either of them from its work.

#[path = "sudoers_remote/site.rs"]
mod site;

use std::process::Command;
use std::thread;

use bed::{Running, capture};
use serde_json::Value;
use site::{AGENT, Site};
use sudoers_install::remote::{Action, State};

/// The file whose lock they take.
const LOCK: &str = "/run/sudoers-install.lock";
/// For sh: holds the lock of $0 until it is ended.
const HOLD: &str = "umask 077; exec flock \"$0\" sh -c 'echo held; exec sleep infinity'";

/// A host with both.
fn boot() -> Option<Site> {
    let site = Site::boot()?;
    site.host.install("sudoers-install");
    Some(site)
}

/// The last object that a local run prints.
fn local(site: &Site, words: &[&str]) -> Value {
    let output = capture(site.host.command(&[&["sudoers-install"], words, &["--json"]].concat()));
    let stdout = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let line = stdout.lines().last().unwrap_or_else(|| panic!("no object: {output:?}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A process that holds a lock.
fn holder(command: Command) -> Running {
    let holder = Running::start(command);
    assert_eq!(holder.line().as_deref(), Some("held"));
    holder
}

#[test]
fn no_account_can_keep_root_from_the_rules() {
    let Some(site) = boot() else { return };
    let install = ["install", "--user", AGENT];
    site.sh("chmod 0755 /etc/sudoers.d");
    let _held = holder(site.host.command_as(AGENT, &["sh", "-c", HOLD, "/etc/sudoers.d"]));
    assert_eq!(local(&site, &install)["changed"], true);
    site.expect(Action::Status, State::Status, "ok");
    site.expect(Action::Remove, State::Removed, "ok");
    site.expect(Action::Install, State::Installed, "ok");
    assert_eq!(local(&site, &["remove"])["changed"], true);
    // Nor is their own lock anybody's who cannot open the file.
    site.host.run_as(AGENT, &["flock", "-n", LOCK, "true"]).failure();
    assert_eq!(site.sh(&format!("stat -c '%a %U %G' {LOCK}")), "600 root root");
    // A file that somebody else might hold is no lock, and neither is what a link leads to.
    for spoil in [
        "install -m 0644 /dev/null",
        "install -m 0620 /dev/null",
        "install -m 0600 -o ai-agent /dev/null",
        "ln -s /root/other",
        "mkdir -m 0700",
    ] {
        site.sh(&format!("rm -rf {LOCK}; {spoil} {LOCK}"));
        assert_eq!(local(&site, &install)["code"], "lock", "{spoil}");
        site.expect(Action::Install, State::Refused, "lock");
    }
    assert_eq!(site.names(), "");
    assert_eq!(site.sh("ls /root/other 2>/dev/null || echo none"), "none");
}

/// The wait has no end but its own: this takes as long as that.
#[test]
fn a_run_that_does_not_end_is_waited_for_and_then_told() {
    let Some(site) = boot() else { return };
    let _held = holder(site.host.command(&["sh", "-c", HOLD, LOCK]));
    thread::scope(|scope| {
        for words in [&["install", "--user", AGENT][..], &["remove"]] {
            let site = &site;
            scope.spawn(move || {
                let said = local(site, words);
                assert_eq!((&said["success"], &said["code"]), (&false.into(), &"busy".into()), "{said}");
            });
        }
        // What changes nothing waits for nobody.
        assert_eq!(local(&site, &["install", "--user", AGENT, "--dry-run"])["change"], "new");
        assert_eq!(local(&site, &["status"])["state"], "not-installed");
        site.expect(Action::Install, State::Refused, "busy");
    });
    assert_eq!(site.names(), "");
}
