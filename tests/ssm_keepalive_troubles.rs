//! What may be in the way of ssm-keepalive on a host, and what it says of it.

use bed::agent::{Agent, Kind};
use bed::{Call, Running, eventually, traced};

/// What counts once it is installed: `Restart`, `RestartUSec`, `StartLimitIntervalUSec`.
const OURS: [&str; 3] = ["always", "10s", "0"];
/// A drop-in for all services, which sorts after restart.conf.
const WINNER: &str = "/etc/systemd/system/service.d/zzz.conf";
/// What an operator made by hand.
const BY_HAND: &str = "[Service]\nRestart=always\nRestartSec=1min\n";
/// For sh: the mode and the owner of the file $0, and what it holds.
const SHOW: &str = r#"stat -c '%a %U' "$0"; cat "$0""#;

fn shown(agent: &Agent) -> String {
    agent.said(&["sh", "-ec", SHOW, &Kind::Package.drop_in()]).success().stdout
}

#[test]
fn another_run_is_waited_for_and_then_named() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let _ = agent.call("install").success();
    let hold = "flock /run/ssm-keepalive.lock sh -c 'echo held; read -r over'";
    let mut holder = Running::start(agent.command(&["sh", "-c", hold]));
    assert_eq!(holder.line().as_deref(), Some("held"));
    let said = agent.call("install --restart-sec 20s --json").code(1);
    assert_eq!(said.json()["code"], "busy");
    assert_eq!(agent.effective(), OURS);
    holder.write(b"over\n");
    assert_eq!(holder.status(), 0);
    let _ = agent.call("install --restart-sec 20s").success();
}

#[test]
fn a_unit_that_systemd_cannot_load_is_named() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.run(&["systemctl", "stop", Kind::Package.unit()]).success();
    agent.write(&Kind::Package.fragment(), "[Service]\nRestart=always\n", 0o644, "root:root");
    agent.reload();
    assert_eq!(agent.property("LoadState"), "bad-setting");
    for words in ["install --json", "verify --json", "status --json"] {
        assert_eq!(agent.call(words).code(1).json()["code"], "unit-broken", "{words}");
    }
    assert_eq!(agent.drop_ins(), "");
}

#[test]
fn an_agent_that_would_be_started_before_the_reboot_it_has_asked_for_is_warned_of() {
    let expected =
        |warns: bool| if warns { serde_json::json!(["reboot-not-awaited"]) } else { serde_json::json!([]) };
    for (kind, span, warns) in
        [(Kind::Snap, "10s", true), (Kind::Snap, "65s", false), (Kind::Package, "10s", false)]
    {
        let Some(agent) = Agent::boot(kind) else { return };
        let said = agent.call(&format!("install --restart-sec {span} --json")).success();
        assert_eq!(said.json()["warnings"], expected(warns), "{kind:?} {span}");
        assert_eq!(said.stderr.contains("--restart-sec 65s"), warns, "{said:?}");
        let status = agent.call("status --json").success().json();
        assert_eq!(status["warnings"], expected(warns), "{kind:?} {span}");
        if kind == Kind::Package {
            // It was there before, and somebody has taken it away.
            agent.drop_in("zz-other.conf", "[Service]\nRestartPreventExitStatus=\n");
            let said = agent.call("install --restart-sec 65s --json").success();
            assert_eq!(said.json()["warnings"], expected(true));
            said.says("RestartPreventExitStatus=194 is gone");
            agent.call("status").success().says("RestartPreventExitStatus=194 is gone");
        }
    }
}

#[test]
fn a_reboot_that_is_scheduled_for_soon_is_told() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let _ = agent.call("install").success();
    let scheduled = || agent.exists("/run/systemd/shutdown/scheduled");
    for (at, status) in [("+5", 10), ("+60", 0)] {
        agent.run(&["shutdown", "-r", at]).success();
        eventually("it is scheduled", scheduled);
        let _ = agent.call("status").code(status);
        agent.run(&["shutdown", "-c"]).success();
        eventually("it is not any more", || !scheduled());
        let _ = agent.call("status").success();
    }
}

#[test]
fn a_run_that_is_killed_while_it_puts_the_old_state_back_is_mended_by_the_next() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let vendors = agent.effective();
    let words = ["ssm-keepalive", "install"];
    let overrule = || {
        agent.write(WINNER, "[Service]\nRestart=no\n", 0o644, "root:root");
        agent.reload();
    };
    overrule();
    let calls = traced(|words| agent.command(words), &words, None).calls;
    let renamed = calls.iter().position(|call| call.starts_with("rename")).expect("it is put in place");
    let undone =
        calls.iter().skip(renamed).position(|call| call.starts_with("unlink")).expect("and taken away");
    for when in renamed + undone..(renamed + undone + 6).min(calls.len()) {
        let call = Call::of(&calls, when).expect("a call");
        assert!(traced(|words| agent.command(words), &words, Some(&call)).killed, "{}", calls[when]);
        assert_eq!(agent.property("Restart"), "no", "{}", calls[when]);
        // While the winner is there the next run says so, and takes no more away than that one.
        agent.call("install").code(1).says(WINNER);
        agent.run(&["rm", WINNER]).success();
        let _ = agent.call("install").success();
        assert_eq!(agent.effective(), OURS, "{}", calls[when]);
        let _ = agent.call("remove").success();
        assert_eq!(
            (agent.effective(), agent.drop_ins()),
            (vendors.clone(), String::new()),
            "{}",
            calls[when]
        );
        overrule();
    }
}

#[test]
fn a_remove_that_cannot_be_proven_puts_our_file_back() {
    for before in ["", BY_HAND] {
        let Some(agent) = Agent::boot(Kind::Package) else { return };
        if !before.is_empty() {
            agent.drop_in("restart.conf", before);
        }
        let _ = agent.call("install").success();
        let installed = shown(&agent);
        // A file that is too large to be read, so that nobody can say what should hold.
        let large = format!("# {}\n", "x".repeat(100)).repeat(11_000);
        agent.drop_in("10-large.conf", &large);
        let said = agent.call("remove --json").code(1);
        let failure = said.json();
        assert_eq!((&failure["code"], &failure["changed"]), (&"unit-file".into(), &false.into()));
        said.says("the file of ssm-keepalive is back");
        assert_eq!((shown(&agent), agent.effective()), (installed, OURS.map(str::to_owned)));
        agent.run(&["rm", &Kind::Package.beside("10-large.conf")]).success();
        agent.reload();
        let _ = agent.call("verify").success();
        let _ = agent.call("remove").success();
        assert_eq!(agent.exists(&Kind::Package.drop_in()), !before.is_empty());
    }
}

#[test]
fn a_file_made_by_hand_comes_back_with_its_mode() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    for mode in [0o600, 0o644, 0o444] {
        agent.write(&Kind::Package.drop_in(), BY_HAND, mode, "root:root");
        agent.reload();
        let before = shown(&agent);
        let _ = agent.call("install").success();
        let _ = agent.call("install --restart-sec 20s").success();
        assert!(shown(&agent).starts_with("644 root\n"));
        let _ = agent.call("remove").success();
        assert_eq!(shown(&agent), before);
    }
}

#[test]
fn a_file_made_by_hand_that_is_not_root_s_alone_is_left_alone() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    for (mode, owner, why) in [
        (0o664, "root:root", "others than root can write it"),
        (0o646, "root:root", "others than root can write it"),
        (0o644, "daemon:root", "it belongs to somebody else than root"),
    ] {
        agent.write(&Kind::Package.drop_in(), BY_HAND, mode, owner);
        agent.reload();
        let before = shown(&agent);
        for words in ["install", "install --dry-run", "remove", "verify"] {
            agent.call(words).code(1).says(why);
            assert_eq!(shown(&agent), before, "{words}");
        }
        agent.call("status").says(why);
    }
}

#[test]
fn a_wait_that_grows_is_reset_and_one_that_somebody_else_has_grow_is_named() {
    let Some(agent) = Agent::boot_newer(Kind::Package) else { return };
    let growing = "[Service]\nRestartSteps=3\nRestartMaxDelaySec=5min\n";
    let steps = || [agent.property("RestartSteps"), agent.property("RestartMaxDelayUSec")];
    let _ = agent.call("install").success();
    let _ = agent.call("verify").success();
    // Another file, which ours says nothing about yet.
    agent.drop_in("10-grow.conf", growing);
    assert_eq!(steps(), ["3", "5min"]);
    agent.call("verify").code(1).says("10-grow.conf").says("ssm-keepalive install");
    agent.call("status").says("to 5min, in 3 steps");
    let _ = agent.call("install").success();
    assert_eq!(steps(), ["0", "infinity"]);
    let _ = agent.call("verify --kill").success();
    // One that goes before ours.
    agent.drop_in("zz-grow.conf", growing);
    let before = agent.drop_ins();
    for words in ["install", "install --restart-sec 20s", "verify"] {
        agent.call(words).code(1).says("zz-grow.conf");
        assert_eq!(agent.drop_ins(), before, "{words}");
    }
    assert_eq!(agent.call("status --json").json()["restart_steps"], 3);
    agent
        .run(&["rm", &Kind::Package.beside("zz-grow.conf"), &Kind::Package.beside("10-grow.conf")])
        .success();
    let _ = agent.call("remove").success();
    assert_eq!(steps(), ["0", "infinity"]);
    // The watch runs under this systemd, too.
    let _ = agent.call("install --watch").success();
    assert_eq!(agent.call("status --json").success().json()["watch"], "on");
}
