//! `sudo-helper ssh` behind a real sshd, as a forced command of a key.

use std::process::{Command, Output};

use bed::Running;
use bed::capture;
use bed::helped::{AGENT, Answer, Helped};
use serde_json::{Value, json};

/// A client that asks nobody anything.
const SSH: [&str; 9] = [
    "ssh",
    "-T",
    "-i",
    "/root/key",
    "-o",
    "BatchMode=yes",
    "-o",
    "StrictHostKeyChecking=no",
    "-oLogLevel=ERROR",
];
const TARGET: &str = "ai-agent@localhost";

/// A host whose agent comes in by a key that gives sudo-helper and nothing else.
fn reached() -> Option<Helped> {
    let host = Helped::boot()?;
    host.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/key"]).success();
    let key = host.read("/root/key.pub");
    let line = format!("restrict,command=\"/usr/bin/sudo-helper ssh\" {key}");
    host.run(&["install", "-d", "-m", "700", "-o", AGENT, "/home/ai-agent/.ssh"]).success();
    host.write("/home/ai-agent/.ssh/authorized_keys", line, 0o600, AGENT);
    host.policy(&json!({
        "services": {"ssh": ["status"]},
        "commands": {
            "say": {"argv": ["/usr/bin/printf", "[%s]", "{v}"], "params": {"v": {"regex": "[^q]*", "allow": ["slash"]}}},
            "environ": {"argv": ["/usr/bin/cat", "/proc/self/environ", "-"]},
            "asks": {"argv": ["/usr/bin/true"], "approval": true},
        },
    }));
    Some(host)
}

fn ssh(host: &Helped, options: &[&str], command: &[&str]) -> Command {
    host.command(&[&SSH[..], options, &["--", TARGET], command].concat())
}

fn ask(host: &Helped, command: &str) -> Answer {
    Answer::of(ssh(host, &[], &[command]))
}

fn error_of(answer: &Value) -> &str {
    answer["error"].as_str().expect("a sentence")
}

#[test]
fn a_key_runs_what_the_policy_allows() {
    let Some(host) = reached() else { return };
    for command in
        ["service status ssh", "sudo -n sudo-helper service status ssh", "  service\tstatus   ssh  "]
    {
        let answer = ask(&host, command).success();
        assert_eq!((&answer["op"], &answer["active"]), (&json!("service status ssh"), &json!(true)));
    }
    // As words of their own, sshd joins them.
    assert_eq!(Answer::of(ssh(&host, &[], &["run", "say", "v=a/b,c"])).success()["stdout"], "[a/b,c]");
    assert_eq!(ask(&host, "--dry-run run say v=x").success()["dry_run"], true);
    assert_eq!(ask(&host, "explain service status ssh").success()["approval"], false);
    assert!(ask(&host, "list --json").success()["operations"].is_array());
    ask(&host, "service stop ssh").failure(3, "denied");
    ask(&host, "package install sudo").failure(3, "denied-builtin");
    ask(&host, "service frob ssh").failure(2, "usage");
    let pending = ask(&host, "--no-wait run asks").failure(8, "pending");
    let id = pending["id"].as_str().expect("an id").to_owned();
    host.ask_as("alice", &format!("approve {id}")).failure(3, "denied");
    let record = |answer: &Value| {
        let ours = |entry: &&Value| entry["SUDO_HELPER_REQUEST_ID"] == answer["request_id"];
        host.journal().iter().find(ours).expect("a record").clone()
    };
    let status = record(&ask(&host, "service status ssh").success());
    assert_eq!(status["SUDO_HELPER_USER"], AGENT);
    let claimed = status["SUDO_HELPER_SSH_CONNECTION_CLAIMED"].as_str().expect("sshd has set it");
    assert!(claimed.ends_with(" 22"), "{claimed}");
}

#[test]
fn a_key_runs_nothing_else() {
    let Some(host) = reached() else { return };
    let long = format!("run say v={}", "x".repeat(300));
    let longer = format!("service status {}", "x ".repeat(3000));
    let many = format!("package install {}", vec!["x"; 31].join(" "));
    let table = [
        ("run say v='x y'", "byte 11 of the command is '\\''"),
        ("run say \"v=x\"", "byte 9 of the command is '\\\"'"),
        ("run say v=x\\ y", "'\\\\'"),
        ("service status ssh; id", "';'"),
        ("service status ssh && id", "'&'"),
        ("service status ssh | id", "'|'"),
        ("service status $(id)", "'$'"),
        ("service status `id`", "'`'"),
        ("service status ssh >/tmp/x", "'>'"),
        ("service status s*", "'*'"),
        ("service status ~root", "'~'"),
        ("service status {ssh,cron}", "'{'"),
        ("service status ssh\nid", "'\\n'"),
        ("service status ssh\r", "'\\r'"),
        ("service status \u{1b}[2J", "'\\x1b'"),
        ("service status ѕsh", "'\\xd1'"),
        (&long, "word 3 of the command is longer"),
        (&longer, "longer than"),
        (&many, "more than 32 words"),
        ("id", "'id' cannot be asked for"),
        ("/bin/sh", "'/bin/sh' cannot"),
        ("sudo -n id", "'sudo' cannot"),
        ("sudo -n -u alice sudo-helper list", "'sudo' cannot"),
        ("sftp", "'sftp' cannot"),
        ("/usr/lib/openssh/sftp-server", "cannot"),
        ("scp -t /tmp", "'scp' cannot"),
        ("approve 00000000000000000000000000000000", "'approve' cannot"),
        ("deny 00000000000000000000000000000000", "'deny' cannot"),
        ("pending", "'pending' cannot"),
        ("probe 0123456789", "'probe' cannot"),
        ("worker 00000000000000000000000000000000", "'worker' cannot"),
        ("check-policy /etc/shadow", "'check-policy' cannot"),
        ("default-policy", "'default-policy' cannot"),
        ("ssh", "'ssh' cannot"),
        ("--help", "'--help' cannot"),
        ("--compat-exit service status ssh", "'--compat-exit' cannot"),
        ("explain --policy /etc/shadow service stop ssh", "'--policy' cannot"),
        ("list --policy=/etc/shadow", "'--policy=/etc/shadow' cannot"),
        ("service status ssh --dry-run", "'--dry-run' cannot"),
        ("--no-wait list", "'--no-wait' cannot"),
        ("-- list", "'--' cannot"),
    ];
    for (command, says) in table {
        let answer = ask(&host, command).failure(2, "usage");
        assert!(error_of(&answer).contains(says), "{command}: {answer}");
        assert!(!error_of(&answer).contains(char::is_control), "{answer}");
    }
    // Nothing of it reached sudo.
    assert!(!host.journal().iter().any(|entry| entry["SYSLOG_IDENTIFIER"] == "sudo"));
    host.run(&["test", "-e", "/tmp/x"]).failure();
}

#[test]
fn a_key_gives_no_shell_no_copy_and_no_terminal() {
    let Some(host) = reached() else { return };
    let shell = Answer::of(ssh(&host, &[], &[])).failure(2, "usage");
    assert!(error_of(&shell).starts_with("no operation: this key gives no shell"), "{shell}");
    // What is written to it is no command either.
    let mut typed = Running::start(ssh(&host, &[], &[]));
    typed.write(b"touch /tmp/typed\n");
    assert!(typed.line().is_some_and(|line| line.contains("gives no shell")));
    assert_eq!(typed.status(), 2);
    host.run(&["test", "-e", "/tmp/typed"]).failure();

    host.write("/root/file", "x", 0o644, "root");
    let copy = |program: &[&str]| {
        let to = format!("{TARGET}:/tmp/copied");
        let words = [
            program,
            &["-q", "-i", "/root/key", "-oBatchMode=yes", "-oStrictHostKeyChecking=no", "/root/file", &to],
        ]
        .concat();
        capture(host.command(&words))
    };
    for copied in [copy(&["scp"]), copy(&["scp", "-O"])] {
        assert!(!copied.status.success(), "{copied:?}");
    }
    let sftp = ["sftp", "-q", "-i", "/root/key", "-oBatchMode=yes", "-oStrictHostKeyChecking=no", TARGET];
    assert!(!capture(host.command(&sftp)).status.success());
    host.run(&["test", "-e", "/tmp/copied"]).failure();

    let Output { status, stdout, stderr } = capture(ssh(&host, &["-tt"], &["service status ssh"]));
    let said = String::from_utf8_lossy(&stderr);
    assert!(
        status.code() == Some(255) || said.contains("PTY allocation request failed"),
        "{status} {said} {stdout:?}"
    );
    let forward = capture(ssh(&host, &["-N", "-oExitOnForwardFailure=yes", "-R", "0:localhost:22"], &[]));
    assert_eq!(forward.status.code(), Some(255), "{forward:?}");
}

#[test]
fn neither_environment_nor_input_comes_along() {
    let Some(host) = reached() else { return };
    let options = ["-o", "SendEnv=LC_* LANG", "-o", "SetEnv=LC_EVIL=evil"];
    let words = [
        &["env", "LC_ALL=evil", "LC_X=/tmp/evil", "LANG=evil", "TERM=evil"],
        &SSH[..],
        &options[..],
        &[TARGET, "run environ"],
    ]
    .concat();
    let mut running = Running::start(host.command(&words));
    running.write(b"evil input\n");
    let line = running.line().expect("an answer");
    let answer: Value = serde_json::from_str(&line).expect("JSON");
    let environ = answer["stdout"].as_str().expect("a text");
    assert!(environ.starts_with("PATH=/usr/sbin:/usr/bin:/sbin:/bin\0HOME=/root\0"), "{answer}");
    assert!(environ.ends_with("SYSTEMD_PAGER=cat\0") && !line.contains("evil"), "{answer}");
    // Nor what the agent itself says at home.
    host.write("/home/ai-agent/.ssh/environment", "PATH=/tmp/evil\nLD_PRELOAD=/tmp/evil.so\n", 0o600, AGENT);
    host.write(
        "/home/ai-agent/.bashrc",
        "export PATH=/tmp/evil SSH_ORIGINAL_COMMAND='run environ'\n",
        0o644,
        AGENT,
    );
    host.write("/tmp/evil/sudo", "#!/bin/sh\ntouch /tmp/evil/ran\n", 0o755, AGENT);
    ask(&host, "service status ssh").success();
    host.run(&["test", "-e", "/tmp/evil/ran"]).failure();
}

#[test]
fn it_runs_sudo_by_its_own_path_and_tells_it_where_the_client_is() {
    let Some(host) = reached() else { return };
    // The real sudo, told of before it runs.
    let told = "#!/bin/sh\n{ tr '\\0' ' ' </proc/$$/environ; printf '|%s' \"$@\"; } >/tmp/told\nexec /usr/lib/told/sudo \"$@\"\n";
    host.run(&["sh", "-ec", "mkdir /usr/lib/told; mv /usr/bin/sudo /usr/lib/told/"]).success();
    host.write("/usr/bin/sudo", told, 0o755, "root");
    ask(&host, "sudo -n sudo-helper service status ssh").success();
    let told = host.read("/tmp/told");
    let (environment, words) = told.split_once('|').expect("both");
    assert_eq!(words, "-n|--|/usr/bin/sudo-helper|service|status|ssh");
    let rest = environment.strip_prefix("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ");
    let connection = rest.and_then(|rest| rest.strip_prefix("SSH_CONNECTION=")).expect("and nothing else");
    assert!(connection.split(' ').nth(3) == Some("22") && !connection.contains('='), "{environment}");
}

#[test]
fn a_caller_does_not_become_root_on_the_way() {
    let Some(host) = reached() else { return };
    host.write("/etc/sudoers.d/zz-keep", "Defaults env_keep += \"SSH_ORIGINAL_COMMAND\"\n", 0o440, "root");
    let agent = ["env", "SSH_ORIGINAL_COMMAND=service status ssh", "sudo", "-n", "sudo-helper", "ssh"];
    let refused = Answer::of(host.command_as(AGENT, &agent)).failure(2, "usage");
    assert!(error_of(&refused).contains("by way of sudo"), "{refused}");
    Answer::of(host.command(&agent[..2].iter().chain(&["sudo-helper", "ssh"]).copied().collect::<Vec<_>>()))
        .success();
}
