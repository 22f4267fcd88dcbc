//! ssm-keepalive install, verify and remove on a host with real systemd.

use std::time::{Duration, Instant};

use bed::agent::{Agent, Kind, Said};
use bed::{capture, eventually};

/// What counts once it is installed: `Restart`, `RestartUSec`, `StartLimitIntervalUSec`.
const OURS: [&str; 3] = ["always", "10s", "0"];
/// The operator's proxy, as the vendor's manual has it set.
const PROXY: &str = "[Service]\nEnvironment=\"https_proxy=http://proxy.example.org:3128\"\n";
/// Both ways to have an agent.
const KINDS: [Kind; 2] = [Kind::Package, Kind::Snap];

/// The values that counted before, by kind.
fn vendors(kind: Kind) -> [&'static str; 3] {
    ["always", kind.vendor_restart_sec(), "10s"]
}

/// Awaits another main process than this one.
fn await_other(agent: &Agent, pid: &str) {
    eventually("another main process", || !["0", pid].contains(&agent.main_pid().as_str()));
}

/// Crashes until systemd starts it no more, as the snap's agent does.
fn tire(agent: &Agent) {
    agent.mode("exit 1");
    agent.kill();
    agent.await_property("ActiveState", "failed");
}

#[test]
fn the_values_count_at_once_without_a_restart_and_are_the_vendors_after_remove() {
    for kind in KINDS {
        let Some(agent) = Agent::boot(kind) else { return };
        assert_eq!(agent.effective(), vendors(kind));
        let _ = agent.call("verify").code(1);
        let pid = agent.main_pid();
        let _ = agent.call("install").success();
        assert_eq!(agent.effective(), OURS);
        assert_eq!((agent.main_pid(), agent.property("NRestarts")), (pid.clone(), "0".to_owned()));
        let _ = agent.call("verify").success();
        agent.run(&["stat", "-c", "%a %u %g", &kind.drop_in()]).success().stdout("644 0 0\n");
        agent.run(&["ls", "-A", &kind.beside("")]).stdout("restart.conf\n");
        let _ = agent.call("remove").success();
        assert_eq!((agent.effective(), agent.drop_ins()), (vendors(kind).map(str::to_owned), String::new()));
        assert_eq!(agent.main_pid(), pid);
        let _ = agent.call("verify").code(1);
        let _ = agent.call("remove").success();
    }
}

#[test]
fn the_drop_in_says_what_counted_before() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let _ = agent.call("install --restart-sec 20s").success();
    let first = agent.read(&Kind::Package.drop_in());
    assert!(first.contains("1min 30s"), "{first}");
    // The next run does not take its own values for the vendor's.
    let _ = agent.call("install").success();
    let second = agent.read(&Kind::Package.drop_in());
    assert_eq!(second, first.replace("RestartSec=20s", "RestartSec=10s"));
    assert_ne!(second, first);
}

#[test]
fn a_killed_agent_is_back_after_that_time_and_not_the_vendors() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let _ = agent.call("install --restart-sec 2s").success();
    let pid = agent.main_pid();
    let start = Instant::now();
    agent.kill();
    await_other(&agent, &pid);
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((agent.property("NRestarts").as_str(), agent.starts()), ("1", 2));
    agent.await_worker();
}

#[test]
fn verify_kills_it_and_tells_when_it_is_back() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    let _ = agent.call("install --restart-sec 1s").success();
    let pid = agent.main_pid();
    let _ = agent.call("verify --kill").success();
    assert_ne!(agent.main_pid(), pid);
    assert_eq!((agent.property("NRestarts").as_str(), agent.starts()), ("1", 2));
}

#[test]
fn verify_kills_nothing_that_would_stay_dead() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.drop_in("zz-other.conf", "[Service]\nRestart=no\n");
    let pid = agent.main_pid();
    let _ = agent.call("verify --kill").code(1);
    assert_eq!(agent.main_pid(), pid);
}

#[test]
fn verify_kills_nothing_while_a_command_runs() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let _ = agent.call("install --restart-sec 1s").success();
    let pid = agent.main_pid();
    agent.send_command("/root/long", "echo begun; exec sleep infinity\n");
    eventually("it runs", || agent.exists("/root/long.out") && agent.read("/root/long.out") == "begun\n");
    let _ = agent.call("verify --kill").code(1);
    assert_eq!(agent.main_pid(), pid);
    let _ = agent.call("verify").success();
}

#[test]
fn a_crash_loop_that_the_start_limit_would_end_goes_on() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    let _ = agent.call("install --restart-sec 300ms").success();
    agent.mode("exit 1");
    agent.kill();
    // Five within ten seconds is where systemd gives up.
    eventually("it is started again and again", || agent.starts() > 8);
    agent.mode("");
    agent.await_worker();
    agent.await_property("ActiveState", "active");
}

#[test]
fn an_agent_that_systemd_has_given_up_is_started_unless_told_not_to() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    tire(&agent);
    agent.mode("");
    let _ = agent.call("install --no-start");
    assert_eq!(agent.property("ActiveState"), "failed");
    assert_eq!(agent.effective(), OURS);
    let _ = agent.call("install").success();
    assert_eq!(agent.property("ActiveState"), "active");
    agent.await_worker();
}

#[test]
fn what_was_stopped_or_disabled_stays_so_unless_asked_for() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.run(&["systemctl", "disable", "--quiet", "--now", Kind::Package.unit()]).success();
    let _ = agent.call("install");
    assert_eq!(agent.effective(), OURS);
    let states = || (agent.property("ActiveState"), agent.property("UnitFileState"));
    assert_eq!(states(), ("inactive".to_owned(), "disabled".to_owned()));
    let _ = agent.call("install --start --enable").success();
    assert_eq!(states(), ("active".to_owned(), "enabled".to_owned()));
}

#[test]
fn a_second_run_changes_nothing() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let first = agent.call("install --json").success().json();
    let look = || agent.said(&["stat", "-c", "%i %y %z", &Kind::Package.drop_in()]).stdout;
    let before = look();
    let second = agent.call("install --json").success().json();
    assert_eq!(look(), before);
    assert_eq!((&first["changed"], &second["changed"]), (&true.into(), &false.into()));
}

#[test]
fn a_dry_run_changes_nothing_and_tells_what_it_would() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    agent.call("install --dry-run").success().says("RestartSec=10s");
    assert_eq!(
        (agent.effective(), agent.drop_ins()),
        (vendors(Kind::Snap).map(str::to_owned), String::new())
    );
    let _ = agent.call("install").success();
    let before = agent.drop_ins();
    let _ = agent.call("install --restart-sec 30s --dry-run").success();
    let _ = agent.call("remove --dry-run").success();
    assert_eq!((agent.effective(), agent.drop_ins()), (OURS.map(str::to_owned), before));
}

#[test]
fn a_drop_in_that_wins_is_named_and_the_state_before_is_back() {
    let unit = Kind::Package.beside("zz-other.conf");
    let common = "/etc/systemd/system/service.d/zzz.conf".to_owned();
    let prefix = "/etc/systemd/system/amazon-.service.d/zz.conf".to_owned();
    for (file, text) in [
        (&unit, "[Service]\nRestart=no\n"),
        (&common, "[Service]\nRestartSec=5min\n"),
        (&prefix, "[Unit]\nStartLimitIntervalSec=1min\n"),
    ] {
        let Some(agent) = Agent::boot(Kind::Package) else { return };
        for installed in [false, true] {
            if installed {
                let _ = agent.call("install").success();
            }
            agent.write(file, text, 0o644, "root:root");
            agent.reload();
            let before = (agent.effective(), agent.drop_ins());
            agent.call("install --restart-sec 15s").code(1).says(file);
            agent.call("verify").code(1).says(file);
            assert_eq!((agent.effective(), agent.drop_ins()), before);
            agent.run(&["rm", file]).success();
            agent.reload();
        }
    }
}

#[test]
fn a_drop_in_that_loses_or_that_systemd_cannot_read_does_not_matter() {
    for (file, text) in [
        (Kind::Package.beside("10-other.conf"), "[Service]\nRestart=no\nRestartSec=1min\n"),
        ("/etc/systemd/system/service.d/aaa.conf".to_owned(), "[Unit]\nStartLimitIntervalSec=1min\n"),
        (Kind::Package.beside("zz-bad.conf"), "[Service\nRestart=sometimes\n"),
        (Kind::Package.beside("zz-worse.conf"), "[Service]\nRestart=sometimes\nRestartSec=soon\n"),
        (Kind::Package.beside("zz-where.conf"), "[Service]\nStartLimitIntervalSec=1min\n"),
    ] {
        let Some(agent) = Agent::boot(Kind::Package) else { return };
        agent.write(&file, text, 0o644, "root:root");
        agent.reload();
        let before = agent.effective();
        let _ = agent.call("install").success();
        assert_eq!(agent.effective(), OURS, "{file}");
        let _ = agent.call("remove").success();
        assert_eq!(agent.effective(), before, "{file}");
        assert_eq!(agent.read(&file), text);
    }
}

#[test]
fn a_drop_in_made_by_hand_is_adopted_and_comes_back() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    for text in [
        "[Service]\nRestart=always\nRestartSec=30\n",
        "# by hand\n\n[Service]\nRestart=on-failure",
        "; by hand\n[Service]\n\tRestartSec = 20",
    ] {
        agent.drop_in("restart.conf", text);
        let before = agent.effective();
        agent.call("install").success().says(&Kind::Package.drop_in());
        assert_eq!(agent.effective(), OURS);
        let _ = agent.call("install --restart-sec 12s").success();
        let _ = agent.call("remove").success();
        let bytes = capture(agent.command(&["cat", &Kind::Package.drop_in()])).stdout;
        assert_eq!((bytes.as_slice(), agent.effective()), (text.as_bytes(), before), "{text:?}");
    }
}

#[test]
fn a_drop_in_with_other_settings_is_left_alone() {
    for text in [
        PROXY,
        "[Service]\nRestart=always\nWatchdogSec=30\n",
        "[Unit]\nAfter=network.target\n[Service]\nRestart=always\n",
    ] {
        let Some(agent) = Agent::boot(Kind::Package) else { return };
        agent.drop_in("restart.conf", text);
        let before = agent.drop_ins();
        for words in ["install", "install --dry-run"] {
            agent.call(words).code(1).says(&Kind::Package.drop_in());
        }
        let _ = agent.call("remove");
        assert_eq!(agent.drop_ins(), before);
    }
}

#[test]
fn what_is_no_file_of_root_s_is_neither_read_nor_replaced() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let file = Kind::Package.drop_in();
    agent.write("/root/other", "[Service]\nRestart=always\n", 0o644, "root:root");
    for make in
        ["ln -s /root/other \"$0\"", "mkdir \"$0\"", "printf '[Service]\\n' >\"$0\"; chmod 0777 \"${0%/*}\""]
    {
        agent.run(&["sh", "-ec", "rm -rf \"${0%/*}\"; mkdir \"${0%/*}\"", &file]).success();
        agent.run(&["sh", "-ec", make, &file]).success();
        agent.reload();
        let before = agent.said(&["stat", "-c", "%F %i %a %s", &file]).stdout;
        let _ = agent.call("install").code(1);
        assert_eq!(agent.said(&["stat", "-c", "%F %i %a %s", &file]).stdout, before, "{make}");
    }
}

#[test]
fn a_file_of_ours_that_others_can_write_is_left_alone() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let file = Kind::Package.drop_in();
    agent.user("alice");
    let _ = agent.call("install").success();
    for words in [["chmod", "0666"], ["chown", "alice"]] {
        agent.run(&[&words[..], &[&file]].concat()).success();
        let look = || agent.said(&["stat", "-c", "%i %a %U %s", &file]).stdout;
        let before = look();
        for call in ["install --restart-sec 20s", "remove", "verify"] {
            agent.call(call).code(1).says(&file);
        }
        assert_eq!(look(), before, "{words:?}");
        agent.run(&["chown", "root:root", &file]).success();
        agent.run(&["chmod", "0644", &file]).success();
    }
    let _ = agent.call("remove").success();
}

#[test]
fn an_override_with_proxy_settings_is_never_touched() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    agent.drop_in("override.conf", PROXY);
    for words in ["install", "install --restart-sec 20s", "remove"] {
        let _ = agent.call(words).success();
        assert_eq!(agent.read(&Kind::Snap.beside("override.conf")), PROXY);
        assert!(agent.property("Environment").contains("https_proxy="), "{words}");
    }
    agent.run(&["ls", "-A", &Kind::Snap.beside("")]).stdout("override.conf\n");
}

#[test]
fn an_agent_that_asked_for_a_reboot_is_not_started_again() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let _ = agent.call("install --restart-sec 100ms").success();
    assert_eq!(agent.property("RestartPreventExitStatus"), "194");
    agent.mode("exit 194");
    agent.kill();
    agent.await_property("ActiveState", "failed");
    agent.mode("");
    let _ = agent.call("install --restart-sec 100ms");
    assert_eq!((agent.property("ActiveState").as_str(), agent.starts()), ("failed", 2));
}

#[test]
fn an_absent_agent_and_its_left_drop_in() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    agent.drop_in("http-proxy.conf", PROXY);
    let _ = agent.call("install").success();
    agent.run(&["systemctl", "disable", "--quiet", "--now", Kind::Snap.unit()]).success();
    agent.run(&["rm", &Kind::Snap.fragment()]).success();
    agent.reload();
    let _ = agent.call("install").code(13);
    let _ = agent.call("verify").code(13);
    let _ = agent.call("remove").success();
    agent.run(&["ls", "-A", &Kind::Snap.beside("")]).stdout("http-proxy.conf\n");
    let _ = agent.call("install").code(4);
    let _ = agent.call("remove").success();
}

#[test]
fn of_two_agents_the_one_that_runs_is_meant_and_of_two_that_run_none() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.furnish(Kind::Snap);
    let _ = agent.call("install").success();
    assert_eq!(agent.effective(), OURS);
    assert_eq!(agent.property_of(Kind::Snap.unit(), "RestartUSec"), "100ms");
    agent.run(&["systemctl", "start", Kind::Snap.unit()]).success();
    agent.call("install --restart-sec 20s").code(1).says("--unit");
    let _ = agent.call(&format!("install --unit {}", Kind::Snap.unit())).success();
    assert_eq!(agent.property_of(Kind::Snap.unit(), "RestartUSec"), "10s");
    // Both are taken away, since both are ours.
    let _ = agent.call("remove").success();
    for kind in KINDS {
        assert_eq!(agent.property_of(kind.unit(), "RestartUSec"), kind.vendor_restart_sec());
    }
}

#[test]
fn a_unit_of_another_name_is_taken_by_its_name() {
    let Some(agent) = Agent::absent(Kind::Package) else { return };
    agent.unit("other-agent.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    agent.run(&["systemctl", "start", "other-agent"]).success();
    let _ = agent.call("install --unit other-agent.service").success();
    assert_eq!(agent.property_of("other-agent.service", "Restart"), "always");
    for name in ["other-agent", "../other-agent.service", "other-agent.socket"] {
        let _ = agent.said(&["ssm-keepalive", "install", "--unit", name]).code(2);
    }
    let _ = agent.call("remove --unit other-agent.service").success();
    assert_eq!(agent.property_of("other-agent.service", "Restart"), "no");
}

/// What a command says that restarts the agent that runs it.
fn restarted_from_inside(agent: &Agent) {
    let pid = agent.main_pid();
    agent.send_command("/root/install", "ssm-keepalive install --restart; echo $? >/root/status; sleep 1\n");
    eventually("the script is over", || agent.exists("/root/install.ended"));
    assert_eq!(
        (agent.read("/root/status").as_str(), agent.read("/root/install.ended").as_str()),
        ("0\n", "0\n")
    );
    await_other(agent, &pid);
    agent.await_worker();
    assert_eq!((agent.effective(), agent.starts()), (OURS.map(str::to_owned), 2));
}

#[test]
fn a_run_command_survives_the_restart_that_it_asks_for() {
    for mode in ["process", "control-group"] {
        let Some(agent) = Agent::boot(Kind::Package) else { return };
        agent.drop_in("10-kill.conf", &format!("[Service]\nKillMode={mode}\n"));
        restarted_from_inside(&agent);
    }
}

#[test]
fn a_restart_that_is_due_already_is_not_asked_for_twice() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let pid = agent.main_pid();
    let _ = agent.call("install --restart").success();
    let _ = agent.call("install --restart").success();
    await_other(&agent, &pid);
    agent.await_worker();
    assert_eq!(agent.starts(), 2);
}

#[test]
fn a_reboot_keeps_it() {
    let Some(mut agent) = Agent::boot(Kind::Package) else { return };
    let _ = agent.call("install").success();
    agent.reboot();
    agent.await_worker();
    assert_eq!(agent.effective(), OURS);
    let _ = agent.call("verify").success();
    let _ = agent.call("status").success();
}

#[test]
fn an_image_gets_the_file_and_systemd_is_not_asked() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let image = "/srv/image";
    let file = format!("{image}{}", Kind::Snap.drop_in());
    agent.run(&["mkdir", "-p", image]).success();
    let install = format!("install --root {image} --json");
    let _ = agent.call(&install).code(4);
    agent.write(
        &format!("{image}{}", Kind::Snap.fragment()),
        "[Service]\nExecStart=/bin/true\n",
        0o644,
        "root:root",
    );
    let said = agent.call(&install).success().json();
    assert_eq!(said["proven"], false, "{said}");
    assert!(agent.read(&file).contains("\nRestartSec=10s\n"));
    assert_eq!(
        (agent.effective(), agent.drop_ins()),
        (vendors(Kind::Package).map(str::to_owned), String::new())
    );
    let _ = agent.call(&format!("remove --root {image}")).success();
    assert!(!agent.exists(&file));
    // A link of the image's leads nowhere outside of it.
    let folder = format!("{image}{}", Kind::Snap.beside(""));
    agent
        .run(&[
            "sh",
            "-ec",
            "mkdir -p /srv/outside; rm -rf \"${0%/}\"; ln -s /srv/outside \"${0%/}\"",
            &folder,
        ])
        .success();
    let _ = agent.call(&install);
    agent.run(&["ls", "-A", "/srv/outside"]).stdout("");
}

#[test]
fn print_shows_what_install_would_set() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let printed = agent.call("print --restart-sec 65s").success();
    for line in ["[Unit]", "StartLimitIntervalSec=0", "[Service]", "Restart=always"] {
        assert!(printed.stdout.lines().any(|other| other == line), "{line}: {printed:?}");
    }
    assert_eq!(agent.drop_ins(), "");
    // systemd takes it as it is.
    agent.drop_in("restart.conf", &printed.stdout);
    assert_eq!(agent.effective(), ["always", "1min 5s", "0"]);
    let _ = agent.call("verify");
}

#[test]
fn without_systemd_there_is_nobody_to_bring_it_back() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let hidden = "mount -t tmpfs none /run && exec ssm-keepalive \"$@\"";
    for words in [&["install"][..], &["status"], &["verify"], &["remove"]] {
        let said =
            Said::of(agent.command(&[&["unshare", "--mount", "sh", "-c", hidden, "sh"], words].concat()));
        said.code(3).says("systemd");
    }
    assert_eq!(agent.drop_ins(), "");
}

#[test]
fn only_root_changes_anything() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.user("alice");
    for words in ["install", "remove", "verify --kill"] {
        let words: Vec<&str> = ["ssm-keepalive"].into_iter().chain(words.split(' ')).collect();
        Said::of(agent.command_as("alice", &words)).code(1).says("root");
    }
    assert_eq!(agent.drop_ins(), "");
}

#[test]
fn words_that_are_no_request_end_with_2() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    for words in [
        "install --restart-sec soon",
        "install --restart-sec 0",
        "install --restart-sec 2h",
        "install --start --no-start",
        "install --unit /etc/passwd",
        "frobnicate",
        "verify --root /srv",
    ] {
        let _ = agent.call(words).code(2);
    }
    assert_eq!(agent.drop_ins(), "");
}

#[test]
fn the_readme_s_recipe_works() {
    let fence = "\n```bash keepalive\n";
    let block = include_str!("../README.md").split_once(fence).and_then(|(_, rest)| rest.split_once("```"));
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let pid = agent.main_pid();
    let _ = agent.said(&["bash", "-ec", block.expect("README.md has the block").0]).success();
    assert_ne!(agent.main_pid(), pid, "it was killed, and came back");
    assert_eq!(
        (agent.effective(), agent.drop_ins()),
        (vendors(Kind::Package).map(str::to_owned), String::new())
    );
}
