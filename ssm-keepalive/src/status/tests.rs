//! What is shown of facts.

use std::time::Duration;

use super::*;
use crate::processes::Workers;
use crate::properties::Properties;

fn facts() -> Facts {
    Facts {
        unit: "amazon-ssm-agent.service".parse().expect("a service"),
        properties: Properties::parse(
            "ActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\nRestart=no\nRestartUSec=10s\n\
             NRestarts=3\nStartLimitIntervalUSec=10s\nStartLimitBurst=5\nMainPID=42\n",
        ),
        winner: Some(Setting { value: "no".into(), path: "/etc/z\u{1b}.conf".into(), line: 2 }),
        workers: Some(Workers { agent: true, busy: 1 }),
        has_worker: true,
        up: Duration::from_secs(120),
        slept: None,
        is_unregistered: false,
        reboots: false,
        has_logs: true,
    }
}

#[test]
fn one_screen_tells_it_and_quotes_nothing_raw() {
    let facts = facts();
    let drop_in = Ok(Present::Foreign { line: Some(4), why: "it is another one" });
    let words = words(&facts, &judge(&facts), &drop_in, &State::Off);
    for expected in [
        "amazon-ssm-agent.service: would-stay-dead: ",
        "no, after 10s; 3 so far; start limit 5 starts within 10s",
        "42, up for 2 minutes",
        "1 commands or sessions",
        "foreign: /etc/systemd/system/amazon-ssm-agent.service.d/restart.conf",
        "left alone: line 4: it is another one",
        "warning       the unit has no RestartPreventExitStatus=194",
        "watch         off",
        "overruled by  /etc/z\\u{1b}.conf, line 2, with no",
    ] {
        assert!(words.contains(expected), "{expected}\n{words}");
    }
    assert!(words.lines().count() < 24 && !words.contains('\u{1b}'));
}

#[test]
fn a_program_is_told_the_same_in_one_object() {
    let facts = facts();
    let object = object(&facts, &judge(&facts), &Ok(Present::Absent), &State::Broken);
    for (key, value) in [
        ("condition", json!("would-stay-dead")),
        ("returns", json!(false)),
        ("restart", json!("no")),
        ("restart_sec", json!("10s")),
        ("restarts", json!(3)),
        ("main_pid", json!(42)),
        ("drop_in", json!("absent")),
        ("warnings", json!(["reboot-not-awaited"])),
        ("watch", json!("broken")),
        ("watch_unit", json!(null)),
        ("overruled_by", json!({"file": "/etc/z\u{1b}.conf", "line": 2, "value": "no"})),
    ] {
        assert_eq!(object[key], value, "{key}");
    }
}

#[test]
fn a_wait_that_grows_is_told() {
    let properties = Properties::parse("RestartSteps=3\nRestartMaxDelayUSec=5min\n");
    assert_eq!(growth(&properties), " to 5min, in 3 steps");
    assert_eq!(growth(&Properties::parse("RestartSteps=3\nRestartMaxDelayUSec=infinity\n")), "");
}

#[test]
fn a_start_limit_of_no_time_is_none() {
    assert_eq!(limit(Some(Span::from_micros(0)), "5"), "off");
    assert_eq!(limit(Some(Span::INFINITE), "5"), "5 starts within infinity");
}

#[test]
fn who_goes_before_our_file_is_found_and_who_agrees_is_not() {
    let ours = Path::new("/d/restart.conf");
    let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let text = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=10s\n";
    let own = file("/d/restart.conf", text);
    for (late, expected) in [
        ("[Service]\nRestart=no\n", Some(2)),
        ("[Service]\nRestart=always\nRestartSec=5min\n", Some(3)),
        ("[Unit]\nStartLimitIntervalSec=1min\n", Some(2)),
        ("[Service]\nRestart=always\nRestartSec=10s\n", None),
        ("[Service]\nEnvironment=A=b\n", None),
    ] {
        let other = file("/d/zz.conf", late);
        let found = winner(&[own.clone(), other.clone()], ours);
        assert_eq!(
            found.map(|setting| (setting.path, setting.line)),
            expected.map(|line| ("/d/zz.conf".into(), line))
        );
        assert_eq!(winner(&[other.clone(), own.clone()], ours), None, "ours is the later one");
        assert_eq!(winner(&[other], ours), None, "systemd does not read ours");
    }
}
