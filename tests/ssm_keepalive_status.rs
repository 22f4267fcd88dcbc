//! What ssm-keepalive status says of an agent on a host with real systemd.

use bed::agent::{Agent, Kind, Said};

/// Where the core logs, and where a worker that sleeps does.
const LOG: &str = "/var/log/amazon/ssm/amazon-ssm-agent.log";
const HIBERNATE_LOG: &str = "/var/log/amazon/ssm/hibernate.log";
/// The word of each exit status.
const WORDS: [(i32, &str); 13] = [
    (0, "running"),
    (4, "no-agent"),
    (5, "would-stay-dead"),
    (6, "restarting"),
    (7, "rate-limited"),
    (8, "stopped"),
    (9, "disabled"),
    (10, "awaits-reboot"),
    (11, "asleep"),
    (12, "not-registered"),
    (13, "orphaned"),
    (14, "masked"),
    (15, "dead"),
];

/// Asserts the exit status in words and in JSON; the words name the unit, and are one screen.
#[track_caller]
fn assert_status(agent: &Agent, kind: Kind, status: i32) -> Said {
    let words = agent.call("status").code(status);
    let said = format!("{}{}", words.stdout, words.stderr);
    assert!(said.contains(kind.unit()) && said.lines().count() <= 24, "{words:?}");
    let json = agent.call("status --json").code(status);
    let (_, word) = WORDS.iter().find(|(number, _)| *number == status).expect("a word");
    assert_eq!(json.json()["condition"], *word, "{json:?}");
    words
}

fn installed(kind: Kind) -> Option<Agent> {
    let agent = Agent::boot(kind)?;
    let _ = agent.call("install").success();
    Some(agent)
}

#[test]
fn one_that_runs_and_returns() {
    for kind in [Kind::Package, Kind::Snap] {
        let Some(agent) = installed(kind) else { return };
        assert_status(&agent, kind, 0);
        // It needs no root.
        agent.user("alice");
        let _ = Said::of(agent.command_as("alice", &["ssm-keepalive", "status"])).success();
    }
}

#[test]
fn one_that_runs_and_would_stay_dead() {
    let Some(agent) = installed(Kind::Package) else { return };
    agent.drop_in("zz-other.conf", "[Service]\nRestart=no\n");
    assert_status(&agent, Kind::Package, 5).says("zz-other.conf");
    // As the vendor has it, the package's agent returns, and the snap's does not return from a crash loop.
    for (kind, status) in [(Kind::Package, 0), (Kind::Snap, 5)] {
        let Some(agent) = Agent::boot(kind) else { return };
        assert_status(&agent, kind, status);
    }
}

#[test]
fn one_that_is_about_to_be_started() {
    let Some(agent) = installed(Kind::Package) else { return };
    agent.kill();
    agent.await_property("SubState", "auto-restart");
    assert_status(&agent, Kind::Package, 6);
    agent.await_property("ActiveState", "active");
}

#[test]
fn one_that_was_started_too_often() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    agent.mode("exit 1");
    agent.kill();
    agent.await_property("ActiveState", "failed");
    assert_status(&agent, Kind::Snap, 7);
}

#[test]
fn one_that_was_stopped_one_that_is_disabled_and_one_that_is_masked() {
    let Some(agent) = installed(Kind::Package) else { return };
    agent.run(&["systemctl", "stop", Kind::Package.unit()]).success();
    assert_status(&agent, Kind::Package, 8);
    agent.run(&["systemctl", "disable", "--quiet", Kind::Package.unit()]).success();
    assert_status(&agent, Kind::Package, 9);
    agent.run(&["systemctl", "mask", "--quiet", Kind::Package.unit()]).success();
    assert_status(&agent, Kind::Package, 14);
    let _ = agent.call("verify").code(14);
    let _ = agent.call("install").code(14);
}

#[test]
fn one_that_waits_for_a_reboot() {
    let Some(agent) = installed(Kind::Package) else { return };
    let _ = agent.call("install --restart-sec 100ms").success();
    agent.mode("exit 194");
    agent.kill();
    agent.await_property("ActiveState", "failed");
    assert_status(&agent, Kind::Package, 10);
}

#[test]
fn one_that_has_ended_and_will_not_be_started() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.drop_in("zz-other.conf", "[Service]\nRestart=no\n");
    agent.kill();
    agent.await_property("ActiveState", "failed");
    assert_status(&agent, Kind::Package, 15);
}

#[test]
fn one_whose_worker_does_not_come() {
    let Some(agent) = installed(Kind::Package) else { return };
    agent.mode("asleep");
    agent.run(&["systemctl", "restart", Kind::Package.unit()]).success();
    // It may still come.
    assert_status(&agent, Kind::Package, 0);
    let later =
        ["unshare", "--fork", "--time", "--monotonic", "600", "--boottime", "600", "ssm-keepalive", "status"];
    agent.said(&later).code(11).says("ssm-agent-worker");
    agent.mode("");
    agent.run(&["systemctl", "restart", Kind::Package.unit()]).success();
    agent.await_worker();
    let _ = agent.said(&later).success();
}

#[test]
fn one_whose_worker_sleeps() {
    let Some(agent) = installed(Kind::Package) else { return };
    // What an earlier run has logged says nothing of this one.
    agent.write(HIBERNATE_LOG, "old\n", 0o600, "root:root");
    agent.run(&["touch", "-d", "-1 hour", HIBERNATE_LOG]).success();
    assert_status(&agent, Kind::Package, 0);
    agent.run(&["touch", HIBERNATE_LOG]).success();
    assert_status(&agent, Kind::Package, 11);
    // Its core logs on, also while it sleeps.
    let later =
        "date '+%Y-%m-%d %H:%M:%S INFO [ssm-agent-worker] [HealthCheck] HealthCheck reporting agent health.'";
    let log = |line: &str| agent.run(&["sh", "-ec", &format!("{line} >>{LOG}; touch -d '+1 minute' {LOG}")]);
    log("date '+%Y-%m-%d %H:%M:%S INFO [amazon-ssm-agent] something'").success();
    assert_status(&agent, Kind::Package, 11);
    // It reports again: it has woken up.
    log(later).success();
    assert_status(&agent, Kind::Package, 0);
}

#[test]
fn one_that_nobody_knows() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    agent.mode("exit 1");
    agent.kill();
    agent.await_property("ActiveState", "failed");
    agent.write(LOG, "2026-11-21 ERROR Agent failed to assume any identity\n", 0o600, "root:root");
    assert_status(&agent, Kind::Snap, 12);
    agent.write(LOG, "2026-11-21 INFO Agent will take identity from EC2\n", 0o600, "root:root");
    assert_status(&agent, Kind::Snap, 7);
}

#[test]
fn one_that_is_absent_and_one_that_has_left_our_drop_in() {
    let Some(agent) = installed(Kind::Snap) else { return };
    agent.run(&["systemctl", "disable", "--quiet", "--now", Kind::Snap.unit()]).success();
    agent.run(&["rm", &Kind::Snap.fragment()]).success();
    agent.reload();
    assert_status(&agent, Kind::Snap, 13);
    let _ = agent.call("remove").success();
    assert_status(&agent, Kind::Snap, 4);
}
