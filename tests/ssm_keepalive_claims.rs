//! What ssm-keepalive says of itself, and what its watch makes of processes that are not what they seem.

use std::collections::BTreeSet;

use bed::agent::{Agent, Kind, Said};
use bed::aws::{Aws, Cli};
use bed::manual::{codes, literals};
use bed::ssm::{Behaviour, Endpoint, Node, Operation};
use bed::{eventually, program};
use serde_json::{Value, json};

const MAN_PAGE: &str = include_str!("../ssm-keepalive/ssm-keepalive.8");
const EXITS: &str = include_str!("../ssm-keepalive/src/exit.rs");
const HIBERNATE_LOG: &str = "/var/log/amazon/ssm/hibernate.log";
/// Ten minutes later.
const LATER: [&str; 6] = ["unshare", "--fork", "--time", "--monotonic", "600", "ssm-keepalive"];

/// The section of the manual.
fn section(name: &str) -> &'static str {
    let (_, rest) = MAN_PAGE.split_once(&format!(".Sh {name}\n")).expect("a section");
    rest.split("\n.Sh ").next().expect("its text")
}

#[test]
fn each_code_and_each_exit_status_stands_in_the_manual() {
    let mut found = codes("ssm-keepalive");
    // A warning, which has no object.
    found.remove("odd-instance");
    assert!(found.len() > 40, "{found:?}");
    let known = literals(MAN_PAGE);
    let missing: Vec<&String> = found.iter().filter(|code| !known.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let numbers = |text: &'static str, before: &'static str| -> BTreeSet<u8> {
        text.lines()
            .filter_map(|line| line.split_once(before)?.1.trim_end_matches(',').parse().ok())
            .collect()
    };
    assert_eq!(numbers(EXITS, " = "), numbers(section("EXIT STATUS"), ".It "));
}

/// All keys of an object, and of those in it.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        found.insert(key.clone());
        // What counted before is named as systemd has it.
        if key != "before" {
            keys(value, found);
        }
    }
}

#[test]
fn what_a_call_tells_programs_stands_in_the_manual_and_an_adoption_is_said() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    // The values alone are no proof that they are ours.
    agent.drop_in("10-limit.conf", "[Unit]\nStartLimitIntervalSec=0\n");
    agent.drop_in("restart.conf", "[Service]\nRestart=always\nRestartSec=10s\n");
    assert_eq!(agent.effective(), ["always", "10s", "0"]);
    assert_eq!(agent.call("verify --json").code(1).json()["code"], "hand-made");
    let mut found = BTreeSet::new();
    let mut told = |words: &str| {
        let object = agent.call(&format!("{words} --json")).success().json();
        keys(&object, &mut found);
        object
    };
    told("install --watch --dry-run");
    let installed = told("install --watch --restart-sec 1s");
    assert_eq!((&installed["adopted"], &installed["proven"]), (&true.into(), &true.into()));
    assert_eq!(installed["before"]["RestartUSec"], "10s");
    assert_eq!(agent.property("WatchdogUSec"), "0", "it notifies nobody");
    let service = "ssm-keepalive-watch.service";
    assert_eq!(agent.property_of(service, "StartLimitIntervalUSec"), "0", "it may look each second");
    told("status");
    let pid = agent.main_pid();
    let killed = told("verify --kill");
    let number = |text: &str| -> Value { text.parse::<i32>().expect("a pid").into() };
    assert_eq!((&killed["killed_pid"], &killed["main_pid"]), (&number(&pid), &number(&agent.main_pid())));
    assert!(killed["seconds"].as_f64().is_some_and(|seconds| (1.0..31.0).contains(&seconds)), "{killed}");
    told("watch");
    told("remove --dry-run");
    told("remove");
    let known = literals(MAN_PAGE);
    let missing: Vec<&String> = found.iter().filter(|key| !known.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_run_command_survives_under_each_kill_mode_and_the_restart_is_on_time() {
    for mode in ["mixed", "none"] {
        let Some(agent) = Agent::boot(Kind::Package) else { return };
        agent.drop_in("10-kill.conf", &format!("[Service]\nKillMode={mode}\n"));
        let pid = agent.main_pid();
        let script = "ssm-keepalive install --restart; echo $? >/root/status; \
                      systemctl show -p AccuracyUSec ssm-keepalive-restart.timer >>/root/status; sleep 1\n";
        agent.send_command("/root/install", script);
        eventually("the script is over", || agent.exists("/root/install.ended"));
        assert_eq!(agent.read("/root/status"), "0\nAccuracyUSec=100ms\n", "{mode}");
        eventually("it is restarted", || !["0", &pid].contains(&agent.main_pid().as_str()));
        agent.await_worker();
    }
}

#[test]
fn who_may_not_read_the_logs_is_told_what_that_leaves_open() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.write(HIBERNATE_LOG, "asleep\n", 0o600, "root:root");
    agent.user("alice");
    assert_eq!(agent.call("status --json").code(11).json()["warnings"], json!([]));
    let said = Said::of(agent.command_as("alice", &["ssm-keepalive", "status", "--json"])).success();
    assert_eq!(said.json()["warnings"], json!(["logs-unread"]));
}

/// Runs `script` below the agent with its programs in /opt: shells, of names such as the agent's have.
fn below(agent: &Agent, script: &str) {
    let names = "mkdir -p /opt/x; for name in ssm-agent-worker ssm-document-worker ssm-session-worker; do \
                 cp -L /bin/sh /opt/x/$name; done; ";
    agent.send_command("/root/start", &format!("{names}{script}\n"));
    eventually("it has begun", || agent.exists("/root/start.ended"));
}

#[test]
fn what_somebody_else_runs_below_the_agent_is_neither_its_worker_nor_its_work() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let as_nobody = "setsid --fork setpriv --reuid 65534 --regid 65534 --clear-groups";
    let run = |name: &str| format!("/opt/x/{name} -c 'sleep infinity; :' </dev/null >/dev/null 2>&1");
    below(
        &agent,
        &format!(
            "{as_nobody} {}; {as_nobody} {}; setsid --fork {}",
            run("ssm-agent-worker"),
            run("ssm-document-worker"),
            run("ssm-session-worker")
        ),
    );
    let busy = || agent.call("status --json").json()["busy_workers"].clone();
    eventually("but the session of root's is", || busy() == 1);
    agent.mode("asleep");
    agent.run(&["systemctl", "restart", Kind::Package.unit()]).success();
    agent.said(&[&LATER[..], &["status"]].concat()).code(11).says("ssm-agent-worker");
    agent.run(&["pkill", "-f", "^/opt/x/ssm-session-worker"]).success();
    eventually("it has ended", || busy() == 0);
}

#[test]
fn a_command_that_the_watch_cannot_see_is_not_taken_for_none() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.write(HIBERNATE_LOG, "asleep\n", 0o600, "root:root");
    agent.send_command("/root/long", "echo begun; exec sleep infinity\n");
    eventually("it runs", || agent.exists("/root/long.out") && agent.read("/root/long.out") == "begun\n");
    let pid = agent.main_pid();
    // As a host may have it in /etc/fstab; who has no capability does not look behind it.
    agent.run(&["mount", "-o", "remount,hidepid=2,gid=12345", "/proc"]).success();
    let bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    let watch = ["ssm-keepalive", "watch", "--asleep-for", "1s", "--json"];
    let why = || {
        let said = agent.said(&[&bare[..], &watch].concat()).success().json();
        assert_eq!(agent.main_pid(), pid, "{said}");
        said["why"].clone()
    };
    assert_eq!(why(), "not-long-enough");
    eventually("it is due", || why() == "unknown-workers");
    assert!(!agent.exists("/root/long.ended"));
}

#[test]
fn limits_of_a_rollout_reach_aws_and_end_it() {
    let endpoint = Endpoint::start();
    let aws = Aws::new(Cli::Debian, &endpoint.url());
    for number in 1..=60 {
        endpoint.add(Node::without_machine(&format!("i-{number:08}"), [Behaviour::claims(1, "", "no")]));
    }
    let ours = program("ssm-keepalive");
    let words = "deploy --all-online --max-concurrency 3 --document-timeout 77 --unit x.service --json";
    let words = [&[ours.to_str().expect("UTF-8")][..], &words.split(' ').collect::<Vec<_>>()].concat();
    let said = Said::of(aws.command(&words)).code(1);
    let last = said.json();
    assert_eq!((&last["instance"], &last["code"]), (&"i-00000060".into(), &"not-tried".into()));
    assert_eq!(last["agent_version"], "3.3.1611.0");
    let sent = endpoint.calls_of(Operation::SendCommand);
    assert_eq!(sent.len(), 1, "one after another, and no other after a failure");
    let body = &sent[0].body;
    assert_eq!((&body["MaxConcurrency"], &body["MaxErrors"]), (&"3".into(), &"0".into()));
    assert_eq!(body["Parameters"]["executionTimeout"], json!(["77"]));
    assert!(body["Parameters"]["commands"].to_string().contains("x.service"));
}
