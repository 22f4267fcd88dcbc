//! `sudoers-install cluster` whose parts are killed on the way: a host is as it was, or whole, or says what is
//! to be done.

use std::fs;

use bed::site::{PASSWORD, RULE, Site, assert_granted, assert_told, names, passwordless};
use bed::{Host, Running, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The processes of a host whose command line holds a text, as the machine numbers them.
fn pids(host: &Host, text: &str) -> Vec<i32> {
    let outside = fs::read_link(format!("/proc/{}/ns/pid", host.leader())).expect("a namespace");
    let here = |pid: &i32| fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|of| of == outside);
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|pid| here(pid) && line(*pid).contains(text)).collect()
}

fn on_host(host: &Host, text: &str) -> bool {
    !pids(host, text).is_empty()
}

fn line(pid: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).into_owned()
}

/// A visudo that waits where the condition in /run/gate holds, until that is gone.
const SLOW_VISUDO: &str = r#"#!/bin/sh
if [ -e /run/gate ] && eval "$(cat /run/gate)"; then while [ -e /run/gate ]; do sleep 0.05; done; fi
exec /usr/sbin/visudo.real "$@"
"#;

fn slow_visudo(host: &Host) {
    host.run(&["mv", "/usr/sbin/visudo", "/usr/sbin/visudo.real"]).success();
    host.write("/usr/sbin/visudo", SLOW_VISUDO, 0o755, "root:root");
}

#[test]
fn a_killed_call_leaves_each_host_as_it_was_or_whole() {
    let Some(site) = Site::boot(["one", "two", "three"]) else { return };
    site.hosts.iter().for_each(passwordless);
    site.hosts.iter().for_each(slow_visudo);
    let absent: [&str; 3] = ["test", "!", "-e"];
    // Killed at: the look at what is there, that at the new text, that at the whole with the rule in place.
    for gate in ["[ \"$*\" = -c ]".to_owned(), "[ \"$2\" = -s ]".to_owned(), format!("[ -e {RULE} ]")] {
        site.hosts.iter().for_each(|host| host.write("/run/gate", &gate, 0o644, "root:root"));
        let running = Running::start(site.command(&["--json", "--jobs", "3"]));
        eventually(&gate, || site.hosts.iter().any(|host| on_host(host, "/usr/sbin/visudo\0-c")));
        running.signal(9);
        assert_eq!(running.status(), 137);
        site.hosts.iter().for_each(|host| drop(host.run(&["rm", "/run/gate"]).success()));
        for host in &site.hosts {
            eventually("root's side ends", || !on_host(host, "zz-sudo-helper-ai-agent"));
            let names = names(host);
            assert!(!names.contains('.'), "nothing is left beside it: {names}");
            if names.contains("zz-sudo-helper") {
                assert_granted(host);
            }
            host.run(&["visudo", "-c"]).success();
        }
        let again = site.run(&["--json"]);
        assert_eq!(again.status.code(), Some(0), "{again:?}");
        site.hosts.iter().for_each(assert_granted);
        assert_told(
            &site.run(&["--json", "remove"]),
            &[("one", "removed"), ("two", "removed"), ("three", "removed")],
        );
        site.hosts.iter().for_each(|host| drop(host.run(&[&absent[..], &[RULE]].concat()).success()));
    }
}

#[test]
fn a_session_that_dies_on_the_way_is_made_again() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    passwordless(host);
    // The check of the new text waits until the session is gone.
    slow_visudo(host);
    host.write("/run/gate", "[ \"$2\" = -s ]", 0o644, "root:root");
    let running = Running::start(site.command(&["--json"]));
    eventually("root is at work", || on_host(host, "visudo\0-c\0-s"));
    host.run(&["sh", "-c", "pkill -KILL -u admin -x sshd || pkill -KILL -f '^sshd: admin'; rm /run/gate"])
        .success();
    let row: Value = serde_json::from_str(&running.line().expect("a row")).expect("JSON");
    assert!(["installed", "configured"].contains(&row["outcome"].as_str().expect("a word")), "{row}");
    assert_eq!(running.status(), 0);
    assert_granted(host);
}

/// Where the change of a host is when something of it is killed.
const POINTS: [&str; 3] = ["staged", "live", "proof"];
/// An account module of PAM that waits while /run/gate is there (pam_exec(8)).
const WAITING_MODULE: &str = "#!/bin/sh\n[ \"$PAM_USER\" = ai-agent ] || exit 0\n\
    while [ -e /run/gate ]; do sleep 0.05; done\n";

/// The host stops where its name says: before the temporary is put in place, with the rule in place and not
/// proven, or at its proof.
fn stops(host: &Host) {
    slow_visudo(host);
    // What waits is not to be ended by the limit of the scripts.
    host.run(&["mv", "/usr/bin/timeout", "/root/"]).success();
    let gate = match host.name() {
        "staged" => "[ \"$2\" = -s ]".to_owned(),
        "live" => format!("[ -e {RULE} ]"),
        _ => "false".to_owned(),
    };
    if host.name() == "proof" {
        host.write("/run/module", WAITING_MODULE, 0o755, "root:root");
        let with = "sed -i '1a account required pam_exec.so quiet /run/module' /etc/pam.d/sudo";
        host.run(&["sh", "-c", with]).success();
    }
    host.write("/run/gate", gate, 0o644, "root:root");
}

/// What is there to be seen when it has stopped.
fn stopped(host: &Host) -> bool {
    let (at, there) = match host.name() {
        "staged" => ("visudo\0-c\0-s", ".tmp"),
        "live" => ("visudo\0-c", ".previous"),
        _ => ("/run/module", ".previous"),
    };
    on_host(host, at) && names(host).contains(there)
}

fn go_on(host: &Host) {
    host.run(&["rm", "/run/gate"]).success();
    eventually("root's side ends", || !on_host(host, "zz-sudo-helper-ai-agent"));
}

fn kill_all(pids: &[i32]) {
    assert!(!pids.is_empty(), "there is something to kill");
    for pid in pids {
        // One may have ended with another.
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
}

/// The ssh of a call that are at work.
fn ssh_of(running: &Running) -> Vec<i32> {
    let own = format!("\nPPid:\t{}\n", running.pid());
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let child =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| text.contains(&own));
    all.filter(|pid| child(pid) && line(*pid).contains("/ssh")).collect()
}

/// All three hosts at their points, and what is killed there.
fn killed(site: &Site<3>, kill: impl Fn(&Running)) -> Vec<Value> {
    site.hosts.iter().for_each(stops);
    let running = Running::start(site.command(&["--json"]));
    for host in &site.hosts {
        eventually(&format!("it stops ({})", host.name()), || stopped(host));
    }
    kill(&running);
    site.hosts.iter().for_each(go_on);
    let rows = running.rest().iter().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    let _ = running.status();
    rows
}

/// A second connection ends what the first has begun.
fn ends_all_the_same(kill: impl Fn(&Site<3>, &Running)) {
    let Some(site) = Site::boot(POINTS) else { return };
    site.hosts.iter().for_each(passwordless);
    let rows = killed(&site, |running| kill(&site, running));
    assert_eq!(rows.len(), 3, "{rows:?}");
    for row in rows {
        assert!(["installed", "configured"].contains(&row["code"].as_str().expect("a word")), "{row}");
    }
    site.hosts.iter().for_each(assert_granted);
    assert_told(&site.run(&["--json", "status"]), &POINTS.map(|name| (name, "configured")));
}

#[test]
fn a_killed_ssh_costs_a_second_connection() {
    ends_all_the_same(|_, running| kill_all(&ssh_of(running)));
}

/// ssh says of it what it says of a lost connection.
#[test]
fn a_killed_root_costs_a_second_connection() {
    ends_all_the_same(|site, _| {
        site.hosts.iter().for_each(|host| kill_all(&pids(host, "zz-sudo-helper-ai-agent")));
    });
}

#[test]
fn a_killed_sshd_costs_a_second_connection() {
    ends_all_the_same(|site, _| site.hosts.iter().for_each(|host| kill_all(&pids(host, "sshd: admin"))));
}

/// As when both machines lose their power.
#[test]
fn after_both_ends_were_killed_status_tells_and_the_next_run_ends_it() {
    let Some(site) = Site::boot(POINTS) else { return };
    site.hosts.iter().for_each(passwordless);
    let rows = killed(&site, |running| {
        running.signal(libc::SIGKILL);
        site.hosts.iter().for_each(|host| kill_all(&pids(host, "zz-sudo-helper-ai-agent")));
    });
    assert!(rows.is_empty(), "{rows:?}");
    let left = [("staged", "not-configured"), ("live", "pending"), ("proof", "pending")];
    assert_told(&site.run(&["--json", "status"]), &left);
    for host in &site.hosts {
        host.run(&["visudo", "-c"]).success();
    }
    assert_told(&site.run(&["--json"]), &POINTS.map(|name| (name, "installed")));
    site.hosts.iter().for_each(assert_granted);
}

/// One that may have been wrong is not sent twice.
#[test]
fn a_connection_that_dies_with_the_password_is_not_made_again() {
    let Some(site) = Site::boot(["live"]) else { return };
    let host = site.host("live");
    stops(host);
    let mut running = Running::start(site.command(&["--json", "--password-fd", "0"]));
    running.write(format!("{PASSWORD}\n").as_bytes());
    eventually("it stops", || stopped(host));
    kill_all(&ssh_of(&running));
    let row: Value = serde_json::from_str(&running.line().expect("a row")).expect("JSON");
    assert_eq!((row["outcome"].as_str(), row["code"].as_str()), (Some("failed"), Some("closed")), "{row}");
    assert!(row["error"].as_str().is_some_and(|error| error.contains("run this again")), "{row}");
    assert_eq!(running.status(), 1);
    go_on(host);
    // Root's side ended what it had begun.
    assert_granted(host);
    assert_told(&site.with(PASSWORD, &["--json", "status"]), &[("live", "configured")]);
    assert_told(&site.with(PASSWORD, &["--json"]), &[("live", "configured")]);
}
