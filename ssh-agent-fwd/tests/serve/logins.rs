//! Logins with ssh(1) at a real sshd(8), by a user that can read no private key.

use crate::bench::{Bench, Key, Site};
use crate::rule;

const HOST: &str = "git.example.org";

/// A rule for logins as root at these hosts.
fn at(key: &Key, hosts: &[(&str, &Key)]) -> String {
    let host = |(name, key): &(&str, &Key)| format!(r#"{{"name": "{name}", "keys": ["{}"]}}"#, key.line);
    let hosts: Vec<String> = hosts.iter().map(host).collect();
    rule(key, &format!(r#""users": ["root"], "hosts": [{}]"#, hosts.join(", ")))
}

/// Logs in at a server with this host key and runs a command there; what came of it, and the record.
fn log_in(
    bench: &Bench,
    key: &Key,
    (allowed, host): (&Key, &Key),
    words: &[&str],
) -> Option<(std::process::Output, String)> {
    let mut site = Site::new()?;
    site.add_host(HOST, host, key, "");
    let serve = site.serve(bench, &[at(key, &[(HOST, allowed)])]);
    let output = site.ssh(&serve, words);
    site.wait();
    Some((output, serve.end()))
}

#[test]
fn ssh_logs_in_at_the_host_of_the_policy() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let Some((output, record)) = log_in(&bench, &key, (&host, &host), &[HOST, "echo", "logged", "in"]) else {
        return;
    };
    assert_eq!(output.stdout, b"logged in\n", "{output:?}: {record}");
    assert!(record.contains(r#""outcome":"signed""#), "{record}");
}

#[test]
fn ssh_does_not_log_in_at_another_host_though_it_would_be_let_in_there() {
    let Some(bench) = Bench::new() else { return };
    let (key, host, other) = (bench.add_key("one"), bench.add_key("host"), bench.add_key("other"));
    let Some((output, record)) = log_in(&bench, &key, (&host, &other), &[HOST, "true"]) else { return };
    assert_eq!(output.status.code(), Some(255), "{output:?}");
    assert!(record.contains(r#""reason":"host-not-allowed""#), "{record}");
}

#[test]
fn the_host_gets_nothing_out_of_an_agent_that_is_forwarded_to_it() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let command = ["-A", HOST, "ssh-add -L; echo $?; test -S $SSH_AUTH_SOCK && echo forwarded"];
    let Some((output, record)) = log_in(&bench, &key, (&host, &host), &command) else { return };
    assert_eq!(output.stdout, b"1\nforwarded\n", "{output:?}: {record}");
    assert!(record.contains(r#""forwarded":true"#), "{record}");
}

#[test]
fn ssh_jumps_over_one_host_of_the_policy_to_another_and_over_no_other() {
    for (jumps, status) in [(true, 0), (false, 255)] {
        let Some(bench) = Bench::new() else { return };
        let (key, hop, target) = (bench.add_key("one"), bench.add_key("hop"), bench.add_key("target"));
        let Some(mut site) = Site::new() else { return };
        site.add_host("hop", &hop, &key, "");
        let allowed: &[_] =
            if jumps { &[("hop", &hop), ("target", &target)] } else { &[("target", &target)] };
        if jumps {
            site.add_host("target", &target, &key, "ProxyJump hop");
        }
        let serve = site.serve(&bench, &[at(&key, allowed)]);
        let words: &[&str] = if jumps { &["target", "true"] } else { &["-J", "hop", "127.0.0.1", "true"] };
        let output = site.ssh(&serve, words);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        site.wait();
        let record = serve.end();
        let signed = record.matches(r#""outcome":"signed""#).count();
        assert_eq!(signed, if jumps { 2 } else { 0 }, "each hop is a connection and a signature: {record}");
    }
}

#[test]
fn a_key_that_the_agent_itself_ties_to_a_host_works_there_and_nowhere_else() {
    let Some(bench) = Bench::new() else { return };
    let (host, other) = (bench.add_key("host"), bench.add_key("other"));
    for (server, status) in [(&host, 0), (&other, 255)] {
        let Some(mut site) = Site::new() else { return };
        let known = site.path("known");
        std::fs::write(&known, format!("{HOST} {}\n", host.line)).expect("written");
        let words = ["-h", &format!("root@{HOST}"), "-H", known.to_str().expect("a path")];
        let key = bench.add_key_with(&format!("tied-{status}"), &words);
        site.add_host(HOST, server, &key, "");
        // The forwarder would let it sign anywhere.
        let serve = site.serve(&bench, &[rule(&key, r#""users": ["root"], "any_host": true"#)]);
        let output = site.ssh(&serve, &[HOST, "true"]);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        site.wait();
        let record = serve.end();
        // Elsewhere the agent does not even list it, for it knows by the session-bind where this is.
        assert_eq!(record.contains(r#""outcome":"signed""#), status == 0, "{record}");
    }
}
