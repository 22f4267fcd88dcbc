//! The recipes of README.md for sudo-helper, as they stand there, on hosts with real systemd and sudo.

use bed::readme::block;
use bed::{Host, Network, Package, Repository, Running, capture, eventually};
use serde_json::Value;

const NGINX: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// What `make install` puts there.
const DEFAULT_POLICY: &str = include_str!("../../sudo-helper/policy.json");

/// Makes a host what the recipes expect, and sets sudo-helper up on it by the first of them.
fn furnish(host: &Host) {
    host.install("sudo-helper");
    host.write("/etc/sudo-helper/policy.json", DEFAULT_POLICY, 0o644, "root:root");
    host.unit("nginx.service", NGINX);
    Repository::of(host).add(&[Package::new("docker.io", "20.10")]).update();
    host.user("agent");
    host.user("alice");
    // With a password that somebody would have to type, a test could not go on.
    host.write(
        "/etc/sudoers.d/alice",
        "alice ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n",
        0o440,
        "root:root",
    );
    let set_up = host.run(&["bash", "-e", "-c", block("bash helper setup")]).success();
    let said = String::from_utf8_lossy(&set_up.get_output().stdout).into_owned();
    assert!(said.contains("\"warnings\":[]"), "{said}");
    host.run(&["stat", "-c", "%a %U", "/etc/sudoers.d/zz-sudo-helper-agent"]).stdout("440 root\n");
    host.run(&["visudo", "-c", "-s"]).success();
}

/// The answers in an output, a line each.
fn answers(output: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(output).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}"))).collect()
}

/// Runs a block as a user.
fn run_block(host: &Host, user: &str, mark: &str) -> (i32, Vec<Value>) {
    let output = capture(host.command_as(user, &["bash", "-c", block(mark)]));
    (output.status.code().expect("a status"), answers(&output.stdout))
}

#[test]
fn the_agent_does_what_the_policy_lists() {
    let Some(host) = Host::boot() else { return };
    furnish(&host);
    let (status, said) = run_block(&host, "agent", "bash helper agent");
    let [list, restart, stop] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(list["operations"].as_array().map(Vec::len), Some(5), "{list}");
    assert_eq!((&restart["success"], &restart["active"]), (&true.into(), &true.into()), "{restart}");
    assert_eq!(restart["sub_state"], "running");
    assert_eq!((status, &stop["code"]), (3, &"denied".into()), "{stop}");
    host.run(&["systemctl", "is-active", "nginx", "ssh"]).success();
    let denied = |entry: &Value| entry["SUDO_HELPER_OPERATION"] == "service stop ssh";
    assert!(host.journal().iter().any(|entry| denied(entry) && entry["SUDO_HELPER_DECISION"] == "denied"));
}

#[test]
fn alice_approves_what_the_agent_asked_for() {
    let Some(host) = Host::boot() else { return };
    furnish(&host);
    let asking = Running::start(host.command_as("agent", &["bash", "-c", block("bash helper ask")]));
    let pending = || answers(&capture(host.command_as("alice", &["sudo", "sudo-helper", "pending"])).stdout);
    eventually("the request waits", || pending()[0]["pending"][0]["id"].is_string());
    let request = pending()[0]["pending"][0].clone();
    assert_eq!(request["plan"], serde_json::json!(["install docker.io 20.10"]), "{request}");
    let id = request["id"].as_str().expect("an id");
    let approve = block("bash helper approve").replace("approve ID", &format!("approve {id}"));
    let approved = host.run_as("alice", &["bash", "-e", "-c", &approve]).success();
    let said = answers(&approved.get_output().stdout);
    assert_eq!((&said[0]["pending"][0]["id"], &said[1]["state"]), (&request["id"], &"approved".into()));
    let answer = asking.line().expect("an answer");
    assert_eq!(answers(answer.as_bytes())[0]["plan"], request["plan"], "{answer}");
    assert_eq!(asking.status(), 0);
    host.run(&["dpkg-query", "-W", "docker.io"]).success().stdout("docker.io\t20.10\n");
}

#[test]
fn a_key_gives_operations_and_no_shell() {
    let Some(network) = Network::new() else { return };
    let [web1, controller] = network.boot(["web1", "controller"]);
    furnish(&web1);
    controller.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519"]).success();
    let key = controller.read("/root/.ssh/id_ed25519.pub");
    let line = block("text helper key").replace("KEY", key.trim());
    web1.write("/home/agent/.ssh/authorized_keys", line, 0o600, "agent:agent");
    let host_key = web1.read("/etc/ssh/ssh_host_ed25519_key.pub");
    controller.write("/root/.ssh/known_hosts", format!("web1 {host_key}"), 0o600, "root:root");
    controller.run(&["sh", "-c", "echo \"$0 web1\" >>/etc/hosts", &web1.address()]).success();
    let asked = controller.run(&["bash", "-c", block("bash helper ssh")]).success();
    assert_eq!(answers(&asked.get_output().stdout)[0]["op"], "service status nginx");
    let refused = controller.run(&["ssh", "-T", "agent@web1", "id; sh"]).code(2);
    assert_eq!(answers(&refused.get_output().stdout)[0]["code"], "usage");
    let shell = controller.run(&["ssh", "-T", "agent@web1"]).code(2);
    assert_eq!(answers(&shell.get_output().stdout)[0]["code"], "usage");
}
