//! The SSM endpoint of the tests, as the real `aws` sees it: what the tests of ssm-keepalive rely on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bed::agent::{Agent, Kind, Said};
use bed::aws::{Aws, Cli, Moto};
use bed::eventually;
use bed::ssm::{Behaviour, End, Endpoint, Fault, Node, Operation, Ping, Platform};
use serde_json::{Value, json};

/// A node on a test host.
const HOST: &str = "i-0123456789abcdef0";

/// So long that no test sees its end.
const AGES: Duration = Duration::from_secs(3600);

/// The status of the CLI's version 2 for an error that the service told of, and of version 1.
const REFUSED: i32 = 254;
const REFUSED_V1: i32 = 255;

/// An endpoint and a caller of version 2.
fn set_up(nodes: impl IntoIterator<Item = Node>) -> (Endpoint, Aws) {
    let endpoint = Endpoint::start();
    nodes.into_iter().for_each(|node| endpoint.add(node));
    let aws = Aws::new(Cli::Debian, &endpoint.url());
    (endpoint, aws)
}

/// A host whose agent runs, for a node.
fn host() -> Option<Arc<Agent>> {
    Agent::boot(Kind::Package).map(Arc::new)
}

/// The nth node that is no host.
fn nth(number: usize) -> String {
    format!("i-{number:08}")
}

fn order(instances: &[&str], script: &str) -> Value {
    let parameters = json!({ "commands": [script], "executionTimeout": ["600"] });
    json!({ "DocumentName": "AWS-RunShellScript", "InstanceIds": instances, "Parameters": parameters })
}

fn send_command(aws: &Aws, order: &Value) -> Said {
    aws.ssm(&["send-command", "--cli-input-json", &order.to_string()])
}

/// Sends a script: the id of the command.
fn send(aws: &Aws, instances: &[&str], script: &str) -> String {
    sent(&send_command(aws, &order(instances, script)))
}

fn sent(said: &Said) -> String {
    assert_eq!(said.status, 0, "{said:?}");
    text(&json(said)["Command"]["CommandId"]).to_owned()
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// The invocations of a command by their nodes, with details.
fn list(aws: &Aws, command: &str) -> BTreeMap<String, Value> {
    let listed =
        json(&aws.ssm(&["list-command-invocations", "--details", "--command-id", command]).success());
    let rows = listed["CommandInvocations"].as_array().expect("a list").clone();
    rows.into_iter().map(|row| (row["InstanceId"].as_str().expect("an id").to_owned(), row)).collect()
}

/// The same once all of them are over.
fn ends(aws: &Aws, command: &str) -> BTreeMap<String, Value> {
    for _ in 0..60 {
        let rows = list(aws, command);
        let open =
            |row: &Value| ["Pending", "InProgress", "Delayed", "Cancelling"].contains(&text(&row["Status"]));
        if !rows.values().any(open) {
            return rows;
        }
    }
    panic!("{command} does not end")
}

fn get(aws: &Aws, command: &str, instance: &str) -> Said {
    aws.ssm(&["get-command-invocation", "--command-id", command, "--instance-id", instance])
}

/// A call that the CLI does not repeat.
fn once(aws: &Aws, words: &[&str]) -> Said {
    let mut call = aws.command(&[&["aws", "ssm"], words].concat());
    call.env("AWS_MAX_ATTEMPTS", "1");
    Said::of(call)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Status, details, exit code and output; None and "none" where it never began.
type Told<'a> = (&'a str, &'a str, Option<i64>, &'a str);

/// What a node says, and how.
fn told(row: &Value) -> Told<'_> {
    let plugin = &row["CommandPlugins"][0];
    let output = plugin["Output"].as_str().unwrap_or("none");
    (text(&row["Status"]), text(&row["StatusDetails"]), plugin["ResponseCode"].as_i64(), output)
}

#[test]
fn a_command_runs_below_the_agent_and_is_read_back() {
    let Some(agent) = host() else { return };
    let endpoint = Endpoint::start();
    endpoint.add(Node::host(HOST, &agent));
    let script = "grep ^0: /proc/self/cgroup; id -u; echo $AWS_SSM_INSTANCE_ID; echo problem >&2; exit 3";
    let group = format!("0::/system.slice/{}\n0\n{HOST}\n", Kind::Package.unit());
    let problem = "problem\nfailed to run commands: exit status 3";
    thread::scope(|scope| {
        for cli in [Cli::Debian, Cli::V1] {
            let aws = Aws::new(cli, &endpoint.url());
            let (group, problem) = (&group, &problem);
            scope.spawn(move || {
                let command = send(&aws, &[HOST], script);
                let rows = ends(&aws, &command);
                let output = format!("{group}\n----------ERROR-------\n{problem}");
                assert_eq!(told(&rows[HOST]), ("Failed", "Failed", Some(3), output.as_str()));
                let got = json(&get(&aws, &command, HOST).success());
                assert_eq!(
                    (text(&got["StandardOutputContent"]), text(&got["StandardErrorContent"])),
                    (group.as_str(), *problem)
                );
                assert_eq!(
                    (got["ResponseCode"].as_i64(), text(&got["PluginName"])),
                    (Some(3), "aws:runShellScript")
                );
                assert!(text(&got["ExecutionElapsedTime"]).starts_with("PT"), "{got}");
            });
        }
    });
    let sent = endpoint.calls_of(Operation::SendCommand);
    assert_eq!(sent.len(), 2);
    assert_eq!((sent[0].instances(), &sent[0].body), (vec![HOST], &order(&[HOST], script)));
}

#[test]
fn each_way_to_end_is_told() {
    let late = |end| Behaviour { lasting: AGES, ..Behaviour::ends(end) };
    let table: [(Behaviour, Told<'_>); 11] = [
        (Behaviour::claims(0, "done\n", ""), ("Success", "Success", Some(0), "done\n")),
        (
            Behaviour::claims(7, "", ""),
            ("Failed", "Failed", Some(7), "\n----------ERROR-------\nfailed to run commands: exit status 7"),
        ),
        (Behaviour { pending: AGES, ..Behaviour::default() }, ("Pending", "Pending", None, "none")),
        (late(End::DeliveryTimedOut), ("Delayed", "Delayed", None, "none")),
        (Behaviour::ends(End::Silent), ("InProgress", "InProgress", Some(-1), "")),
        (Behaviour::ends(End::ExecutionTimedOut), ("TimedOut", "ExecutionTimedOut", Some(137), "")),
        (
            Behaviour { delivery_timeout: Some(Duration::ZERO), ..Behaviour::ends(End::DeliveryTimedOut) },
            ("TimedOut", "DeliveryTimedOut", None, "none"),
        ),
        (Behaviour::ends(End::Undeliverable), ("Failed", "Undeliverable", None, "none")),
        (Behaviour::ends(End::Cancelled), ("Cancelled", "Cancelled", Some(137), "")),
        (Behaviour::ends(End::Terminated), ("Failed", "Terminated", None, "none")),
        (Behaviour { unseen: 2, ..Behaviour::claims(0, "", "") }, ("Success", "Success", Some(0), "")),
    ];
    let unseen = table.len() - 1;
    let behaviours = table.iter().map(|(behaviour, _)| behaviour.clone());
    let (endpoint, aws) = set_up(behaviours.enumerate().map(|(n, it)| Node::without_machine(&nth(n), [it])));
    let ids: Vec<String> = (0..table.len()).map(nth).collect();
    let command = send(&aws, &ids.iter().map(String::as_str).collect::<Vec<_>>(), "echo done");
    let rows = list(&aws, &command);
    for (id, (behaviour, expected)) in ids.iter().zip(&table).take(unseen) {
        assert_eq!(told(&rows[id]), *expected, "{behaviour:?}");
    }
    assert!(!rows.contains_key(&ids[unseen]));
    get(&aws, &command, &ids[unseen]).code(REFUSED).says("(InvocationDoesNotExist)");
    let seen = json(&get(&aws, &command, &ids[unseen]).success());
    assert_eq!(seen["Status"], "Success");
    endpoint.proceed(&ids[2], &Behaviour::claims(9, "", ""));
    assert_eq!(json(&get(&aws, &command, &ids[2]).success())["ResponseCode"], 9);
    let open = json(&get(&aws, &command, &ids[4]).success());
    assert_eq!((&open["ResponseCode"], &open["StandardOutputContent"]), (&json!(-1), &json!("")));
}

#[test]
fn outputs_are_cut_as_the_agent_cuts_them() {
    let Some(agent) = host() else { return };
    let (_endpoint, aws) = set_up([
        Node::host(HOST, &agent),
        Node::like(&nth(1), HOST).behaves([Behaviour::noise("before ", " after")]),
    ]);
    let long = send(&aws, &[HOST], "printf '%030000d' 0; printf '%09000d' 0 >&2");
    let row = ends(&aws, &long)[HOST].clone();
    let (_, _, _, output) = told(&row);
    assert!(
        output.len() <= 2500 && output.contains("\n---Output truncated---\n----------ERROR-------\n"),
        "{output}"
    );
    let got = json(&get(&aws, &long, HOST).success());
    let (out, err) = (text(&got["StandardOutputContent"]), text(&got["StandardErrorContent"]));
    assert_eq!((out.len(), err.len()), (24_000, 8_000));
    assert!(out.ends_with("0--output truncated--") && err.ends_with("0--output truncated--"), "{err}");
    let noisy = send(&aws, &[HOST, &nth(1)], "printf short");
    let rows = ends(&aws, &noisy);
    assert_eq!((told(&rows[HOST]).3, told(&rows[&nth(1)]).3), ("short", "before short after"));
}

#[test]
fn nodes_without_a_machine_say_what_a_host_said_that_ran_it_once() {
    let Some(agent) = host() else { return };
    let alike = (1..50).map(|n| Node::like(&nth(n), HOST));
    let (endpoint, aws) = set_up([Node::host(HOST, &agent)].into_iter().chain(alike));
    endpoint.page_size(20);
    let ids: Vec<String> = [HOST.to_owned()].into_iter().chain((1..50).map(nth)).collect();
    let command =
        send(&aws, &ids.iter().map(String::as_str).collect::<Vec<_>>(), "echo ran >>/run/ran; cat /run/ran");
    let rows = ends(&aws, &command);
    assert_eq!(rows.len(), 50);
    assert!(rows.values().all(|row| told(row) == ("Success", "Success", Some(0), "ran\n")), "{rows:?}");
    assert_eq!(agent.read("/run/ran"), "ran\n");
    let lists = endpoint.calls_of(Operation::ListCommandInvocations);
    assert!(lists.len() >= 3 && lists.len() % 3 == 0, "three pages a list: {lists:?}");
    assert!(
        lists.iter().all(|call| call.body["CommandId"] == command.as_str() && call.body["Details"] == true)
    );
    // One that lies: what it says happened elsewhere.
    endpoint.add(Node::without_machine("i-0000liar", [Behaviour::ends(End::RanBy(HOST.to_owned()))]));
    let lie = send(&aws, &["i-0000liar"], "echo ran >>/run/ran; cat /run/ran");
    assert_eq!(told(&ends(&aws, &lie)["i-0000liar"]).3, "ran\nran\n");
}

#[test]
fn an_agent_that_is_gone_gets_no_command() {
    let Some(agent) = host() else { return };
    let gone = Behaviour { delivery_timeout: Some(Duration::ZERO), ..Behaviour::default() };
    let (_endpoint, aws) = set_up([Node::host(HOST, &agent).behaves([gone, Behaviour::default()])]);
    agent.run(&["systemctl", "stop", Kind::Package.unit()]).success();
    let lost = send(&aws, &[HOST], "touch /run/lost");
    assert_eq!(told(&ends(&aws, &lost)[HOST]), ("TimedOut", "DeliveryTimedOut", None, "none"));
    let waits = send(&aws, &[HOST], "echo came");
    assert_eq!(told(&list(&aws, &waits)[HOST]).0, "Pending");
    agent.run(&["systemctl", "start", Kind::Package.unit()]).success();
    assert_eq!(told(&ends(&aws, &waits)[HOST]), ("Success", "Success", Some(0), "came\n"));
    assert!(!agent.exists("/run/lost"));
}

#[test]
fn what_runs_too_long_or_is_cancelled_is_killed() {
    let Some(agent) = host() else { return };
    let (_endpoint, aws) = set_up([Node::host(HOST, &agent)]);
    let script = "echo begun; echo \"$$\" >/run/NAME; sleep 600; echo never";
    let mut short = order(&[HOST], &script.replace("NAME", "long"));
    short["Parameters"]["executionTimeout"] = json!(["5"]);
    let long = sent(&send_command(&aws, &short));
    let cancelled = send(&aws, &[HOST], &script.replace("NAME", "cancelled"));
    eventually("both run", || agent.exists("/run/cancelled") && agent.exists("/run/long"));
    let _ = aws.ssm(&["cancel-command", "--command-id", &cancelled]).success();
    for name in ["cancelled", "long"] {
        let pid = agent.read(&format!("/run/{name}"));
        let process = format!("/proc/{}", pid.trim_end());
        eventually(&format!("{name} is killed"), || !agent.exists(&process));
    }
    assert_eq!(told(&ends(&aws, &cancelled)[HOST]), ("Cancelled", "Cancelled", Some(137), ""));
    assert_eq!(told(&ends(&aws, &long)[HOST]), ("TimedOut", "ExecutionTimedOut", Some(137), "begun\n"));
}

#[test]
fn nodes_are_described_as_filters_ask() {
    let (endpoint, aws) = set_up((0..7).map(|n| Node::without_machine(&nth(n), [])));
    endpoint
        .add(Node::without_machine("mi-0123456789abcdef0", []).tag("role", "web").ping(Ping::ConnectionLost));
    endpoint.change(&nth(6), |node| node.platform = Platform::Windows);
    endpoint.page_size(5);
    let nodes = |filters: &[&str]| -> Vec<(String, String, String)> {
        let said = aws.ssm(&[&["describe-instance-information"], filters].concat()).success();
        let row = |row: &Value| {
            ["InstanceId", "PingStatus", "PlatformType"].map(|field| text(&row[field]).to_owned()).into()
        };
        json(&said)["InstanceInformationList"].as_array().expect("a list").iter().map(row).collect()
    };
    assert_eq!(nodes(&[]).len(), 8);
    assert_eq!(endpoint.calls().len(), 2, "two pages");
    let web = ("mi-0123456789abcdef0".to_owned(), "ConnectionLost".to_owned(), "Linux".to_owned());
    assert_eq!(
        nodes(&["--filters", "Key=tag:role,Values=web,db", "Key=PingStatus,Values=ConnectionLost"]),
        [web]
    );
    let ids = format!("Key=InstanceIds,Values={},i-absent00,{}", nth(6), nth(1));
    let found =
        nodes(&["--filters", &ids]).into_iter().map(|(id, _, platform)| (id, platform)).collect::<Vec<_>>();
    assert_eq!(found, [(nth(1), "Linux".to_owned()), (nth(6), "Windows".to_owned())]);
    let bad = ["describe-instance-information", "--filters", "Key=nosuch,Values=x"];
    aws.ssm(&bad).code(REFUSED).says("(InvalidFilterKey)");
}

#[test]
fn a_command_is_refused_as_the_service_refuses_it() {
    let (endpoint, aws) =
        set_up((0..51).map(|n| Node::without_machine(&nth(n), [Behaviour::claims(0, "", "")])));
    endpoint.change(&nth(1), |node| node.refused = true);
    endpoint.change(&nth(2), |node| node.platform = Platform::Windows);
    let ids: Vec<String> = (0..51).map(nth).collect();
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let table: [(&[&str], &str); 5] = [
        (
            &[all[0], all[1], "i-99999999"],
            "(InvalidInstanceId) when calling the SendCommand operation: Instances [[i-00000001, i-99999999]]",
        ),
        (&[all[0], all[2]], "(UnsupportedPlatformType)"),
        (&[all[0], all[0]], "(DuplicateInstanceId)"),
        (&["web1"], "(ValidationException)"),
        (&all, "(ValidationException)"),
    ];
    thread::scope(|scope| {
        for (instances, says) in table {
            let aws = &aws;
            scope.spawn(move || {
                send_command(aws, &order(instances, "true")).code(REFUSED).says(says);
            });
        }
    });
    let listed = json(&aws.ssm(&["list-commands"]).success());
    assert_eq!(listed["Commands"], json!([]), "none was sent");
    assert_eq!(endpoint.calls_of(Operation::SendCommand).len(), table.len(), "none was sent again");
}

#[test]
fn a_service_that_fails_is_what_the_cli_makes_of_it() {
    let table: [(Cli, Fault, i32, &str); 6] = [
        (Cli::Debian, Fault::access_denied(Operation::ListCommands), REFUSED, "(AccessDeniedException)"),
        (Cli::Debian, Fault::expired(), REFUSED, "(ExpiredTokenException)"),
        (Cli::Debian, Fault::server_error(), REFUSED, "(InternalServerError)"),
        (Cli::V1, Fault::NotImplemented, REFUSED_V1, "(500)"),
        (Cli::V1, Fault::Cut, REFUSED_V1, "Connection was closed"),
        // Version 2 of Debian 12 takes half an answer for an empty one.
        (Cli::Debian, Fault::Cut, 0, ""),
    ];
    thread::scope(|scope| {
        for (cli, fault, status, says) in table {
            scope.spawn(move || {
                let endpoint = Endpoint::start();
                endpoint.fault(Operation::ListCommands, fault, 1);
                let said = once(&Aws::new(cli, &endpoint.url()), &["list-commands"]).code(status);
                assert_eq!((said.says(says).stdout.as_str(), endpoint.calls().len()), ("", 1));
            });
        }
    });
}

#[test]
fn a_service_that_is_slow_or_busy_is_asked_again_or_given_up() {
    let (endpoint, aws) = set_up([]);
    endpoint.fault(Operation::ListCommands, Fault::throttled(), 1);
    let _ = aws.ssm(&["list-commands"]).success();
    assert_eq!(endpoint.calls().len(), 2, "the CLI itself tries again");
    endpoint.fault(Operation::ListCommands, Fault::Hang, 1);
    once(&aws, &["list-commands", "--cli-read-timeout", "1"]).code(255).says("Read timeout");
}

#[test]
fn moto_answers_what_it_has() {
    let moto = Moto::start();
    let aws = Aws::new(Cli::Debian, moto.url());
    let command = send(&aws, &[HOST], "echo never");
    let got = json(&get(&aws, &command, HOST).success());
    assert_eq!((text(&got["Status"]), text(&got["StandardOutputContent"])), ("Success", ""));
    once(&aws, &["list-command-invocations", "--command-id", &command]).code(REFUSED).says("(500)");
}
