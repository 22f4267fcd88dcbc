//! Logins with ssh(1) at a real sshd(8), by a user that can read no private key.

use crate::bench::{Bench, Child, Key, Server, known_hosts};
use crate::rule;

/// Logs in at a server with this host key and runs a command there; what came of it, and the record.
fn log_in(
    bench: &Bench,
    key: &Key,
    (allowed, host): (&Key, &Key),
    command: &[&str],
) -> Option<(std::process::Output, String)> {
    let accounts = accounts::Database::read().expect("accounts").local_accounts();
    let account = accounts.into_iter().find(|row| ![0, 65_534].contains(&row.uid)).expect("an account");
    let server = Server::start(bench.folder(), host.file(), &key.line)?;
    let known = known_hosts(bench.folder(), "git.example.org", &host.line);
    let hosts = format!(r#"[{{"name": "git.example.org", "keys": ["{}"]}}]"#, allowed.line);
    bench.write_policy(&[rule(key, &format!(r#""users": ["root"], "hosts": {hosts}"#))], "{}");
    let serve = bench.serve_by_policy(&["--allow-user", &account.name, "--mode", "666"]);
    let (port, known) =
        (format!("Port={}", server.port()), format!("UserKnownHostsFile={}", known.display()));
    let socket = format!("IdentityAgent={}", serve.socket().display());
    let mut words = vec!["-F", "none"];
    let options = [&port, &known, &socket, "HostKeyAlias=git.example.org", "BatchMode=yes"];
    options.iter().for_each(|option| words.extend(["-o", option]));
    words.extend(["-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=none"]);
    words.extend(["-o", "ForwardAgent=yes", "root@127.0.0.1"]);
    words.extend(command);
    let output = Child::of("ssh", &words, account.uid, serve.socket()).output();
    server.wait();
    Some((output, serve.end()))
}

#[test]
fn ssh_logs_in_at_the_host_of_the_policy() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let Some((output, record)) = log_in(&bench, &key, (&host, &host), &["echo", "logged", "in"]) else {
        return;
    };
    assert_eq!(output.stdout, b"logged in\n", "{output:?}: {record}");
    assert!(record.contains(r#""outcome":"signed""#), "{record}");
}

#[test]
fn ssh_does_not_log_in_at_another_host_though_it_would_be_let_in_there() {
    let Some(bench) = Bench::new() else { return };
    let (key, host, other) = (bench.add_key("one"), bench.add_key("host"), bench.add_key("other"));
    let Some((output, record)) = log_in(&bench, &key, (&host, &other), &["true"]) else { return };
    assert_eq!(output.status.code(), Some(255), "{output:?}");
    assert!(record.contains(r#""reason":"host-not-allowed""#), "{record}");
}

#[test]
fn the_host_gets_nothing_out_of_an_agent_that_is_forwarded_to_it() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let command = ["ssh-add -L; echo $?; test -S $SSH_AUTH_SOCK && echo forwarded"];
    let Some((output, record)) = log_in(&bench, &key, (&host, &host), &command) else { return };
    assert_eq!(output.stdout, b"1\nforwarded\n", "{output:?}: {record}");
    assert!(record.contains(r#""forwarded":true"#), "{record}");
}
