//! ssm-keepalive(8).

use std::sync::Arc;

use bed::agent::{Agent, Kind, Said};
use bed::aws::{Aws, Cli};
use bed::ssm::{Endpoint, Node, Operation};
use bed::{eventually, program};
use serde_json::Value;

use crate::page::examples;

const PAGE: &str = include_str!("../../ssm-keepalive/ssm-keepalive.8");

const WEB: &str = "i-0123456789abcdef0";
const DB: &str = "mi-0123456789abcdef1";
/// `Restart`, `RestartUSec`, `StartLimitIntervalUSec` as the package has them, and as they count once it is installed.
const VENDORS: [&str; 3] = ["always", "1min 30s", "10s"];
const OURS: [&str; 3] = ["always", "10s", "0"];

/// Runs an example as root does.
fn run(agent: &Agent, example: &str) -> Said {
    agent.said(&["bash", "-e", "-c", example])
}

#[test]
fn those_for_one_host_do_what_is_said_of_them() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let examples = examples(PAGE);
    let [proven, command, watch, image, _, _] = &examples[..] else { panic!("{examples:?}") };
    assert_eq!(agent.effective(), VENDORS);

    let first = agent.main_pid();
    let _ = run(&agent, proven).success();
    assert_eq!((agent.effective(), agent.starts()), (OURS.map(str::to_owned), 2));
    let second = agent.main_pid();
    assert!(!["0", &first].contains(&second.as_str()), "it was killed, and came back");
    agent.await_worker();

    // It ends when it is told to, after the restart.
    let script = format!("set -e\nmkfifo /root/go\n{command}read -r go </root/go\necho over\n");
    agent.send_command("/root/command", &script);
    eventually("it is restarted", || !["0", &second].contains(&agent.main_pid().as_str()));
    agent.await_worker();
    agent.run(&["sh", "-c", "echo >/root/go"]).success();
    eventually("the command is over", || agent.exists("/root/command.ended"));
    let said = agent.read("/root/command.out");
    assert!(agent.read("/root/command.ended") == "0\n" && said.ends_with("\nover\n"), "{said}");
    assert_eq!(agent.effective(), ["always", "1min 5s", "0"]);

    let _ = run(&agent, watch).success();
    let status = agent.call("status --json").success().json();
    assert_eq!((&status["watch"], &status["watch_asleep_for"]), (&"on".into(), &"20min".into()), "{status}");
    agent.run(&["systemctl", "is-active", "ssm-keepalive-watch.timer"]).success().stdout("active\n");
    assert_eq!(agent.effective(), OURS);

    let [unit, file] = [Kind::Snap.fragment(), Kind::Snap.drop_in()].map(|path| format!("/mnt/image{path}"));
    agent.write(&unit, "[Service]\nExecStart=/bin/true\n", 0o644, "root:root");
    let before = agent.drop_ins();
    let _ = run(&agent, image).success();
    let text = agent.read(&file);
    for line in ["StartLimitIntervalSec=0", "Restart=always", "RestartSec=10s"] {
        assert!(text.lines().any(|other| other == line), "{line}: {text}");
    }
    assert_eq!(agent.drop_ins(), before);
}

/// What the operator of a fleet gets from an example, with the program in their PATH.
fn run_as_operator(aws: &Aws, example: &str) -> Said {
    let program = program("ssm-keepalive");
    let folder = program.parent().and_then(|folder| folder.to_str()).expect("UTF-8");
    Said::of(aws.command(&["bash", "-e", "-c", &format!("PATH={folder}:$PATH\n{example}")]))
}

#[test]
fn those_for_a_fleet_do_what_is_said_of_them() {
    let (Some(web), Some(db)) = (Agent::boot(Kind::Package), Agent::boot(Kind::Package)) else { return };
    let [web, db] = [web, db].map(Arc::new);
    let endpoint = Endpoint::start();
    endpoint.add(Node::host(WEB, &web).tag("role", "web"));
    endpoint.add(Node::host(DB, &db).tag("role", "db"));
    let aws = Aws::new(Cli::Debian, &endpoint.url());
    let examples = examples(PAGE);
    let [.., deploy, status] = &examples[..] else { panic!("{examples:?}") };

    run_as_operator(&aws, deploy).success().says("1 instance: 1 installed");
    assert_eq!((web.effective(), db.effective()), (OURS.map(str::to_owned), VENDORS.map(str::to_owned)));
    let sent = endpoint.calls_of(Operation::SendCommand);
    // The second one is the proof, which changes nothing.
    assert!(sent.len() == 2 && sent[0].body["MaxConcurrency"] == "10%", "{sent:?}");

    let said = run_as_operator(&aws, status).code(1);
    let row = |line: &str| -> Value { serde_json::from_str(line).unwrap_or_else(|_| panic!("{said:?}")) };
    let codes: Vec<[Value; 2]> =
        said.stdout.lines().map(row).map(|row| [row["instance"].clone(), row["code"].clone()]).collect();
    assert_eq!(codes, [[WEB, "proven"], [DB, "not-installed"]]);
}
