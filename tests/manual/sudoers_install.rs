//! sudoers-install(8).

use bed::{Host, Network, Terminal};

use crate::page::examples;

const PAGE: &str = include_str!("../../sudoers-install/sudoers-install.8");

const POLICY: &str = include_str!("../../sudo-helper/policy.json");
const DROP_IN: &str = "/etc/sudoers.d/zz-sudo-helper-agent";
const PASSWORD: &str = "correct horse";

/// A host with sudo-helper and the account that is to get the rule.
fn furnish(host: &Host) {
    host.install("sudo-helper");
    host.write("/etc/sudo-helper/policy.json", POLICY, 0o644, "root:root");
    host.user("agent");
}

#[test]
fn those_for_one_host_do_what_is_said_of_them() {
    let Some(host) = Host::boot() else { return };
    let examples = examples(PAGE);
    let [helper, commands, _, _, lint] = &examples[..] else { panic!("{examples:?}") };
    furnish(&host);
    host.install("sudoers-install");
    host.run(&["bash", "-e", "-c", helper]).success();
    host.run_as("agent", &["sudo", "-n", "sudo-helper", "list", "--json"]).success();
    host.run(&["bash", "-e", "-c", commands]).success();
    let rules = host.run(&["sudo", "-l", "-U", "agent"]).success();
    let rules = String::from_utf8_lossy(&rules.get_output().stdout).into_owned();
    for rule in ["NOPASSWD: /usr/bin/systemctl restart nginx", "/usr/bin/apt update"] {
        assert!(rules.contains(rule), "{rule}: {rules}");
    }
    host.write("/root/new-rules", "agent ALL=(root) NOPASSWD: /usr/bin/vim\n", 0o440, "root:root");
    let found = host.run(&["env", "-C", "/root", "bash", "-c", lint]).code(1);
    let found = String::from_utf8_lossy(&found.get_output().stdout).into_owned();
    assert!(found.contains("new-rules") && found.contains("/usr/bin/vim"), "{found}");
}

/// A host where `admin` may do anything with a password, and the one of an operator with the key of that account.
fn cluster() -> Option<[Host; 2]> {
    let [web1, desk] = Network::new()?.boot(["web1", "desk"]);
    furnish(&web1);
    web1.user("admin");
    web1.run(&["sh", "-c", "echo \"admin:$0\" | chpasswd", PASSWORD]).success();
    web1.write("/etc/sudoers.d/admin", "admin ALL=(ALL) ALL\n", 0o440, "root:root");
    desk.install("sudoers-install");
    desk.user("me");
    let key = "mkdir ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519";
    desk.run_as("me", &["env", "HOME=/home/me", "sh", "-ec", key]).success();
    let key = desk.read("/home/me/.ssh/id_ed25519.pub");
    web1.write("/home/admin/.ssh/authorized_keys", key, 0o600, "admin:admin");
    let known = format!("{} {}", web1.address(), web1.read("/etc/ssh/ssh_host_ed25519_key.pub"));
    desk.write("/home/me/.ssh/known_hosts", known, 0o600, "me:me");
    Some([web1, desk])
}

/// Runs an example at the operator's terminal, with the password typed as often as it could be asked for.
fn at_terminal(desk: &Host, example: &str) -> (i32, String) {
    let words = [&Terminal::session()[..], &["env", "HOME=/home/me", "bash", "-e", "-c", example]].concat();
    let mut running = Terminal::open().run(desk.command_as("me", &words));
    running.write(format!("{PASSWORD}\n").repeat(3).as_bytes());
    let said = running.rest().join("\n");
    (running.status(), said)
}

#[test]
fn those_for_every_host_do_what_is_said_of_them() {
    let Some([web1, desk]) = cluster() else { return };
    let examples = examples(PAGE);
    let inventory = format!("hosts:\n  web1: {{hostname: {}, user: admin}}\n", web1.address());
    desk.write("/home/me/.config/agent-utilities/inventory.yaml", inventory, 0o600, "me:me");
    let (status, said) = at_terminal(&desk, &examples[2]);
    assert!(status == 0 && said.contains("\"outcome\":\"configured\""), "{status} {said}");
    web1.run_as("agent", &["sudo", "-n", "sudo-helper", "list", "--json"]).success();

    web1.run(&["rm", DROP_IN]).success();
    // What an operator has of their own: Ansible and a password store.
    let hosts = serde_json::json!({"_meta": {"hostvars": {"web1": {
        "ansible_host": web1.address(), "ansible_user": "admin"}}}, "all": {"hosts": ["web1"]}});
    let programs = [("ansible-inventory", hosts.to_string()), ("pass", PASSWORD.to_owned())];
    for (name, said) in programs {
        let script = format!("#!/bin/sh\ncat <<'END'\n{said}\nEND\n");
        desk.write(&format!("/usr/bin/{name}"), script, 0o755, "root:root");
    }
    desk.run_as("me", &["env", "HOME=/home/me", "bash", "-e", "-o", "pipefail", "-c", &examples[3]])
        .success();
    web1.run_as("agent", &["sudo", "-n", "sudo-helper", "list", "--json"]).success();
}
