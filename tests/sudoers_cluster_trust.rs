//! `sudoers-install cluster` and logins, hosts and keys that are not what they say: none gets the password.

use std::fs;

use bed::Host;
use bed::site::{ADMIN, AGENT, PASSWORD, Site, assert_told, rows, set_password, with_input};

/// For sh: keeps all that comes on standard input, has what sshd was asked for done with it, and tells its answer
/// with other facts, as the file `forged` beside it says to sed(1). To anybody else it is the shell.
const TRAP: &str = r#"#!/bin/sh
asked=${SSH_ORIGINAL_COMMAND:-${BASH_EXECUTION_STRING:-$2}}
unset BASH_ENV
case $asked in
*sudoers-install*)
  tee -a "$HOME/stolen" | ( eval "$asked" ) | sed -u -f "$HOME/forged"
  exit 0 ;;
esac
"#;
/// Start-up files of bash(1) read it.
const SOURCED: &str = ". \"$HOME/trap\"\n";

/// What an answer is turned into: another value for each of these facts.
fn forged(facts: &[(&str, &str)]) -> String {
    facts.iter().map(|(key, value)| format!("s/^{key}=.*/{key}={value}/\n")).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts the trap into the home of an account.
fn trap(host: &Host, account: &str, forged: &str) {
    for (name, text) in [("trap", TRAP), ("forged", forged), ("stolen", "")] {
        host.write(&format!("/home/{account}/{name}"), text, 0o755, account);
    }
}

/// Whether the password came on the standard input of the trap.
fn stolen(host: &Host, account: &str) -> bool {
    host.read(&format!("/home/{account}/stolen")).contains(PASSWORD)
}

fn configure_sshd(host: &Host, line: &str) {
    host.write("/etc/ssh/sshd_config.d/test.conf", line, 0o644, "root:root");
    host.run(&["systemctl", "restart", "ssh"]).success();
}

/// Has what the login is asked for fall into the trap, by one of the ways in which a login can do that.
fn set(host: &Host) {
    let home = format!("/home/{AGENT}");
    let own = |name: &str, text: &str| host.write(&format!("{home}/{name}"), text, 0o755, AGENT);
    match host.name() {
        "environment" => {
            configure_sshd(host, "PermitUserEnvironment yes\n");
            // In a shell that seems to be of ssh's and the first, bash(1) reads ~/.bashrc instead.
            own(".ssh/environment", &format!("BASH_ENV={home}/trap\nSHLVL=9\n"));
        }
        "shell" => drop(host.run(&["usermod", "--shell", &format!("{home}/trap"), AGENT]).success()),
        "rc" => own(".ssh/rc", "cp \"$HOME/trap\" \"$HOME/.bashrc\"\n"),
        "forced" => {
            let key = host.read(&format!("{home}/.ssh/authorized_keys"));
            own(".ssh/authorized_keys", &format!("command=\"{home}/trap\" {key}"));
        }
        _ => own(".bashrc", SOURCED),
    }
}

#[test]
fn an_agents_login_that_answers_as_somebody_else_is_not_sent_the_password() {
    let names = ["bashrc", "environment", "shell", "rc", "forced", "unnamed", "grantee"];
    let Some(site) = Site::boot(names) else { return };
    let another = forged(&[("login", &hex(ADMIN)), ("uid", "4242"), ("probe", "unasked")]);
    let of_another = forged(&[("grantee", &hex(ADMIN)), ("grantee_uid", "4242"), ("probe", "unasked")]);
    for host in &site.hosts {
        site.operator.may_enter(host, AGENT);
        // What the operator would type is worth having there.
        set_password(host, AGENT, PASSWORD);
        trap(host, AGENT, if host.name() == "grantee" { &of_another } else { &another });
        set(host);
    }
    site.logs_in_as(AGENT);
    let inventory = fs::read_to_string(site.operator.path("inventory.yaml")).expect("an inventory");
    let login = format!("{}, user: {AGENT}", site.host("unnamed").address());
    site.operator.write("inventory.yaml", &inventory.replace(&login, &site.host("unnamed").address()));
    let unnamed = format!("Host {}\n  User {AGENT}\n", site.host("unnamed").address());
    site.operator.write(".ssh/config", &unnamed);
    let output = site.with(PASSWORD, &["--json", "--keep-going"]);
    let refused = names.map(|name| (name, if name == "grantee" { "no-answer" } else { "login-grantee" }));
    assert_told(&output, &refused);
    for (name, row) in rows(&output) {
        let why = if name == "grantee" { "start-up files" } else { "could read the password" };
        assert!(row["error"].as_str().is_some_and(|error| error.contains(why)), "{row}");
    }
    for host in &site.hosts {
        assert!(!stolen(host, AGENT), "{}", host.name());
    }
    // Where that is allowed they have it: the traps do work.
    let allowed = site.with(PASSWORD, &["--json", "--keep-going", "--allow-login-grantee"]);
    assert_eq!(allowed.status.code(), Some(1));
    for host in site.hosts.iter().filter(|host| host.name() != "grantee") {
        assert!(stolen(host, AGENT), "{}", host.name());
    }
    assert!(!stolen(site.host("grantee"), AGENT));
}

/// Where the rule is for whoever logs in, a login does not choose for whom it is.
#[test]
fn a_login_that_names_another_account_for_the_rule_is_not_sent_the_password() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    trap(host, ADMIN, &forged(&[("grantee", &hex(AGENT)), ("grantee_uid", "4242"), ("probe", "unasked")]));
    host.write(&format!("/home/{ADMIN}/.bashrc"), SOURCED, 0o644, ADMIN);
    let call = ["cluster", "--inventory", "/root/inventory.yaml", "--json", "--password-fd", "0"];
    let command = site.operator.command("sudoers-install", &call);
    let output = with_input(command, format!("{PASSWORD}\n").as_bytes());
    assert_told(&output, &[("one", "no-answer")]);
    assert!(!stolen(host, ADMIN));
}

/// For sh: a call while a connection of the operator's own is open that others may use (ssh_config(5),
/// ControlMaster), to the host `$0`.
const BESIDE_A_MASTER: &str = r#"
exec 3<&0 </dev/null
ssh -o BatchMode=yes "$0" true 3<&-
ssh -O check "$0" 2>/dev/null || exit 99
"$@"
status=$?
ssh -O exit "$0"
exit "$status"
"#;

#[test]
fn a_host_whose_key_is_not_kept_is_not_sent_the_password() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    let address = host.address();
    // Who took its address lets the operator in, too, and keeps what is typed.
    host.change_host_keys();
    trap(host, ADMIN, "");
    host.write(&format!("/home/{ADMIN}/.bashrc"), SOURCED, 0o644, ADMIN);
    let nowhere = "UserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\n";
    let master = format!("User {ADMIN}\nControlMaster auto\nControlPath ~/.ssh/%h\nControlPersist 60\n");
    for (known, checking, more, code) in [
        (nowhere, "accept-new", "", "unknown-key"),
        (nowhere, "no", "", "unknown-key"),
        (nowhere, "no", &*master, "unknown-key"),
        ("", "accept-new", "", "changed-key"),
        ("", "no", "", "changed-key"),
        ("", "no", &*master, "changed-key"),
    ] {
        let configuration = format!("Host *\nStrictHostKeyChecking {checking}\n{known}{more}");
        site.operator.write(".ssh/config", &configuration);
        let before = if more.is_empty() {
            &["sh", "-c", "exec 3<&0; shift; exec \"$@\"", "sh", &address][..]
        } else {
            &["sh", "-c", BESIDE_A_MASTER, &address]
        };
        let command = site.wrapped(before, &["--json", "--password-fd", "3"]);
        let output = with_input(command, format!("{PASSWORD}\n").as_bytes());
        assert_told(&output, &[("one", code)]);
        assert!(!stolen(host, ADMIN), "{configuration}");
    }
    // It is the key that kept it from them.
    site.operator.write(".ssh/config", "");
    site.operator.knows(&[host]);
    assert_told(&site.with(PASSWORD, &["--json"]), &[("one", "installed")]);
    assert!(stolen(host, ADMIN));
}

/// For sh: a call while port 2222 of the operator's machine is forwarded to the host `$0` (ssh(1), -L).
const BEHIND_A_FORWARD: &str = r#"
exec 3<&0 </dev/null
ip link set lo up
ssh -F none -M -S /root/.ssh/forward -o BatchMode=yes -o ExitOnForwardFailure=yes -f -N \
  -L 127.0.0.1:2222:127.0.0.1:22 "admin@$0" 3<&- >/dev/null 2>&1 || exit 99
"$@"
status=$?
ssh -S /root/.ssh/forward -O exit "$0" 2>/dev/null
exit "$status"
"#;

#[test]
fn a_host_behind_a_forward_on_localhost_is_not_sent_the_password_unless_its_key_is_known() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    let address = host.address();
    let there = || host.known_host().replace(&address, "[127.0.0.1]:2222");
    let another = there();
    host.change_host_keys();
    trap(host, ADMIN, "");
    host.write(&format!("/home/{ADMIN}/.bashrc"), SOURCED, 0o644, ADMIN);
    let inventory = format!("one: {{hostname: 127.0.0.1, port: 2222, user: {ADMIN}}}\n");
    site.operator.write("inventory.yaml", &inventory);
    site.operator.write(".ssh/config", "NoHostAuthenticationForLocalhost yes\n");
    let call = |known: &str| {
        site.operator.write(".ssh/known_hosts", &(host.known_host() + known));
        let before = ["sh", "-c", BEHIND_A_FORWARD, &address];
        let command = site.wrapped(&before, &["--json", "--password-fd", "3"]);
        with_input(command, format!("{PASSWORD}\n").as_bytes())
    };
    for (known, code) in [("", "unknown-key"), (&*another, "changed-key")] {
        assert_told(&call(known), &[("one", code)]);
        assert!(!stolen(host, ADMIN), "{code}");
    }
    // It is the key that kept it from them.
    assert_told(&call(&there()), &[("one", "installed")]);
    assert!(stolen(host, ADMIN));
}
