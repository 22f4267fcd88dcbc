//! Where a login is: session-binds that a real agent verifies, and forwarded connections.

use crate::bench::{Bench, Client, FAILURE, Key, LIST, SIGN_RESPONSE, bind, login_in, sign, string};
use crate::{USER, rule};

const SUCCESS: [u8; 1] = [6];

/// The agent's second key stands for a host's: its signature of the session is a real one.
fn host_signature(bench: &Bench, host: &Key, session: &[u8]) -> Vec<u8> {
    let reply = Client::connect(&bench.agent_socket(), 0).ask(&sign(&host.blob, session));
    assert_eq!(reply[0], SIGN_RESPONSE);
    reply[5..].to_vec()
}

fn at_host(key: &Key, host: &Key) -> String {
    let hosts = format!(r#"[{{"name": "git.example.org", "keys": ["{}"]}}]"#, host.line);
    rule(key, &format!(r#""users": ["git"], "hosts": {hosts}"#))
}

#[test]
fn a_login_without_a_host_key_is_signed_in_the_session_that_the_agent_has_verified_and_in_no_other() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let serve = bench.serve(&[at_host(&key, &host)]);
    let (session, other) = ([1; 32], [2; 32]);
    let signature = host_signature(&bench, &host, &session);
    let request = sign(&key.blob, &login_in(&session, &key.blob, "git", None));

    let mut unbound = serve.connect(USER);
    assert_eq!(unbound.ask(&request), FAILURE, "nothing shows where it is");
    let mut forged = serve.connect(USER);
    assert_ne!(forged.ask(&bind(&host.blob, &other, &signature, 0)), SUCCESS);
    let elsewhere = sign(&key.blob, &login_in(&other, &key.blob, "git", None));
    assert_eq!(forged.ask(&elsewhere), FAILURE, "the signature is of another session");
    let mut bound = serve.connect(USER);
    assert_eq!(bound.ask(&bind(&host.blob, &session, &signature, 0)), SUCCESS);
    assert_eq!(bound.ask(&request)[0], SIGN_RESPONSE);
    assert_eq!(bound.ask(&elsewhere), FAILURE, "it is bound to the other session");
    assert_eq!(serve.connect(USER).ask(&request), FAILURE, "a bind is its connection's alone");
}

#[test]
fn a_login_that_names_its_host_key_is_signed_where_that_one_is_allowed() {
    let Some(bench) = Bench::new() else { return };
    let (key, host, other) = (bench.add_key("one"), bench.add_key("host"), bench.add_key("other"));
    let serve = bench.serve(&[at_host(&key, &host)]);
    let mut client = serve.connect(USER);
    let at = |host: &Key| sign(&key.blob, &login_in(&[1; 32], &key.blob, "git", Some(&host.blob)));
    assert_eq!(client.ask(&at(&host))[0], SIGN_RESPONSE);
    assert_eq!(client.ask(&at(&other)), FAILURE);
    let signature = host_signature(&bench, &other, &[1; 32]);
    assert_eq!(client.ask(&bind(&other.blob, &[1; 32], &signature, 0)), SUCCESS);
    assert_eq!(client.ask(&at(&host)), FAILURE, "the connection is bound to another host");
}

#[test]
fn a_connection_that_was_once_forwarded_neither_lists_nor_signs_whatever_the_agent_answers() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let serve = bench.serve(&[at_host(&key, &host)]);
    let session = [1; 32];
    let signature = host_signature(&bench, &host, &session);
    let request = sign(&key.blob, &login_in(&session, &key.blob, "git", Some(&host.blob)));
    let mut cut = bind(&host.blob, &session, &signature, 1);
    cut.pop();
    for (forwarding, verified) in [
        (bind(&host.blob, &session, &signature, 1), true),
        (bind(&host.blob, &session, b"forged", 1), false),
        (cut, false),
    ] {
        let mut client = serve.connect(USER);
        assert_eq!(client.ask(&LIST)[0], 12);
        assert_eq!(client.ask(&forwarding) == SUCCESS, verified);
        // The agent takes the same session without the flag.
        assert_eq!(client.ask(&bind(&host.blob, &session, &signature, 0)), SUCCESS);
        assert_eq!(client.ask(&LIST), FAILURE);
        assert_eq!(client.ask(&request), FAILURE);
    }
}

#[test]
fn a_policy_may_allow_a_key_on_forwarded_connections() {
    let Some(bench) = Bench::new() else { return };
    let (key, other) = (bench.add_key("one"), bench.add_key("two"));
    let forwarded = rule(&key, r#""namespaces": ["git"], "forwarded": true"#);
    let serve = bench.serve(&[forwarded, rule(&other, r#""namespaces": ["git"]"#)]);
    let mut client = serve.connect(USER);
    client.ask(&bind(&other.blob, &[1; 32], b"", 1));
    let mut expected = vec![12, 0, 0, 0, 1];
    string(&mut expected, &key.blob);
    string(&mut expected, b"one");
    assert_eq!(client.ask(&LIST), expected, "and no other key");
}

#[test]
fn behind_so_many_hops_as_the_agent_counts_a_login_is_where_it_is_and_behind_one_more_it_is_nowhere() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let hosts = format!(r#"[{{"name": "git.example.org", "keys": ["{}"]}}]"#, host.line);
    let serve =
        bench.serve(&[rule(&key, &format!(r#""users": ["git"], "hosts": {hosts}, "forwarded": true"#))]);
    // AGENT_MAX_SESSION_IDS of ssh-agent.c is 16, the login's own among them.
    for (hops, bound) in [(15, true), (16, false)] {
        let mut client = serve.connect(USER);
        for hop in 0..hops {
            let session = [hop + 10; 32];
            let signature = host_signature(&bench, &host, &session);
            assert_eq!(client.ask(&bind(&host.blob, &session, &signature, 1)), SUCCESS, "{hop}");
        }
        let session = [1; 32];
        let signature = host_signature(&bench, &host, &session);
        assert_eq!(client.ask(&bind(&host.blob, &session, &signature, 0)) == SUCCESS, bound, "{hops}");
        let reply = client.ask(&sign(&key.blob, &login_in(&session, &key.blob, "git", None)));
        assert_eq!(reply[0], if bound { SIGN_RESPONSE } else { FAILURE[0] }, "{hops}");
    }
}

#[test]
fn a_user_has_the_agent_verify_so_many_binds_and_no_more_and_each_of_them_still_counts_as_forwarding() {
    let Some(bench) = Bench::new() else { return };
    let (key, host) = (bench.add_key("one"), bench.add_key("host"));
    let serve = bench.serve(&[at_host(&key, &host)]);
    let login = |session: &[u8]| sign(&key.blob, &login_in(session, &key.blob, "git", Some(&host.blob)));
    // Each connection has one, until the bucket is empty: what comes back with time is less than a connection takes.
    let verified = (0..200_u32).map(|number| {
        let session = [[7; 28].as_slice(), &number.to_be_bytes()].concat();
        let signature = host_signature(&bench, &host, &session);
        serve.connect(USER).ask(&bind(&host.blob, &session, &signature, 0)) == SUCCESS
    });
    let verified = verified.filter(|verified| *verified).count();
    assert!((64..200).contains(&verified), "{verified}");
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&login(&[1; 32]))[0], SIGN_RESPONSE, "it names its host key, and needs no bind");
    // Refused or not, who says once that it is forwarded is.
    let _ = client.ask(&bind(&host.blob, &[2; 32], b"", 1));
    assert_eq!(client.ask(&login(&[1; 32])), FAILURE);
}
