//! sudo-helper(8).

use bed::{Host, Network, Package, Repository, capture};
use serde_json::Value;

use crate::page::examples;

const PAGE: &str = include_str!("../../sudo-helper/sudo-helper.8");

const NGINX: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// What the program answers to each line of an example that a user runs.
fn answers(host: &Host, user: &str, example: &str) -> Vec<Value> {
    let output = capture(host.command_as(user, &["env", "HOME=/", "bash", "-c", example]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{output:?}"))).collect()
}

/// Lets root of one host in as the other's agent, for operations only.
fn give_key(controller: &Host, web1: &Host) {
    controller.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519"]).success();
    let key = controller.read("/root/.ssh/id_ed25519.pub");
    let line = format!("restrict,command=\"/usr/bin/sudo-helper ssh\" {key}");
    web1.write("/home/agent/.ssh/authorized_keys", line, 0o600, "agent:agent");
    let known = format!("web1 {}", web1.read("/etc/ssh/ssh_host_ed25519_key.pub"));
    controller.write("/root/.ssh/known_hosts", known, 0o600, "root:root");
    let config = format!("Host web1\n User agent\n HostKeyAlias web1\n HostName {}\n", web1.address());
    controller.write("/root/.ssh/config", config, 0o600, "root:root");
}

#[test]
fn each_example_does_what_is_said_of_it() {
    let Some(network) = Network::new() else { return };
    let [web1, controller] = network.boot(["web1", "controller"]);
    let examples = examples(PAGE);
    let [setup, agent, decide, policy, command, denied] = &examples[..] else { panic!("{examples:?}") };
    web1.install("sudo-helper");
    controller.install("sudo-helper");
    web1.unit("nginx.service", NGINX);
    Repository::of(&web1).add(&[Package::new("nginx", "1.22")]).update();
    web1.run(&["apt-get", "install", "-y", "nginx"]).success();
    web1.user("agent");
    web1.user("alice");

    web1.run(&["bash", "-e", "-c", setup]).success();
    web1.run(&["stat", "-c", "%a %U", "/etc/sudoers.d/zz-sudo-helper-agent"]).stdout("440 root\n");
    let said = answers(&web1, "agent", agent);
    let [list, removal, restart] = &said[..] else { panic!("{said:?}") };
    assert!(list["operations"].as_array().is_some_and(|operations| operations.len() > 3), "{list}");
    assert_eq!((&removal["success"], &restart["sub_state"]), (&true.into(), &"running".into()), "{restart}");
    assert_eq!(removal["plan"], serde_json::json!(["remove nginx 1.22"]), "{removal}");
    web1.run(&["dpkg-query", "-W", "nginx"]).success();

    give_key(&controller, &web1);
    controller.write("/root/web.json", web1.read("/etc/sudo-helper/policy.json"), 0o644, "root:root");
    let said = capture(controller.command(&["env", "-C", "/root", "bash", "-c", decide]));
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success() && text.lines().count() == 2, "{said:?}");
    assert!(text.lines().all(|line| line.starts_with("{\"success\":true")), "{text}");

    web1.write("/etc/sudo-helper/policy.json", policy, 0o644, "root:root");
    web1.run(&["sudo-helper", "check-policy"]).success();
    web1.write("/var/log/nginx/error.log", "it went wrong\n", 0o640, "root:adm");
    assert_eq!(answers(&web1, "agent", command)[0]["stdout"], "it went wrong\n");
    for (words, code) in
        [("service restart nginx", "pending"), ("run reboot", "pending"), ("package update", "denied")]
    {
        let words = format!("sudo -n sudo-helper --no-wait {words}");
        assert_eq!(answers(&web1, "agent", &words)[0]["code"], code, "{words}");
    }

    let log = web1.run(&["bash", "-e", "-c", denied]).success();
    let log = String::from_utf8_lossy(&log.get_output().stdout).into_owned();
    assert!(log.lines().any(|line| line.contains("package update")), "{log}");
    assert!(!log.contains("reboot"), "{log}");
}
