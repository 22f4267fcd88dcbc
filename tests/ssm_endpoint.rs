//! The SSM endpoint of the tests, as the real `aws` sees it: what the tests of ssm-keepalive rely on.

use std::sync::Arc;

use bed::agent::{Agent, Kind};
use bed::aws::{Aws, Cli};
use bed::ssm::{Endpoint, Node, Operation};
use serde_json::Value;

const HOST: &str = "i-0123456789abcdef0";

fn id(said: &Value) -> String {
    said["Command"]["CommandId"].as_str().expect("an id").to_owned()
}

#[test]
fn a_command_runs_below_the_agent_and_is_read_back() {
    let Some(agent) = Agent::boot(Kind::Package).map(Arc::new) else { return };
    let endpoint = Endpoint::start();
    endpoint.add(Node::host(HOST, &agent));
    for cli in [Cli::Debian, Cli::V1] {
        let aws = Aws::new(cli, &endpoint.url());
        let script = "commands=cat /proc/self/cgroup; id -u; echo problem >&2; exit 3";
        let sent = aws
            .ssm(&[
                "send-command",
                "--document-name",
                "AWS-RunShellScript",
                "--instance-ids",
                HOST,
                "--parameters",
                script,
            ])
            .success();
        let sent: Value = serde_json::from_str(&sent.stdout).expect("JSON");
        let _ = aws.ssm(&["wait", "command-executed", "--command-id", &id(&sent), "--instance-id", HOST]);
        let got =
            aws.ssm(&["get-command-invocation", "--command-id", &id(&sent), "--instance-id", HOST]).success();
        println!("{}", got.stdout);
        let got = aws.ssm(&["list-command-invocations", "--command-id", &id(&sent), "--details"]).success();
        println!("{}", got.stdout);
        let got = aws.ssm(&["list-commands"]).success();
        println!("{}", got.stdout);
        let got = aws.ssm(&["describe-instance-information"]).success();
        println!("{}", got.stdout);
    }
    println!("{:?}", endpoint.calls_of(Operation::GetCommandInvocation).len());
}
