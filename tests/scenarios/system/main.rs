//! The whole system, once: hosts that have nothing but the packages are set up by README.md's quick start, word for
//! word, and a scripted agent does there what it may, and tries what it may not.

mod hosts;
mod records;
mod tricks;

use assert_cmd::assert::OutputAssertExt;
use bed::readme::block;
use bed::{Host, capture, eventually};
use hosts::{AGENT, System};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

/// Leaves what it can behind: sessions and groups of its own, children of no parent, signals ignored.
const LINGERS: &str = r#"#!/bin/bash
trap '' TERM INT HUP
setsid sleep infinity &
nohup setsid --fork sleep infinity
(set -m; (sleep infinity & ) & )
echo started
exec sleep infinity
"#;

#[test]
fn a_host_is_made_from_the_packages_and_an_agent_gets_what_it_may_and_no_more() {
    let Some(system) = System::boot() else { return };
    system.provision();
    an_agent_works(&system);
    records::what_was_asked_for(&system.web1);
    the_way_in_stays_open(&system);
    a_cancel_ends_all_of_it(&system);
    another_host_is_brought_in(&system);
    records::runs_and_the_way_in(&system.web1);
    tricks::work_for_root(&system.web1);
}

/// A run that does what README.md shows, after it has tried everything else.
fn an_agent_works(system: &System) {
    system.agent(&tricks::script(block("bash quick agent")));
    let command = system.run();
    alice_approves(system);
    let said = system.outcome(&command);
    assert_eq!((&said["Status"], &said["ResponseCode"]), (&"Success".into(), &0.into()), "{said}");
    let log = system.web1.read("/var/lib/agent-runs/run.log");
    let (tried, done) = log.split_once("now README.md\n").unwrap_or_else(|| panic!("{log}"));
    tricks::got_nothing(tried, &log);
    let lines: Vec<&str> = done.lines().collect();
    let [restarted, refused, waits, installed, signed_in] = lines[..] else { panic!("{log}") };
    let answer =
        |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(
        (&answer(restarted)["op"], &answer(restarted)["active"]),
        (&"service restart nginx".into(), &true.into())
    );
    assert_eq!(answer(refused)["code"], "denied", "{refused}");
    assert!(waits.contains(": sudo sudo-helper approve "), "{waits}");
    assert_eq!(answer(installed)["plan"], serde_json::json!(["install docker.io 20.10"]), "{installed}");
    assert_eq!(signed_in, "deploy");
    system.web1.run(&["dpkg-query", "-W", "docker.io"]).success().stdout("docker.io\t20.10\n");
    system.web1.run(&["systemctl", "is-active", "nginx", "ssh"]).success();
    system.web1.run(&["stat", "-c", "%U %a", "/var/lib/agent-runs/run.log"]).success().stdout("root 600\n");
    assert_eq!(system.web1.read("/var/lib/agent-runs/run.status"), "0\n");
}

/// One request waits since the agent could not approve it itself, and the other is that of README.md.
fn alice_approves(system: &System) {
    let alice =
        |text: &str| String::from_utf8_lossy(&system.alice(text).success().get_output().stdout).into_owned();
    let log = || system.web1.read("/var/lib/agent-runs/run.log");
    eventually("the request waits", || log().contains(": sudo sudo-helper approve "));
    let pending = alice("sudo sudo-helper pending");
    let pending = serde_json::from_str::<Value>(&pending).expect("JSON")["pending"].clone();
    let [own, request] = &pending.as_array().expect("a list")[..] else { panic!("{pending}") };
    assert_eq!((&own["op"], &own["state"]), (&request["op"], &request["state"]), "{pending}");
    let id = request["id"].as_str().expect("an id");
    alice(&block("bash quick approve").replace("approve ID", &format!("approve {id}")));
}

/// The SSM agent is back after it was killed, and takes the next order.
fn the_way_in_stays_open(system: &System) {
    let before = system.web1.main_pid();
    system.web1.kill();
    eventually("systemd starts the agent again", || {
        ![before.as_str(), "0"].contains(&system.web1.main_pid().as_str())
    });
    system.web1.await_worker();
    system.web1.run(&["ssm-keepalive", "status"]).success();
    system.web1.run(&["systemctl", "is-active", "ssm-keepalive-watch.timer"]).success();
}

/// What SSM kills when a command is cancelled misses what has a group of its own; all of it ends.
fn a_cancel_ends_all_of_it(system: &System) {
    system.agent(LINGERS);
    let command = system.run();
    eventually("the agent has started", || {
        system.web1.read("/var/lib/agent-runs/run.log").contains("started\n")
            && system.processes_of_the_agent() >= 4
    });
    let cancel = block("bash quick cancel").replace("command-id ID", &format!("command-id {command}"));
    capture(system.desk(&cancel)).assert().success();
    eventually("no process of the agent's is left", || system.processes_of_the_agent() == 0);
    assert_eq!(system.outcome(&command)["Status"], "Cancelled");
    // What is not of the run goes on.
    let sign_in = ["env", "HOME=/home/ai-agent", "ssh", "build", "id -un"];
    system.web1.run_as(AGENT, &sign_in).success().stdout("deploy\n");
}

/// web2, from web1, by its administrator.
fn another_host_is_brought_in(system: &System) {
    system.may_not(&system.web2);
    system.alice(block("bash quick cluster")).success().stdout(contains("web2").and(contains("installed")));
    let list = |host: &Host| {
        let said = host.run_as(AGENT, &["sudo", "-n", "sudo-helper", "list"]).success();
        serde_json::from_slice::<Value>(&said.get_output().stdout).expect("JSON")["operations"].clone()
    };
    assert!(list(&system.web2).is_array(), "{}", list(&system.web2));
    assert_eq!(list(&system.web2), list(&system.web1), "the same policy");
    system.may_not(&system.web2);
}
