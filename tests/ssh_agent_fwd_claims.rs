//! ssh-agent-fwd on hosts with real systemd and real sshd, before a real dropuid, and what it takes up.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Stdio;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::accounts::PASSWD;
use bed::manual::{codes, literals};
use bed::readme::block;
use bed::{Bed, Host, Network, Running, eventually};
use predicates::str::contains;
use serde_json::Value;

const MAN_PAGE: &str = include_str!("../ssh-agent-fwd/ssh-agent-fwd.8");
/// The key of a host that README.md has as an example.
const EXAMPLE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const UNIT: &str = "ssh-agent-fwd.service";
const NODE: u32 = 1300;

/// A host whose root has a key and whose user `agent` has none, and a host where it opens `git`.
fn hosts() -> Option<[Host; 2]> {
    let network = Network::new()?;
    let [host, forge] = network.boot(["host", "forge"]);
    host.install("ssh-agent-fwd");
    host.run(&["install", "-D", "/usr/bin/ssh-agent-fwd", "/usr/local/bin/ssh-agent-fwd"]).success();
    host.user("agent");
    forge.user("git");
    host.run(&["install", "-d", "-m", "0700", "/root/keys"]).success();
    host.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", "/root/keys/deploy"])
        .success();
    forge.run(&["install", "-d", "-m", "700", "-o", "git", "/home/git/.ssh"]).success();
    forge.write("/home/git/.ssh/authorized_keys", host.read("/root/keys/deploy.pub"), 0o600, "git");
    forge.run(&["install", "-d", "-m", "700", "/root/.ssh"]).success();
    forge.write("/root/.ssh/authorized_keys", host.read("/root/keys/deploy.pub"), 0o600, "root");
    host.write(
        "/etc/hosts",
        format!("127.0.0.1 localhost\n{} git.example.org\n", forge.address()),
        0o644,
        "root",
    );
    Some([host, forge])
}

/// The manifest of README.md with the key that the forge has.
fn manifest(host: &Host, forge: &Host) {
    let key = forge.read("/etc/ssh/ssh_host_ed25519_key.pub");
    let key: Vec<&str> = key.split(' ').take(2).collect();
    let text = block("json agent host").replace(EXAMPLE, key.join(" ").trim());
    host.write("/etc/ssh-agent-fwd/agent.json", text, 0o600, "root");
}

/// The unit of README.md. In namespaces of the bed systemd may give a service an empty folder of credentials; the key's
/// own folder then stands for it, and that is said.
#[expect(clippy::print_stderr, reason = "what is not tested is said")]
fn unit(host: &Host) -> String {
    let load = "LoadCredential=deploy:/root/keys/deploy";
    let text = block("ini agent unit");
    assert!(text.contains(load), "{text}");
    let probe = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'test -s $CREDENTIALS_DIRECTORY/deploy'\n";
    host.unit("probe.service", &format!("{probe}{load}\n"));
    if host.run(&["systemctl", "start", "probe"]).get_output().status.success() {
        return text.to_owned();
    }
    eprintln!("skipped: LoadCredential, which has no effect on this host");
    text.replace(load, "Environment=CREDENTIALS_DIRECTORY=/root/keys")
}

fn log_in(host: &Host) -> Assert {
    host.run_as("agent", &["ssh", "-T", "git", "id -un"])
}

/// The record of this event, as the journal has it.
fn recorded(host: &Host, outcome: &str) -> Option<(Value, Value)> {
    host.journal().into_iter().find_map(|entry| {
        let line: Value = serde_json::from_str(entry["MESSAGE"].as_str()?).ok()?;
        (entry["SYSLOG_IDENTIFIER"] == "ssh-agent-fwd" && line["outcome"] == outcome).then_some((entry, line))
    })
}

#[test]
fn the_unit_of_the_readme_serves_when_systemd_says_so_comes_back_and_leaves_nothing() {
    let Some([host, forge]) = hosts() else { return };
    manifest(&host, &forge);
    host.unit(UNIT, &unit(&host));
    host.run(&["systemctl", "start", UNIT]).success();
    // Started is ready: nothing is awaited.
    log_in(&host).success().stdout("git\n");
    let (entry, line) = recorded(&host, "signed").expect("in the journal");
    assert_eq!(entry["_SYSTEMD_UNIT"], UNIT);
    assert_eq!((&line["claims"]["user"], &line["reason"]), (&"git".into(), &"hostbound".into()), "{line}");
    host.run_as("agent", &["cat", "/root/keys/deploy"]).failure().stderr(contains("Permission denied"));
    let main = || host.run(&["systemctl", "show", "-P", "MainPID", UNIT]).get_output().stdout.clone();
    let before = main();
    host.run(&["sh", "-c", "kill -KILL $(cut -d' ' -f1 /run/ssh-agent-fwd/agent/current/agent/agent.pid)"])
        .success();
    eventually("systemd starts it again", || {
        main() != before && host.run(&["systemctl", "is-active", UNIT]).get_output().status.success()
    });
    log_in(&host).success().stdout("git\n");
    host.run(&["systemctl", "stop", UNIT]).success();
    host.run(&["systemctl", "show", "-P", "Result", UNIT]).stdout("success\n");
    log_in(&host).failure();
    for path in ["/run/ssh-agent-fwd", "/home/agent/.ssh/config"] {
        host.run(&["test", "-e", path]).failure();
    }
    host.run(&["pgrep", "-x", "ssh-agent"]).failure();
}

#[test]
fn a_unit_whose_credential_is_no_key_fails_and_is_not_taken_for_ready() {
    let Some([host, forge]) = hosts() else { return };
    manifest(&host, &forge);
    host.write("/root/keys/deploy", "no key\n", 0o600, "root");
    host.unit(UNIT, &unit(&host).replace("Restart=on-failure", "Restart=no"));
    host.run(&["systemctl", "start", UNIT]).failure();
    let said = host.run(&["journalctl", "-u", UNIT, "-o", "cat", "--no-pager"]).get_output().stdout.clone();
    assert!(String::from_utf8_lossy(&said).contains("key-invalid"), "{}", String::from_utf8_lossy(&said));
    host.run(&["test", "-e", "/run/ssh-agent-fwd"]).failure();
}

#[test]
fn an_instance_without_a_unit_is_recorded_by_syslog_under_its_own_name() {
    let Some([host, forge]) = hosts() else { return };
    manifest(&host, &forge);
    let text = host.read("/etc/ssh-agent-fwd/agent.json");
    let text = text.replace(r#"{"credential": "deploy"}"#, r#"{"path": "/root/keys/deploy"}"#);
    host.write("/root/m.json", text, 0o600, "root");
    host.run(&["ssh-agent-fwd", "up", "--manifest", "/root/m.json"])
        .success()
        .stdout("SSH_AUTH_SOCK=/run/ssh-agent-fwd/agent/public.sock; export SSH_AUTH_SOCK;\n");
    log_in(&host).success().stdout("git\n");
    host.run_as("agent", &["ssh", "-T", "-l", "root", "git", "id -un"]).failure().stdout("");
    for (outcome, reason) in [("signed", "hostbound"), ("refused", "user-not-allowed")] {
        eventually("it is in the journal", || recorded(&host, outcome).is_some());
        let (entry, line) = recorded(&host, outcome).expect("there");
        // LOG_AUTHPRIV.
        assert_eq!((&entry["SYSLOG_FACILITY"], &line["reason"]), (&"10".into(), &reason.into()), "{line}");
    }
    host.run(&["ssh-agent-fwd", "down", "--name", "agent"]).success();
    host.run(&["test", "-e", "/root/keys/deploy"]).success();
}

/// A bed with node's account, a key of root's and the first manifest of README.md.
fn bed() -> Option<Bed> {
    let bed = Bed::new(&["ssh-agent-fwd", "dropuid"])?;
    bed.etc("passwd", &format!("{PASSWD}node:x:{NODE}:{NODE}::/home/node:/bin/bash\n"));
    bed.empty("/run");
    bed.empty("/root");
    fs::create_dir("/home/node").expect("a folder in memory");
    chown("/home/node", Some(NODE), Some(NODE)).expect("its owner's");
    fs::create_dir("/root/keys").expect("a folder in memory");
    bed.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", "/root/keys/deploy"])
        .success();
    bed.run(&["install", "-m", "0600", "/dev/null", "/root/m.json"]).success();
    fs::write("/root/m.json", block("json agent manifest")).expect("ours");
    Some(bed)
}

#[test]
fn one_command_below_a_real_dropuid_is_the_users_and_has_the_agent_and_nothing_stays() {
    let Some(bed) = bed() else { return };
    let exec = ["ssh-agent-fwd", "exec", "--manifest", "/root/m.json", "--", "dropuid", "node", "--"];
    let key = fs::read_to_string("/root/keys/deploy.pub").expect("a key");
    let run = |script: &str| bed.run(&[&exec[..], &["sh", "-c", script]].concat());
    run("id -u; ssh-add -L").success().stdout(format!("{NODE}\n{key}"));
    run("ssh-add -D").failure();
    run("cat /root/keys/deploy").failure().stderr(contains("Permission denied"));
    run("SSH_AUTH_SOCK=$(dirname $SSH_AUTH_SOCK)/agent/agent.sock ssh-add -l").failure();
    run("exit 7").code(7);
    run("kill -TERM $$").code(143);
    assert!(!std::path::Path::new("/run/ssh-agent-fwd").exists(), "nothing stays");
    bed.run(&[&exec[..], &["no-such-command"]].concat()).code(127);
}

/// As many clients as $2 that list and wait for the end of the input.
const CLIENTS: &str = r#"
import socket, sys
clients = []
for _ in range(int(sys.argv[2])):
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    client.sendall(b"\0\0\0\1\x0b")
    assert client.recv(5)[4] == 12
    clients.append(client)
print("ready", flush=True)
sys.stdin.read()
"#;

#[test]
fn sixty_four_open_connections_are_one_process_with_less_than_4_mb() {
    let Some(bed) = bed() else { return };
    bed.run(&["ssh-agent-fwd", "up", "-q", "--manifest", "/root/m.json"]).success();
    let pid = fs::read_to_string("/run/ssh-agent-fwd/default/current/serve.pid").expect("a pid file");
    let pid = pid.split(' ').next().expect("a number").to_owned();
    let socket = "/run/ssh-agent-fwd/default/public.sock";
    let ids = ["setpriv", "--reuid=1300", "--regid=1300", "--clear-groups"];
    let clients =
        Running::start(bed.command(&[&ids[..], &["python3", "-c", CLIENTS, socket, "64"]].concat()));
    assert_eq!(clients.line().as_deref(), Some("ready"));
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("read");
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let rss: u32 = rss.expect("a size").parse().expect("a number");
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("read");
    drop(clients);
    bed.command(&["ssh-agent-fwd", "down"]).stdout(Stdio::null()).assert().success();
    assert!(rss < 4096, "{rss} kB");
    assert_eq!(children, "");
}

#[test]
fn each_code_stands_in_the_manual() {
    let found = codes("ssh-agent-fwd");
    assert!(found.len() > 10, "{found:?}");
    let known = literals(MAN_PAGE);
    let missing: Vec<&String> = found.iter().filter(|code| !known.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
