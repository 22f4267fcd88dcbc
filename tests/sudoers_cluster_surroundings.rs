//! `sudoers-install cluster` whatever its caller, the login and the agent have left lying about.

use assert_cmd::assert::OutputAssertExt;
use bed::capture;
use bed::site::{ADMIN, AGENT, PASSWORD, Site, assert_granted, assert_told, passwordless, rows, with_input};

/// For sh: names that an installer which copies through /tmp would use, or could not use any more.
const TAKEN: &str = "
umask 077; echo 'ai-agent ALL=(ALL) NOPASSWD: ALL' >/tmp/systems-manager-sudoers
ln -s /etc/sudoers.d/evil /tmp/sudoers-install; mkdir /tmp/zz-sudo-helper-ai-agent
";

#[test]
fn what_a_login_has_left_on_its_host_changes_nothing() {
    let Some(site) = Site::boot(["ticket", "limits", "names"]) else { return };
    // One password typed there would do for all that follows, from anywhere (sudoers(5)).
    for host in &site.hosts {
        host.write("/etc/sudoers.d/zzz", "Defaults timestamp_type=global\n", 0o440, "root:root");
    }
    let ticket = || site.host("ticket").command_as(ADMIN, &["sudo", "-S", "-p", "", "-v"]);
    with_input(ticket(), format!("{PASSWORD}\n").as_bytes()).assert().success();
    site.host("ticket").run_as(ADMIN, &["sudo", "-n", "true"]).success();
    // Soft ones: to raise hard ones takes a capability that root of a test host may not have (setrlimit(2)).
    let limits = format!("{ADMIN} soft fsize 0\n{ADMIN} soft nofile 24\n{ADMIN} soft cpu 1\n");
    site.host("limits").write("/etc/security/limits.d/test.conf", limits, 0o644, "root:root");
    // Not every distribution has it set limits anew.
    site.host("limits").run(&["sed", "-i", "/pam_limits/d", "/etc/pam.d/sudo"]).success();
    site.host("names").run_as(AGENT, &["sh", "-ec", TAKEN]).success();
    site.host("names").run(&["chmod", "0755", "/tmp"]).success();
    let dry = site.run(&["--json", "--dry-run"]);
    for (name, row) in rows(&dry) {
        assert_eq!(
            (&row["code"], &row["password"]),
            (&"would-install".into(), &true.into()),
            "{name}: {row}"
        );
    }
    let all = |code| ["ticket", "limits", "names"].map(|name| (name, code));
    assert_told(&site.with(PASSWORD, &["--json"]), &all("installed"));
    for host in &site.hosts {
        assert_granted(host);
        host.run(&["test", "-e", "/etc/sudoers.d/evil"]).failure();
    }
    // Nor does it leave a ticket that others could use.
    site.host("limits").run_as(ADMIN, &["sudo", "-n", "true"]).failure();
}

#[test]
fn a_caller_who_hands_down_little_gets_the_same() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    passwordless(host);
    for how in [
        "ulimit -n 32; ulimit -t 60; exec \"$0\" \"$@\"",
        "exec \"$0\" \"$@\" <&- >&- 2>&-",
        "exec \"$0\" \"$@\" >/dev/full 2>&1",
        "trap '' PIPE INT TERM CHLD; \"$0\" \"$@\" 2>/dev/null | true",
        "umask 0; exec env -i HOME=/root \"$0\" \"$@\"",
    ] {
        let output = capture(site.wrapped(&["sh", "-c", how], &["--json"]));
        assert!(output.stderr.is_empty(), "{how}: {output:?}");
        assert_granted(host);
        assert_told(&site.run(&["--json", "remove"]), &[("one", "removed")]);
    }
}
