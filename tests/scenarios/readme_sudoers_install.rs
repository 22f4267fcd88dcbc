//! The recipes of README.md for sudoers-install, as they stand there, on hosts with real systemd, sudo and sshd.

use bed::readme::{block, block_of};
use bed::{Host, Network, Terminal};

const OWN_README: &str = include_str!("../../sudoers-install/README.md");

/// What `make install` puts there.
const DEFAULT_POLICY: &str = include_str!("../../sudo-helper/policy.json");

const RULE: &str = "agent ALL=(root) NOPASSWD: /usr/bin/sudo-helper";
const DROP_IN: &str = "/etc/sudoers.d/zz-sudo-helper-agent";
const LEGACY: &str = "/etc/sudoers.d/systems-manager-agent";
const PASSWORD: &str = "correct horse";

/// The layouts of inventories.
const LAYOUTS: [&str; 3] = ["flat", "hosts", "ansible"];

/// A host with sudo-helper and its policy, and the account that is to get the rule.
fn furnish(host: &Host) {
    host.install("sudo-helper");
    host.write("/etc/sudo-helper/policy.json", DEFAULT_POLICY, 0o644, "root:root");
    host.user("agent");
}

/// The rule is there and works: sudo runs the helper as root for the agent.
fn has_rule(host: &Host) {
    assert!(host.read(DROP_IN).lines().any(|line| line == RULE), "{}", host.read(DROP_IN));
    host.run(&["stat", "-c", "%a %U:%G", DROP_IN]).stdout("440 root:root\n");
    host.run(&["visudo", "-c", "-s"]).success();
    host.run_as("agent", &["sudo", "-n", "sudo-helper", "list", "--json"]).success();
}

#[test]
fn the_rule_is_in_place_on_one_host_and_the_old_one_is_gone() {
    let Some(host) = Host::boot() else { return };
    furnish(&host);
    host.install("sudoers-install");
    let legacy = "agent ALL=(ALL) NOPASSWD: /home/agent/.local/bin/systems-manager-helper\n";
    host.write(LEGACY, legacy, 0o440, "root:root");
    let done = host.run(&["bash", "-e", "-c", block("bash rule local")]).success();
    let said = String::from_utf8_lossy(&done.get_output().stdout).into_owned();
    assert!(said.contains(DROP_IN), "{said}");
    has_rule(&host);
    host.run(&["test", "-e", LEGACY]).failure();
}

/// An operator on a host of their own, and two hosts where they are `admin`, whose sudo asks for a password.
fn cluster() -> Option<[Host; 3]> {
    let network = Network::new()?;
    let [web1, web2, desk] = network.boot(["web1", "web2", "desk"]);
    desk.install("sudoers-install");
    desk.user("me");
    let key = "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 && cp ~/.ssh/id_ed25519 ~/.ssh/cluster";
    desk.run_as("me", &["env", "HOME=/home/me", "sh", "-ec", &format!("mkdir ~/.ssh; {key}")]).success();
    let key = desk.read("/home/me/.ssh/id_ed25519.pub");
    let mut known = String::new();
    for host in [&web1, &web2] {
        furnish(host);
        host.user("admin");
        host.run(&["sh", "-c", "echo \"admin:$0\" | chpasswd", PASSWORD]).success();
        host.write("/etc/sudoers.d/admin", "admin ALL=(ALL) ALL\n", 0o440, "root:root");
        host.write("/home/admin/.ssh/authorized_keys", &key, 0o600, "admin:admin");
        known += &format!("{} {}", host.address(), host.read("/etc/ssh/ssh_host_ed25519_key.pub"));
    }
    desk.write("/home/me/.ssh/known_hosts", known, 0o600, "me:me");
    Some([web1, web2, desk])
}

/// Runs words at the operator's terminal, with the password typed as often as it could be asked for.
fn at_terminal(desk: &Host, words: &[&str]) -> (i32, String) {
    let words = [&Terminal::session()[..], &["env", "HOME=/home/me"], words].concat();
    let mut running = Terminal::open().run(desk.command_as("me", &words));
    running.write(format!("{PASSWORD}\n").repeat(3).as_bytes());
    let said = running.rest().join("\n");
    (running.status(), said)
}

/// Puts an inventory of README.md, with the addresses of the hosts, where it is looked for.
fn inventory(layout: &str, [web1, web2, desk]: &[Host; 3]) {
    let text = block(&format!("yaml rule {layout}"));
    let text = text.replace("10.0.0.11", &web1.address()).replace("10.0.0.12", &web2.address());
    desk.write("/home/me/.config/agent-utilities/inventory.yaml", text, 0o600, "me:me");
}

#[test]
fn the_rule_is_in_place_on_every_host_of_an_inventory() {
    let Some(hosts) = cluster() else { return };
    let [web1, web2, desk] = &hosts;
    inventory("hosts", &hosts);
    let (status, said) = at_terminal(desk, &["bash", "-e", "-c", block("bash rule cluster")]);
    assert_eq!(status, 0, "{said}");
    has_rule(web1);
    has_rule(web2);
    // Each layout means the same two hosts.
    for layout in LAYOUTS {
        inventory(layout, &hosts);
        let (status, said) =
            at_terminal(desk, &["sudoers-install", "cluster", "status", "--user", "agent", "--json"]);
        let objects = said.lines().filter(|line| line.starts_with('{'));
        let objects: Vec<serde_json::Value> =
            objects.map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let mut found: Vec<(&str, &str)> = objects
            .iter()
            .filter_map(|object| Some((object["hostname"].as_str()?, object["outcome"].as_str()?)))
            .collect();
        found.sort_unstable();
        let [one, two] = [web1.address(), web2.address()];
        assert_eq!(found, [(&*one, "configured"), (&*two, "configured")], "{layout}: {said}");
        assert_eq!(status, 0, "{layout}: {said}");
    }
}

#[test]
fn lint_says_of_the_bad_file_what_the_readme_shows() {
    let Some(host) = Host::boot() else { return };
    host.install("sudoers-install");
    host.write("/root/new-rules", block("sudoers rule bad"), 0o440, "root:root");
    host.run(&["visudo", "-c", "-s", "-f", "/root/new-rules"]).success();
    let words = ["sh", "-c", "cd /root && sudoers-install lint new-rules"];
    host.run(&words).code(1).stdout(block("text rule lint")).stderr("");
}

#[test]
fn both_readmes_show_the_same() {
    for layout in LAYOUTS {
        let [ours, own] =
            [block(&format!("yaml rule {layout}")), block_of(OWN_README, &format!("yaml {layout}"))];
        assert_eq!(ours, own, "{layout}");
    }
    assert_eq!(block("sudoers rule bad"), block_of(OWN_README, "sudoers bad"));
    assert_eq!(block("text rule lint"), block_of(OWN_README, "text lint"));
}
