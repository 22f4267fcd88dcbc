//! ssm-keepalive deploy and fleet-status, through the real `aws`, on hosts with real systemd.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::Duration;

use bed::agent::{Agent, Kind, Said};
use bed::aws::{Aws, Cli, Moto};
use bed::ssm::{Behaviour, End, Endpoint, Fault, Node, Operation, Ping, Platform, REGION};
use bed::{Running, Terminal, eventually, program, tool};
use serde_json::Value;

const ONE: &str = "i-0123456789abcdef0";
const TWO: &str = "mi-0123456789abcdef1";
const OURS: [&str; 3] = ["always", "10s", "0"];

/// An operator, and AWS.
struct Fleet {
    endpoint: Endpoint,
    aws: Aws,
}

impl Fleet {
    fn new(cli: Cli) -> Self {
        let endpoint = Endpoint::start();
        let aws = Aws::new(cli, &endpoint.url());
        Self { endpoint, aws }
    }

    /// With one host on which commands run.
    fn with_host(cli: Cli) -> Option<(Self, Arc<Agent>)> {
        let agent = Arc::new(Agent::boot(Kind::Package)?);
        let fleet = Self::new(cli);
        fleet.endpoint.add(Node::host(ONE, &agent));
        Some((fleet, agent))
    }

    fn call(&self, words: &str) -> Said {
        let program = program("ssm-keepalive");
        let program = program.to_str().expect("UTF-8");
        Said::of(self.aws.command(&[&[program], &words.split(' ').collect::<Vec<_>>()[..]].concat()))
    }

    fn calls(&self, operation: Operation) -> usize {
        self.endpoint.calls_of(operation).len()
    }
}

/// The objects of `--json`, by instance.
fn rows(said: &Said) -> BTreeMap<String, Value> {
    let object = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {said:?}"))
    };
    let rows = said.stdout.lines().map(object);
    rows.map(|row| (row["instance"].as_str().expect("an instance").to_owned(), row)).collect()
}

/// The word of each row.
fn codes(said: &Said) -> BTreeMap<String, String> {
    let word = |row: &Value| row["code"].as_str().expect("a word").to_owned();
    rows(said).iter().map(|(id, row)| (id.clone(), word(row))).collect()
}

fn expected<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(id, code)| (id.to_owned(), code.to_owned())).collect()
}

#[test]
fn both_agents_are_proven_and_the_vendors_values_are_back_after_removal() {
    let (Some(package), Some(snap)) = (Agent::boot(Kind::Package), Agent::boot(Kind::Snap)) else { return };
    let hosts = [(ONE, Arc::new(package)), (TWO, Arc::new(snap))];
    let fleet = Fleet::new(Cli::Debian);
    for (id, agent) in &hosts {
        fleet.endpoint.add(Node::host(id, agent).tag("role", "web"));
    }
    let before: Vec<[String; 3]> = hosts.iter().map(|(_, agent)| agent.effective()).collect();
    let pids: Vec<String> = hosts.iter().map(|(_, agent)| agent.main_pid()).collect();

    let status = fleet.call("fleet-status --all-online --json").code(1);
    assert_eq!(codes(&status), expected([(ONE, "not-installed"), (TWO, "not-installed")]));
    let done = fleet.call("deploy --targets Key=tag:role,Values=web --json").success();
    assert_eq!(codes(&done), expected([(ONE, "installed"), (TWO, "installed")]));
    for (id, agent) in &hosts {
        assert_eq!(agent.effective(), OURS);
        let row = &rows(&done)[*id];
        assert_eq!((&row["restart"], &row["restart_sec"]), (&"always".into(), &"10s".into()));
        let _ = agent.call("verify").success();
    }
    // One command for both, one for the proof, and nothing that asks host by host.
    assert_eq!((fleet.calls(Operation::SendCommand), fleet.calls(Operation::GetCommandInvocation)), (3, 0));
    let again = fleet.call("deploy --all-online").success();
    assert_eq!(again.stdout.lines().last(), Some("2 instances: 2 unchanged"), "{again:?}");
    let status = fleet.call("fleet-status --all-online").success();
    status.says("Online").says("/amazon-ssm-agent.service.d/restart.conf");
    let other = fleet.call("deploy --all-online --restart-sec 65s --json").success();
    assert_eq!(codes(&other), expected([(ONE, "installed"), (TWO, "installed")]));
    let gone = fleet.call("deploy --all-online --remove --json").success();
    assert_eq!(codes(&gone), expected([(ONE, "removed"), (TWO, "removed")]));
    let after: Vec<[String; 3]> = hosts.iter().map(|(_, agent)| agent.effective()).collect();
    assert_eq!(after, before);
    // No agent was restarted by any of it.
    let later: Vec<String> = hosts.iter().map(|(_, agent)| agent.main_pid()).collect();
    assert_eq!(later, pids);
}

#[test]
fn version_1_of_the_cli_does_as_well() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::V1) else { return };
    let done = fleet.call(&format!("deploy --instance-ids {ONE} --json")).success();
    assert_eq!((codes(&done), agent.effective()), (expected([(ONE, "installed")]), OURS.map(str::to_owned)));
    let row = &rows(&fleet.call("fleet-status --all-online --json").success())[ONE];
    assert_eq!((&row["code"], &row["ping"]), (&"proven".into(), &"Online".into()));
    assert!(row["last_ping"].as_str().is_some_and(|time| time.ends_with('Z')), "{row}");
    assert!(row["winner"].as_str().is_some_and(|file| file.ends_with("/restart.conf")), "{row}");
}

#[test]
fn what_cannot_be_reached_is_told_and_not_sent() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::Debian) else { return };
    let [lost, windows, unknown] = ["i-00000001", "i-00000002", "i-00000003"];
    fleet.endpoint.add(Node::without_machine(lost, [Behaviour::default()]).ping(Ping::ConnectionLost));
    fleet.endpoint.add(Node::without_machine(windows, [Behaviour::default()]));
    fleet.endpoint.change(windows, |node| node.platform = Platform::Windows);
    let ids = format!("--instance-ids {ONE} {lost} {windows} {unknown} --json");
    let words =
        [(ONE, "would-ask"), (lost, "not-online"), (windows, "not-linux"), (unknown, "unknown-instance")];
    let dry = fleet.call(&format!("deploy --dry-run {ids}")).code(1);
    assert_eq!((codes(&dry), fleet.calls(Operation::SendCommand)), (expected(words), 0));
    let done = fleet.call(&format!("deploy {ids}")).code(1);
    assert_eq!(
        codes(&done),
        expected(words.map(|(id, code)| (id, if id == ONE { "installed" } else { code })))
    );
    assert_eq!(agent.effective(), OURS);
    for call in fleet.endpoint.calls_of(Operation::SendCommand) {
        assert_eq!(call.instances(), [ONE]);
    }
    let status = fleet.call(&format!("fleet-status --json --instance-ids {ONE} {lost}")).code(1);
    assert_eq!(codes(&status), expected([(ONE, "proven"), (lost, "not-online")]));
    let _ = fleet.call("deploy --targets Key=tag:role,Values=nobody --json").code(1).says("no-instances");
}

#[test]
fn a_host_that_says_that_it_is_done_is_asked_again() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::Debian) else { return };
    let Some(other) = Agent::boot(Kind::Package).map(Arc::new) else { return };
    let liar = Behaviour::ends(End::RanBy(ONE.to_owned()));
    fleet.endpoint.add(Node::host(TWO, &other).behaves([liar, Behaviour::default()]));
    let done = fleet.call("deploy --all-online --json").code(1);
    assert_eq!(codes(&done), expected([(ONE, "installed"), (TWO, "not-proven")]));
    assert_eq!(agent.effective(), OURS);
    assert_ne!(other.effective(), OURS);
    assert!(rows(&done)[TWO]["error"].as_str().is_some_and(|why| why.contains("not-installed")), "{done:?}");
}

#[test]
fn the_drop_in_that_wins_is_named_and_nothing_is_left_there() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::Debian) else { return };
    agent.drop_in("zz-site.conf", "[Service]\nRestart=no\n");
    let before = (agent.effective(), agent.drop_ins());
    let said = fleet.call("deploy --all-online --json").code(1);
    let row = &rows(&said)[ONE];
    assert_eq!((&row["code"], &row["restart"]), (&"not-effective".into(), &"no".into()));
    assert!(row["winner"].as_str().is_some_and(|file| file.ends_with("/zz-site.conf")), "{row}");
    assert_eq!((agent.effective(), agent.drop_ins()), before);
    assert_eq!(fleet.calls(Operation::SendCommand), 1, "there is nothing to prove");
}

#[test]
fn an_agent_that_has_died_is_told_and_no_other_waits_for_it() {
    let (Some(alive), Some(dead)) = (Agent::boot(Kind::Package), Agent::boot(Kind::Snap)) else { return };
    let [alive, dead] = [alive, dead].map(Arc::new);
    let fleet = Fleet::new(Cli::Debian);
    fleet.endpoint.add(Node::host(ONE, &alive));
    // Systems Manager believes for some minutes that it is online.
    let soon = Behaviour { delivery_timeout: Some(Duration::from_secs(2)), ..Behaviour::default() };
    fleet.endpoint.add(Node::host(TWO, &dead).behaves([soon]));
    dead.run(&["systemctl", "stop", Kind::Snap.unit()]).success();
    eventually("nobody takes commands there", || !dead.takes_commands());
    let said = fleet.call("deploy --all-online --json").code(1);
    assert_eq!(codes(&said), expected([(ONE, "installed"), (TWO, "delivery-timed-out")]));
    assert_eq!(alive.effective(), OURS);
    dead.run(&["systemctl", "start", Kind::Snap.unit()]).success();
    dead.await_worker();
    let said = fleet.call("deploy --all-online --json").success();
    assert_eq!(codes(&said), expected([(ONE, "unchanged"), (TWO, "installed")]));
}

#[test]
fn every_way_in_which_a_command_ends_is_told_apart() {
    let fleet = Fleet::new(Cli::Debian);
    let ends = [
        ("i-00000001", Behaviour::claims(7, "", "sh: 1: broken"), "failed"),
        ("i-00000002", Behaviour::claims(0, "all done\n", ""), "no-answer"),
        ("i-00000003", Behaviour::ends(End::ExecutionTimedOut), "execution-timed-out"),
        ("i-00000004", Behaviour::ends(End::DeliveryTimedOut), "delivery-timed-out"),
        ("i-00000005", Behaviour::ends(End::Undeliverable), "undeliverable"),
        ("i-00000006", Behaviour::ends(End::Cancelled), "cancelled"),
        ("i-00000007", Behaviour::ends(End::Terminated), "terminated"),
    ];
    for (id, behaviour, _) in ends.clone() {
        let behaviour = Behaviour { delivery_timeout: Some(Duration::from_millis(100)), ..behaviour };
        fleet.endpoint.add(Node::without_machine(id, [behaviour]));
    }
    let said = fleet.call("deploy --all-online --json").code(1);
    let words: BTreeMap<String, String> =
        ends.iter().map(|(id, _, code)| ((*id).to_owned(), (*code).to_owned())).collect();
    assert_eq!(codes(&said), words);
}

#[test]
fn what_is_late_hidden_or_cut_is_still_heard() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::Debian) else { return };
    let late = Behaviour { unseen: 3, pending: Duration::from_millis(500), ..Behaviour::default() };
    // So much around the answer that the list does not show it; get-command-invocation does.
    let hidden = Behaviour::noise(&"x".repeat(5000), &"y\n".repeat(2500));
    fleet.endpoint.change(ONE, |node| node.behaviours = vec![late, hidden]);
    fleet.endpoint.fault(Operation::ListCommandInvocations, Fault::throttled(), 1);
    fleet.endpoint.fault(Operation::SendCommand, Fault::server_error(), 1);
    let done = fleet.call("deploy --all-online --json").success();
    assert_eq!((codes(&done), agent.effective()), (expected([(ONE, "installed")]), OURS.map(str::to_owned)));
    assert_eq!(fleet.calls(Operation::GetCommandInvocation), 1);
    // Where not even that has it, nothing is taken for done.
    fleet.endpoint.change(ONE, |node| node.behaviours = vec![Behaviour::noise(&"x".repeat(40_000), "")]);
    let lost = fleet.call("fleet-status --all-online --json").code(1);
    assert!(["no-answer", "answer-cut"].contains(&codes(&lost)[ONE].as_str()), "{lost:?}");
}

#[test]
fn a_fleet_is_asked_fifty_at_a_time_and_one_that_aws_refuses_does_not_hold_up_the_others() {
    let Some((fleet, _agent)) = Fleet::with_host(Cli::Debian) else { return };
    for number in 1..60 {
        fleet.endpoint.add(Node::like(&format!("i-{number:08}"), ONE));
    }
    let said = fleet.call("deploy --all-online --json").success();
    assert!(rows(&said).len() == 60 && rows(&said).values().all(|row| row["success"] == true), "{said:?}");
    let mut sizes: Vec<usize> =
        fleet.endpoint.calls_of(Operation::SendCommand).iter().map(|call| call.instances().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [10, 10, 50, 50]);
    assert_eq!(fleet.calls(Operation::GetCommandInvocation), 0);
    fleet.endpoint.change("i-00000002", |node| node.refused = true);
    let said = fleet
        .call(&format!("fleet-status --json --instance-ids {ONE} i-00000001 i-00000002 i-00000003"))
        .code(1);
    let proven = [(ONE, "proven"), ("i-00000001", "proven"), ("i-00000003", "proven")];
    let refused = [("i-00000002".to_owned(), "aws-invalid-instance".to_owned())];
    assert_eq!(codes(&said), expected(proven).into_iter().chain(refused).collect());
}

#[test]
fn after_too_many_failures_of_all_no_other_is_begun_with() {
    let Some((fleet, _agent)) = Fleet::with_host(Cli::Debian) else { return };
    for number in 1..=60 {
        let id = format!("i-{number:08}");
        let bad = number <= 2;
        let node = if bad {
            Node::without_machine(&id, [Behaviour::claims(1, "", "no")])
        } else {
            Node::like(&id, ONE)
        };
        fleet.endpoint.add(node);
    }
    let said = fleet.call("deploy --all-online --max-errors 3 --json").code(1);
    let failed = rows(&said).into_iter().filter(|(_, row)| row["success"] == false);
    let failed: Vec<String> = failed.map(|(id, _)| id).collect();
    assert_eq!(failed, ["i-00000001", "i-00000002"]);
    let limits = || -> Vec<Value> {
        let sent = fleet.endpoint.calls_of(Operation::SendCommand);
        sent.iter().map(|call| call.body["MaxErrors"].clone()).collect()
    };
    // Two of three are used up; the proof leaves nobody out.
    assert_eq!(limits()[..2], ["3", "1"]);
    fleet.endpoint.forget_calls();
    let said = fleet.call("deploy --all-online --max-errors 1 --json").code(1);
    assert_eq!((codes(&said)["i-00000060"].as_str(), limits()[0].as_str()), ("not-tried", Some("1")));
}

/// A rollout to one instance that never answers, both outputs in one; it is under way.
fn under_way(fleet: &Fleet, before: &str) -> Running {
    fleet.endpoint.add(Node::without_machine(ONE, [Behaviour::ends(End::Silent)]));
    let program = program("ssm-keepalive");
    let script = format!("{before} exec \"$@\" 2>&1");
    let words = [program.to_str().expect("UTF-8"), "deploy", "--all-online", "--json", "--region", REGION];
    let running = Running::start(fleet.aws.command(&[&["sh", "-c", &script, "sh"], &words[..]].concat()));
    eventually("it looks", || fleet.calls(Operation::ListCommandInvocations) > 0);
    running
}

#[test]
fn ctrl_c_tells_what_is_under_way_and_how_to_look_again() {
    let fleet = Fleet::new(Cli::Debian);
    let running = under_way(&fleet, "");
    running.signal(libc::SIGINT);
    let lines = running.rest();
    assert!(lines[0].contains("a second signal ends it at once"), "{lines:?}");
    let row: Value = serde_json::from_str(&lines[1]).unwrap_or_else(|error| panic!("{error}: {lines:?}"));
    let command = row["commands"][0].as_str().expect("a command");
    assert_eq!((&row["code"], &row["instance"]), (&"in-flight".into(), &ONE.into()));
    let again = format!("list-command-invocations --details --command-id {command} --region '{REGION}'");
    assert!(lines[2].contains(&again), "{lines:?}");
    assert_eq!(running.status(), 130);
}

#[test]
fn a_second_signal_ends_it_at_once_and_a_signal_that_is_ignored_does_not() {
    let fleet = Fleet::new(Cli::Debian);
    let running = under_way(&fleet, "trap '' HUP;");
    let looks = fleet.calls(Operation::ListCommandInvocations);
    running.signal(libc::SIGHUP);
    eventually("it goes on", || fleet.calls(Operation::ListCommandInvocations) > looks + 1);
    let before = fleet.calls(Operation::ListCommandInvocations);
    fleet.endpoint.fault(Operation::ListCommandInvocations, Fault::Hang, 1);
    eventually("it hangs", || fleet.calls(Operation::ListCommandInvocations) > before);
    running.signal(libc::SIGTERM);
    assert!(running.line().is_some_and(|line| line.contains("a second signal")));
    running.signal(libc::SIGINT);
    let lines = running.rest();
    assert!(lines.len() == 1 && lines[0].contains("goes on: look again with"), "{lines:?}");
    assert_eq!(running.status(), 130);
}

#[test]
fn a_removal_is_proven_where_two_agents_run() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::Debian) else { return };
    let _ = fleet.call("deploy --all-online").success();
    agent.furnish(Kind::Snap);
    agent.run(&["systemctl", "start", Kind::Snap.unit()]).success();
    let said = fleet.call("deploy --all-online --json").code(1);
    assert_eq!(codes(&said), expected([(ONE, "two-units")]));
    let done = fleet.call("deploy --all-online --remove --json").success();
    assert_eq!((codes(&done), agent.drop_ins()), (expected([(ONE, "removed")]), String::new()));
}

#[test]
fn what_aws_refuses_is_told_with_what_to_do() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::Debian) else { return };
    // Named instances are asked also by those who may not list them.
    let denied = Fault::access_denied(Operation::DescribeInstanceInformation);
    fleet.endpoint.fault(Operation::DescribeInstanceInformation, denied, 2);
    let said = fleet.call(&format!("deploy --instance-ids {ONE} --json")).success();
    said.says("ssm:DescribeInstanceInformation");
    assert_eq!(agent.effective(), OURS);
    let _ = fleet.call("fleet-status --all-online --json").code(1).says("aws-access-denied");
    fleet.endpoint.fault(Operation::SendCommand, Fault::access_denied(Operation::SendCommand), 1);
    assert_eq!(codes(&fleet.call("fleet-status --all-online --json").code(1))[ONE], "aws-access-denied");
    fleet.endpoint.fault(Operation::DescribeInstanceInformation, Fault::expired(), 1);
    let _ = fleet
        .call("fleet-status --all-online --json")
        .code(1)
        .says("aws-credentials")
        .says("get-caller-identity");
}

#[test]
fn words_that_are_no_request_and_a_missing_cli_are_told_before_anything_is_asked() {
    let fleet = Fleet::new(Cli::Debian);
    for words in [
        "deploy",
        "deploy --all-online --instance-ids i-00000001",
        "deploy --instance-ids web1",
        "deploy --instance-ids i-00000001;reboot",
        "deploy --targets role=web",
        "deploy --all-online --max-concurrency 0",
        "deploy --all-online --document-timeout 1",
        "deploy --all-online --restart-sec 0",
        "deploy --all-online --unit ../x.service",
        "fleet-status --all-online --remove",
    ] {
        let _ = fleet.call(words).code(2);
    }
    assert!(fleet.endpoint.calls().is_empty());
    let program = program("ssm-keepalive");
    let mut here = std::process::Command::new(&program);
    here.args(["fleet-status", "--all-online"]).env_clear().env("PATH", "/nonexistent");
    let _ = Said::of(here).code(1).says("AWS CLI");
}

#[test]
fn an_endpoint_that_runs_nothing_proves_nothing() {
    let moto = Moto::start();
    let aws = Aws::new(Cli::Debian, moto.url());
    let program = program("ssm-keepalive");
    let words = [program.to_str().expect("UTF-8"), "deploy", "--instance-ids", ONE, "--json"];
    let mut command = aws.command(&words);
    command.env("AWS_MAX_ATTEMPTS", "1");
    let said = Said::of(command).code(1);
    assert_eq!(codes(&said), expected([(ONE, "no-answer")]));
}

#[test]
fn a_bar_shows_at_a_terminal_and_the_table_at_the_end() {
    let Some((fleet, _agent)) = Fleet::with_host(Cli::Debian) else { return };
    let program = program("ssm-keepalive");
    let words = [program.to_str().expect("UTF-8"), "fleet-status", "--all-online"];
    let mut command = fleet.aws.command(&[&Terminal::session()[..], &words].concat());
    command.env("TERM", "xterm");
    let running = Terminal::open().run(command);
    let said = running.rest().join("\n");
    assert!(said.contains("/1 instances") && said.contains("1 instance: 1 not-installed"), "{said}");
    assert_eq!(running.status(), 1);
}

#[test]
fn the_recipe_of_the_readme_works_as_it_stands_there() {
    let Some((fleet, agent)) = Fleet::with_host(Cli::Debian) else { return };
    fleet.endpoint.change(ONE, |node| node.tags.push(("role".to_owned(), "web".to_owned())));
    fleet.endpoint.add(Node::without_machine("i-00000001", [Behaviour::ends(End::Undeliverable)]));
    let (_, recipe) = include_str!("../README.md").split_once("\n```bash fleet\n").expect("a recipe");
    let recipe = recipe.split_once("```").expect("its end").0;
    let folder = program("ssm-keepalive");
    let folder = folder.parent().and_then(|folder| folder.to_str()).expect("UTF-8");
    let script = format!("PATH={folder}:$PATH\n{recipe}");
    assert_eq!(tool("jq"), "/usr/bin/jq");
    let said = Said::of(fleet.aws.command(&["bash", "-c", &script])).success();
    assert_eq!(agent.effective(), OURS);
    said.says("1 instance: 1 would-ask").says("1 instance: 1 installed").says("i-00000001 undeliverable\n");
}

#[test]
fn a_signal_ends_the_search_for_the_instance_that_aws_refuses() {
    let fleet = Fleet::new(Cli::Debian);
    for number in 1..=50 {
        fleet.endpoint.add(Node::without_machine(&format!("i-{number:08}"), [Behaviour::ends(End::Silent)]));
    }
    fleet.endpoint.change("i-00000050", |node| node.refused = true);
    let program = program("ssm-keepalive");
    let words = [program.to_str().expect("UTF-8"), "deploy", "--all-online", "--json"];
    let running = Running::start(fleet.aws.command(&words));
    eventually("it sends", || fleet.calls(Operation::SendCommand) > 0);
    running.signal(libc::SIGINT);
    let row = |line: &String| -> Value { serde_json::from_str(line).expect("a row") };
    let rows: Vec<Value> = running.rest().iter().map(row).collect();
    // A call that was under way is heard to its end.
    assert!(rows.len() == 50 && rows[49]["code"] == "interrupted", "{rows:?}");
    assert!(fleet.calls(Operation::SendCommand) <= 2);
    assert_eq!(running.status(), 130);
}

#[test]
fn the_operators_folders_may_have_any_names_or_the_cli_is_not_started() {
    for cli in [Cli::Debian, Cli::V1] {
        let fleet = Fleet::new(cli);
        fleet.endpoint.add(Node::without_machine(ONE, [Behaviour::default()]));
        // What says where the endpoint is stands in HOME.
        let home = fleet.aws.home().join(OsStr::from_bytes(b"caf\xe9"));
        symlink(fleet.aws.home(), &home).expect("a link");
        let ask = |temporary: &str| {
            let temporary = fleet.aws.home().join(temporary);
            let program = program("ssm-keepalive");
            let words = [program.to_str().expect("UTF-8"), "deploy", "--dry-run", "--all-online", "--json"];
            let mut command = fleet.aws.command(&words);
            command.env("HOME", &home).env("TMPDIR", temporary);
            Said::of(command)
        };
        for name in ["~", "a$HOME", "é %20 'b"] {
            std::fs::create_dir(fleet.aws.home().join(name)).expect("a folder");
        }
        for name in ["~", "é %20 'b"] {
            assert_eq!(codes(&ask(name).success()), expected([(ONE, "would-ask")]), "{cli:?} {name}");
        }
        let asked = fleet.endpoint.calls().len();
        for (name, why) in [("a$HOME", "set TMPDIR to a folder without one"), ("missing", "No such file")] {
            let _ = ask(name).code(1).says("aws-not-started").says(why);
        }
        assert_eq!(fleet.endpoint.calls().len(), asked);
    }
}
