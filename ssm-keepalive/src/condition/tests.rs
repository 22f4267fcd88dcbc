//! A table of facts and what they come to.

use super::*;

const UP: &str = "ActiveState=active\nSubState=running\nMainPID=7\nUnitFileState=enabled\nRestart=always\n\
                  RestartUSec=10s\nStartLimitIntervalUSec=0\nStartLimitBurst=5\nResult=success\n\
                  RestartPreventExitStatus=194\n";

/// An agent that runs and will return, with these properties instead.
fn facts(instead: &str) -> Facts {
    Facts {
        unit: Unit::PACKAGE.parse().expect("a service"),
        properties: Properties::parse(&format!("{UP}{instead}")),
        winner: None,
        workers: Some(Workers { agent: true, busy: 0 }),
        has_worker: true,
        up: Duration::from_secs(3600),
        slept: None,
        is_unregistered: false,
        reboots: false,
        has_logs: true,
    }
}

fn found(facts: &Facts) -> (&'static str, Exit) {
    let condition = judge(facts);
    (condition.code, condition.exit)
}

#[test]
fn what_systemd_tells_is_told_apart() {
    let failed = "ActiveState=failed\nSubState=failed\nMainPID=0\n";
    let inactive = "ActiveState=inactive\nSubState=dead\nMainPID=0\n";
    for (state, instead, code, exit) in [
        ("", "", "running", Exit::Done),
        ("", "UnitFileState=disabled", "running", Exit::Done),
        ("", "Restart=on-failure", "would-stay-dead", Exit::WouldStayDead),
        ("", "RestartUSec=100ms\nStartLimitIntervalUSec=10s", "would-stay-dead", Exit::WouldStayDead),
        ("", "ActiveState=activating\nSubState=auto-restart", "restarting", Exit::Restarting),
        ("", "ActiveState=deactivating\nSubState=stop-sigterm", "restarting", Exit::Restarting),
        (failed, "Result=start-limit-hit", "rate-limited", Exit::RateLimited),
        (failed, "Result=start-limit", "rate-limited", Exit::RateLimited),
        (
            failed,
            "Result=exit-code\nExecMainCode=1\nExecMainStatus=1\nNRestarts=5",
            "rate-limited",
            Exit::RateLimited,
        ),
        (
            failed,
            "Result=exit-code\nExecMainCode=1\nExecMainStatus=1\nNRestarts=5\nRestart=no",
            "dead",
            Exit::Dead,
        ),
        (
            failed,
            "Result=exit-code\nExecMainCode=1\nExecMainStatus=7\nRestartPreventExitStatus=7",
            "dead",
            Exit::Dead,
        ),
        (failed, "Result=signal\nExecMainCode=2\nExecMainStatus=9\nRestart=no", "dead", Exit::Dead),
        (
            failed,
            "Result=exit-code\nExecMainCode=1\nExecMainStatus=7\nRestartPreventExitStatus=7\nNRestarts=2",
            "dead",
            Exit::Dead,
        ),
        (failed, "Result=exit-code\nExecMainCode=1\nExecMainStatus=194", "awaits-reboot", Exit::AwaitsReboot),
        (failed, "Result=signal\nExecMainCode=2\nExecMainStatus=194\nRestart=no", "dead", Exit::Dead),
        ("", "ExecMainCode=1\nExecMainStatus=194", "running", Exit::Done),
        (inactive, "", "stopped", Exit::Stopped),
        (inactive, "Restart=on-failure", "stopped", Exit::Stopped),
        (inactive, "UnitFileState=disabled", "disabled", Exit::Disabled),
        (inactive, "Result=signal\nExecMainCode=2\nExecMainStatus=9", "dead", Exit::Dead),
    ] {
        assert_eq!(found(&facts(&format!("{state}{instead}"))), (code, exit), "{state}{instead}");
    }
}

#[test]
fn an_agent_without_its_worker_is_asleep_once_it_had_the_time_to_start_one() {
    let without = |has_worker, up| Facts {
        workers: Some(Workers::default()),
        has_worker,
        up: Duration::from_secs(up),
        ..facts("")
    };
    assert_eq!(found(&without(true, 181)), ("asleep", Exit::Asleep));
    assert_eq!(found(&without(true, 180)).0, "running", "it may still start one");
    assert_eq!(found(&without(false, 181)).0, "running", "an agent before 3.0 has none");
    assert_eq!(found(&Facts { workers: None, ..without(true, 181) }).0, "running", "nobody knows");
}

#[test]
fn an_agent_whose_worker_writes_that_it_sleeps_is_asleep() {
    assert_eq!(found(&Facts { slept: Some(Duration::ZERO), ..facts("") }), ("asleep", Exit::Asleep));
    assert_eq!(found(&Facts { slept: Some(Duration::ZERO), ..facts("Restart=no") }).0, "asleep");
}

#[test]
fn an_agent_that_runs_is_never_called_unregistered() {
    let unregistered = |instead| Facts { is_unregistered: true, ..facts(instead) };
    assert_eq!(found(&unregistered("")).0, "running");
    let restarting = "ActiveState=activating\nSubState=auto-restart\n";
    assert_eq!(found(&unregistered(restarting)), ("not-registered", Exit::NotRegistered));
    assert_eq!(found(&unregistered("ActiveState=failed\nResult=start-limit-hit")).0, "not-registered");
}

#[test]
fn a_host_that_is_about_to_reboot_is_left_alone() {
    for state in ["", "ActiveState=inactive", "ActiveState=activating\nSubState=auto-restart"] {
        let reboots = Facts { reboots: true, slept: Some(Duration::ZERO), ..facts(state) };
        assert_eq!(found(&reboots), ("awaits-reboot", Exit::AwaitsReboot), "{state}");
    }
}

#[test]
fn who_overrules_us_is_named() {
    let winner = Setting { value: "no".into(), path: "/etc/systemd/system/x.d/z\n.conf".into(), line: 3 };
    let condition = judge(&Facts { winner: Some(winner), ..facts("Restart=no") });
    assert!(
        condition.sentence.contains("/etc/systemd/system/x.d/z\\u{a}.conf, line 3"),
        "{}",
        condition.sentence
    );
    assert!(
        !condition.helps.expect("something helps").contains("install"),
        "installing again would not help"
    );
}
