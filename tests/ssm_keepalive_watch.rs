//! ssm-keepalive watch on a host with real systemd: who is restarted, and who is not.

use bed::agent::{Agent, Kind, Said};
use bed::{Call, eventually, stopped};
use serde_json::Value;

const HIBERNATE_LOG: &str = "/var/log/amazon/ssm/hibernate.log";
const STATE: &str = "/var/lib/ssm-keepalive/watch.json";
const SERVICE: &str = "ssm-keepalive-watch.service";
const TIMER: &str = "ssm-keepalive-watch.timer";
/// All that the watch has on a host, for sh: names, inodes and times.
const FILES: &str = "cd /etc/systemd/system; ls -A | grep ssm-keepalive | xargs -r stat -c '%n %i %a %u %y %z'; \
                     ls -A timers.target.wants 2>/dev/null | grep ssm-keepalive; ls -A /var/lib/ssm-keepalive 2>&1 | \
                     grep -v 'No such file'; systemctl list-units --all --plain --no-legend 'ssm-keepalive*' | \
                     cut -d' ' -f1";

fn files(agent: &Agent) -> String {
    agent.said(&["sh", "-c", FILES]).stdout
}

/// An agent whose worker has written that it sleeps.
fn asleep(kind: Kind) -> Option<Agent> {
    let agent = Agent::boot(kind)?;
    agent.write(HIBERNATE_LOG, "asleep\n", 0o600, "root:root");
    let _ = agent.call("status").code(11);
    Some(agent)
}

/// A look of the watch so many minutes later, and what it says of it.
fn look(agent: &Agent, minutes: u64) -> Value {
    looked(agent, minutes).success().json()
}

fn looked(agent: &Agent, minutes: u64) -> Said {
    let seconds = (minutes * 60).to_string();
    let later = ["unshare", "--fork", "--time", "--monotonic", &seconds, "--boottime", &seconds];
    agent.said(&[&later[..], &["ssm-keepalive", "watch", "--asleep-for", "10m", "--json"]].concat())
}

/// It is left alone by such a look, for that reason.
#[track_caller]
fn left(agent: &Agent, minutes: u64, why: &str) {
    let pid = agent.main_pid();
    let said = look(agent, minutes);
    assert_eq!((&said["restarted"], &said["why"]), (&false.into(), &why.into()), "{said}");
    assert_eq!(agent.main_pid(), pid);
}

/// It is restarted by such a look.
#[track_caller]
fn restarted(agent: &Agent, minutes: u64) {
    let pid = agent.main_pid();
    let said = look(agent, minutes);
    assert_eq!(said["restarted"], true, "{said}");
    assert!(!["0", &pid].contains(&agent.main_pid().as_str()));
}

/// What the journal has of it, with the priority of each line.
fn journal(agent: &Agent) -> Vec<(String, String)> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let of =
        |entry: &Value| entry["SYSLOG_IDENTIFIER"] == "ssm-keepalive" && entry["_SYSTEMD_UNIT"] == SERVICE;
    let entries = agent.journal();
    entries
        .iter()
        .filter(|entry| of(entry))
        .map(|entry| (text(entry, "PRIORITY"), text(entry, "MESSAGE")))
        .collect()
}

#[test]
fn an_agent_that_sleeps_is_restarted_by_the_timer_and_the_journal_says_so() {
    for kind in [Kind::Package, Kind::Snap] {
        let Some(mut agent) = Agent::boot(kind) else { return };
        agent.call("status").says("watch         off");
        agent.call("install --watch --asleep-for 1s").success().says(TIMER);
        let said = agent.call("status --json").success().json();
        assert_eq!((&said["watch"], &said["watch_asleep_for"]), (&"on".into(), &"1s".into()));
        // Also after a reboot.
        agent.reboot();
        agent.await_worker();
        agent.call("status").success().says("watch         on: restarted when asleep for 1s");
        let pid = agent.main_pid();
        agent.write(HIBERNATE_LOG, "asleep\n", 0o600, "root:root");
        eventually("it is restarted", || !["0", &pid].contains(&agent.main_pid().as_str()));
        agent.await_worker();
        let is_told =
            |(level, line): &(String, String)| level == "4" && line.contains(": restarted: it was asleep");
        eventually("the journal says so", || journal(&agent).iter().any(is_told));
        let lines = journal(&agent);
        assert!(lines.iter().any(|(level, line)| level == "5" && line.contains("left alone")), "{lines:?}");
        // Nothing is said while there is nothing to tell.
        assert!(lines.iter().all(|(level, _)| level != "6"), "{lines:?}");
        let _ = agent.call("status").success();
    }
}

#[test]
fn an_agent_is_left_alone_until_it_has_slept_for_long_enough_and_longer_each_time_and_six_times_a_day() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    left(&agent, 0, "not-asleep");
    // Here a day passes within seconds, which is no time for the vendor's start limit.
    let _ = agent.call("install").success();
    agent.mode("asleep");
    agent.run(&["systemctl", "restart", Kind::Package.unit()]).success();
    let mut now = 60;
    for needed in [10, 20, 40, 80, 160, 320] {
        left(&agent, now, "not-long-enough");
        left(&agent, now + needed - 1, "not-long-enough");
        now += needed + 1;
        restarted(&agent, now);
        now += 10;
    }
    left(&agent, now, "restarts-spent");
    left(&agent, now + 700, "restarts-spent");
    // An agent that ends by itself, and sleeps again, has slept for no time.
    agent.run(&["rm", STATE]).success();
    left(&agent, now, "not-long-enough");
    agent.run(&["systemctl", "restart", Kind::Package.unit()]).success();
    left(&agent, now + 11, "not-long-enough");
    restarted(&agent, now + 22);
}

#[test]
fn an_agent_that_works_on_a_command_is_left_alone() {
    let Some(agent) = asleep(Kind::Package) else { return };
    agent.send_command("/root/long", "mkfifo /root/go; echo begun; read -r go </root/go\n");
    eventually("it runs", || agent.exists("/root/long.out") && agent.read("/root/long.out") == "begun\n");
    left(&agent, 0, "not-long-enough");
    left(&agent, 11, "busy");
    left(&agent, 600, "busy");
    agent.run(&["sh", "-c", "echo go >/root/go"]).success();
    eventually("it is over", || agent.exists("/root/long.ended"));
    eventually("its worker has ended", || agent.call("status --json").json()["busy_workers"] == 0);
    restarted(&agent, 601);
    assert_eq!(agent.read("/root/long.ended"), "0\n");
}

#[test]
fn a_command_that_comes_between_the_decision_and_the_restart_is_seen() {
    let Some(agent) = asleep(Kind::Package) else { return };
    let watch = ["ssm-keepalive", "watch", "--asleep-for", "1s", "--json"];
    // Until it would be restarted, were it not for a command.
    let begin = |path: &str| {
        agent.send_command(path, "rm -f /root/go; mkfifo /root/go; echo begun; read -r go </root/go\n");
        let out = format!("{path}.out");
        eventually("it runs", || agent.exists(&out) && agent.read(&out) == "begun\n");
    };
    begin("/root/first");
    eventually("it is due", || agent.said(&watch).success().json()["why"] == "busy");
    agent.run(&["sh", "-c", "echo go >/root/go"]).success();
    eventually("its worker has ended", || agent.call("status --json").json()["busy_workers"] == 0);
    let pid = agent.main_pid();
    // It writes down the restart by its one rename.
    let calls = ["renameat(".to_owned()];
    let call = Call::of(&calls, 0).expect("a call");
    let ended = stopped(|words| agent.command(words), &watch, &call, || begin("/root/second"));
    assert_eq!((ended.status, agent.main_pid()), (0, pid.clone()));
    assert!(agent.read(STATE).contains("\"restarts\":[]"), "nor does it count: {}", agent.read(STATE));
    assert_eq!(agent.said(&watch).success().json()["why"], "busy");
}

#[test]
fn its_service_sees_a_command_that_runs_although_it_may_do_little() {
    let Some(agent) = asleep(Kind::Package) else { return };
    agent.send_command("/root/long", "mkfifo /root/go; echo begun; read -r go </root/go\n");
    eventually("it runs", || agent.exists("/root/long.out") && agent.read("/root/long.out") == "begun\n");
    let pid = agent.main_pid();
    let _ = agent.call("install --watch --asleep-for 1s").success();
    let is_told =
        |(level, line): &(String, String)| level == "5" && line.contains("still works on 1 commands");
    eventually("the journal says so", || journal(&agent).iter().any(is_told));
    assert_eq!(agent.main_pid(), pid);
    agent.run(&["sh", "-c", "echo go >/root/go"]).success();
    eventually("it is restarted", || !["0", &pid].contains(&agent.main_pid().as_str()));
    assert_eq!(agent.read("/root/long.ended"), "0\n");
}

#[test]
fn an_agent_that_waits_for_a_reboot_or_was_stopped_is_left_alone() {
    let Some(agent) = asleep(Kind::Package) else { return };
    left(&agent, 0, "not-long-enough");
    agent.run(&["shutdown", "-r", "+60"]).success();
    eventually("it is scheduled", || agent.exists("/run/systemd/shutdown/scheduled"));
    left(&agent, 20, "goes-down");
    agent.run(&["shutdown", "-c"]).success();
    eventually("it is no more", || !agent.exists("/run/systemd/shutdown/scheduled"));
    agent.mode("exit 194");
    agent.kill();
    // The vendor's 90 s later it would ask for the reboot.
    agent.run(&["systemctl", "restart", Kind::Package.unit()]);
    agent.await_property("ActiveState", "failed");
    let said = look(&agent, 40);
    assert_eq!((&said["why"], &said["condition"]), (&"not-asleep".into(), &"awaits-reboot".into()), "{said}");
    assert_eq!(agent.property("ActiveState"), "failed");
    agent.mode("");
    agent.run(&["systemctl", "start", Kind::Package.unit()]).success();
    agent.run(&["systemctl", "stop", Kind::Package.unit()]).success();
    left(&agent, 80, "not-asleep");
    assert_eq!(agent.property("ActiveState"), "inactive");
}

#[test]
fn a_memory_that_nobody_can_read_means_no_restart_for_a_day() {
    let Some(agent) = asleep(Kind::Package) else { return };
    left(&agent, 0, "not-long-enough");
    let good = agent.read(STATE);
    for junk in
        ["", "{}", "not JSON\n", &good.replace("\"restarts\":[]", "\"restarts\":[18446744073709551615]")]
    {
        agent.write(STATE, junk, 0o600, "root:root");
        looked(&agent, 20).success().says("not as it was written");
        left(&agent, 40, "restarts-spent");
        left(&agent, 20 + 24 * 60 - 2, "restarts-spent");
    }
    // It may again once it is removed.
    agent.run(&["rm", STATE]).success();
    left(&agent, 20, "not-long-enough");
    // One that others can write says nothing, and is left.
    let pid = agent.main_pid();
    for (mode, owner) in [(0o666, "root:root"), (0o600, "daemon:root")] {
        agent.write(STATE, &good, mode, owner);
        looked(&agent, 600).code(1).says(STATE);
        assert_eq!((agent.read(STATE), agent.main_pid()), (good.clone(), pid.clone()));
    }
}

#[test]
fn its_service_may_do_little_and_its_files_go_with_remove() {
    let Some(agent) = asleep(Kind::Package) else { return };
    let before = files(&agent);
    let _ = agent.call("install --watch").success();
    let said = agent.said(&["systemd-analyze", "security", "--no-pager", SERVICE]).success().stdout;
    let (_, verdict) = said.split_once("Overall exposure level for ").expect("a verdict");
    let level: f32 = verdict.split(' ').nth(1).and_then(|level| level.parse().ok()).expect("a level");
    // Up to 5 it calls a service OK, up to 2 SAFE.
    assert!(level < 2.0, "{verdict}");
    assert_eq!(agent.property_of(SERVICE, "CapabilityBoundingSet"), "");
    agent.run(&["stat", "-c", "%a %u", "/var/lib/ssm-keepalive", STATE]).success().stdout("700 0\n600 0\n");
    agent.call("remove").success().says(SERVICE);
    assert_eq!((files(&agent), agent.drop_ins()), (before, String::new()));
    agent.run(&["systemctl", "is-active", TIMER]).failure();
    agent.call("status").says("watch         off");
    agent.call("remove").success().says("already so");
}

#[test]
fn a_second_install_changes_nothing_and_another_span_does() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let first = agent.call("install --watch --json").success().json();
    let look = || (files(&agent), agent.property_of(TIMER, "ActiveEnterTimestampMonotonic"));
    let before = look();
    for words in ["install --watch --json", "install --json"] {
        let second = agent.call(words).success().json();
        assert_eq!((&first["changed"], &second["changed"]), (&true.into(), &false.into()), "{words}");
        assert_eq!(look(), before, "{words}");
    }
    let other = agent.call("install --watch --asleep-for 5m --json").success().json();
    assert_eq!(other["changed"], true);
    assert_eq!(agent.call("status --json").success().json()["watch_asleep_for"], "5min");
    // A timer that somebody has stopped is mended.
    agent.run(&["systemctl", "stop", TIMER]).success();
    assert_eq!(agent.call("status --json").success().json()["watch"], "broken");
    let _ = agent.call("install --watch --asleep-for 5m").success();
    assert_eq!(agent.call("status --json").success().json()["watch"], "on");
    // Another unit's remove leaves it.
    let _ = agent.call(&format!("remove --unit {}", Kind::Snap.unit())).success();
    assert_eq!(agent.call("status --json").success().json()["watch"], "on");
    let _ = agent.call("install --asleep-for 5m").code(2);
    let _ = agent.call("install --watch --asleep-for 0").code(2);
}

#[test]
fn a_watch_that_cannot_run_leaves_nothing() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let before = (files(&agent), agent.effective(), agent.drop_ins());
    let drop_in = "/etc/systemd/system/ssm-keepalive-watch.service.d/x.conf";
    for text in ["[Service]\nExecStart=\nExecStart=/bin/true\n", "[Service]\nExecStart=/bin/false\n"] {
        agent.write(drop_in, text, 0o644, "root:root");
        let _ = agent.call("install --watch").code(1);
        agent.run(&["rm", "-r", "/etc/systemd/system/ssm-keepalive-watch.service.d"]).success();
        agent.reload();
        assert_eq!((files(&agent), agent.effective(), agent.drop_ins()), before, "{text}");
    }
    // A watch that is there stays as it was.
    let _ = agent.call("install --watch --restart-sec 20s").success();
    let before = (agent.effective(), agent.drop_ins());
    agent.write(drop_in, "[Service]\nExecStart=/bin/false\n", 0o644, "root:root");
    let _ = agent.call("install --watch --asleep-for 5m").code(1);
    agent.run(&["rm", "-r", "/etc/systemd/system/ssm-keepalive-watch.service.d"]).success();
    agent.reload();
    assert_eq!((agent.effective(), agent.drop_ins()), before);
    let said = agent.call("status --json").success().json();
    assert_eq!((&said["watch"], &said["watch_asleep_for"]), (&"on".into(), &"10min".into()));
}

#[test]
fn what_is_not_ours_is_not_run_and_not_replaced() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    // A program that somebody else could change.
    agent.run(&["install", "-D", "-o", "daemon", "/usr/bin/ssm-keepalive", "/opt/ssm-keepalive"]).success();
    agent.said(&["/opt/ssm-keepalive", "install", "--watch"]).code(1).says("/opt/ssm-keepalive");
    assert_eq!((agent.drop_ins(), files(&agent)), (String::new(), String::new()));
    agent.unit(SERVICE, "[Service]\nType=oneshot\nExecStart=/bin/true\n");
    let before = files(&agent);
    for words in ["install --watch", "remove"] {
        agent.call(words).code(1).says(SERVICE);
        assert_eq!((agent.drop_ins(), files(&agent)), (String::new(), before.clone()), "{words}");
    }
}

#[test]
fn an_image_has_it_enabled() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let image = "/srv/image";
    agent.write(
        &format!("{image}{}", Kind::Snap.fragment()),
        "[Service]\nExecStart=/bin/true\n",
        0o644,
        "root:root",
    );
    let install = format!("install --root {image} --watch --json");
    assert_eq!(agent.call(&install).code(1).json()["code"], "program");
    agent.run(&["install", "-D", "/usr/bin/ssm-keepalive", "/srv/image/usr/sbin/ssm-keepalive"]).success();
    let said = agent.call(&install).success().json();
    assert_eq!((&said["watch"], &said["proven"]), (&"10min".into(), &false.into()));
    assert_eq!(agent.call(&install).success().json()["changed"], false);
    agent.run(&["systemctl", "--root", image, "is-enabled", TIMER]).success().stdout("enabled\n");
    let service = agent.read(&format!("{image}/etc/systemd/system/{SERVICE}"));
    assert!(
        service.contains(&format!("ExecStart=/usr/sbin/ssm-keepalive watch --unit {}", Kind::Snap.unit()))
    );
    assert_eq!(files(&agent), "", "nothing on this host");
    let _ = agent.call(&format!("remove --root {image}")).success();
    agent.run(&["sh", "-c", "find /srv/image/etc | grep -c ssm-keepalive"]).stdout("0\n");
}
