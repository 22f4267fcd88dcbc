//! What is listed and signed, for whom and how often.

use std::io::Write;

use crate::bench::{
    Bench, Child, FAILURE, LIST, SIGN_RESPONSE, account, frame, login, read, sign, sshsig, string,
};
use crate::{STRANGER, USER, rule};

#[test]
fn only_the_keys_of_the_policy_are_listed_in_their_order() {
    let Some(bench) = Bench::new() else { return };
    let keys = [bench.add_key("one"), bench.add_key("two"), bench.add_key("three")];
    let serve =
        bench.serve(&[rule(&keys[0], r#""namespaces": ["git"]"#), rule(&keys[2], r#""opaque": true"#)]);
    let mut client = serve.connect(USER);
    let reply = client.ask(&LIST);
    let mut expected = vec![12, 0, 0, 0, 2];
    for (key, comment) in [(&keys[0], "one"), (&keys[2], "three")] {
        string(&mut expected, &key.blob);
        string(&mut expected, comment.as_bytes());
    }
    assert_eq!(reply, expected);
}

#[test]
fn without_a_policy_nothing_is_listed_and_nothing_is_signed_and_that_is_said() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve_with(&["--allow-user", &USER.to_string()]);
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&LIST), [12, 0, 0, 0, 0]);
    assert_eq!(client.ask(&sign(&key.blob, &sshsig("git"))), FAILURE);
    let said = serve.end();
    assert!(said.contains("the policy has no keys"), "{said}");
    assert!(said.contains(r#""reason":"key-not-listed""#), "{said}");
}

#[test]
fn what_the_policy_allows_is_signed_and_nothing_else_and_every_decision_is_recorded() {
    let Some(bench) = Bench::new() else { return };
    let (key, other) = (bench.add_key("one"), bench.add_key("two"));
    let more = r#""users": ["git"], "any_host": true, "namespaces": ["git"]"#;
    let serve = bench.serve(&[rule(&key, more)]);
    let mut client = serve.connect(USER);
    for (request, signed, reason) in [
        (sign(&key.blob, &sshsig("git")), true, "namespace"),
        (sign(&key.blob, &sshsig("file")), false, "namespace-not-allowed"),
        (sign(&key.blob, &login(&key.blob, "git")), true, "any-host"),
        (sign(&key.blob, &login(&key.blob, "root")), false, "user-not-allowed"),
        (sign(&key.blob, &login(&other.blob, "git")), false, "opaque-not-allowed"),
        (sign(&key.blob, &[7; 32]), false, "opaque-not-allowed"),
        (sign(&other.blob, &sshsig("git")), false, "key-not-listed"),
    ] {
        let reply = client.ask(&request);
        assert_eq!(reply[0] == SIGN_RESPONSE, signed, "{reason}: {reply:?}");
        assert!(signed || reply == FAILURE, "{reason}: {reply:?}");
    }
    let mut trailing = sign(&key.blob, &sshsig("git"));
    trailing.push(0);
    assert_eq!(client.ask(&trailing), FAILURE);
    drop(client);
    let said = serve.end();
    let mut events: Vec<serde_json::Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    // That of the connection may come after the end, and is then told of as lost.
    events.retain(|event| event["event"] == "sign");
    let reasons: Vec<&str> = events.iter().filter_map(|event| event["reason"].as_str()).collect();
    let expected = [
        "namespace",
        "namespace-not-allowed",
        "any-host",
        "user-not-allowed",
        "opaque-not-allowed",
        "opaque-not-allowed",
        "key-not-listed",
    ];
    assert_eq!(reasons, expected, "{said}");
    assert_eq!(events[0]["kernel"]["uid"], USER);
    assert_eq!(events[0]["outcome"], "signed");
    assert!(events[0]["kernel"]["seen"]["exe"].is_string(), "{said}");
}

#[test]
fn a_stranger_and_root_are_not_let_in_and_the_agent_does_not_hear_of_them() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve_with(&["--allow-user", &USER.to_string(), "--mode", "666"]);
    for uid in [STRANGER, 0, 65_534] {
        let mut client = serve.connect(uid);
        let _ = client.stream.write_all(&frame(&LIST));
        assert_eq!(read(&mut client.stream), None, "{uid}");
    }
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
    let said = serve.end();
    assert_eq!(said.matches(r#""event":"refused""#).count(), 3, "{said}");
}

#[test]
fn a_key_signs_as_often_as_its_rate_says() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let rate = r#"{"burst": 2, "per_s": 0.001}"#;
    let serve = bench.serve_at(&[rule(&key, r#""namespaces": ["git"]"#)], rate);
    let request = sign(&key.blob, &sshsig("git"));
    let kinds: Vec<u8> = (0..3).map(|_| serve.connect(USER).ask(&request)[0]).collect();
    assert_eq!(kinds, [SIGN_RESPONSE, SIGN_RESPONSE, FAILURE[0]]);
    assert!(serve.end().contains(r#""reason":"too-often""#));
}

#[test]
fn a_user_that_has_used_a_key_up_leaves_it_to_others_and_has_its_other_keys() {
    let Some(bench) = Bench::new() else { return };
    let (one, two, other) = (bench.add_key("one"), bench.add_key("two"), USER + 1);
    let rules = [&one, &two].map(|key| rule(key, r#""namespaces": ["git"]"#)).join(", ");
    let (clients, rate) =
        (format!(r#"[{{"uid": {USER}}}, {{"uid": {other}}}]"#), r#"{"burst": 2, "per_s": 0.001}"#);
    bench.write_text(&format!(r#"{{"clients": {clients}, "keys": [{rules}], "rate": {rate}}}"#));
    let serve = bench.serve_by_policy(&["--mode", "666"]);
    let signed = [(USER, &one), (other, &one), (USER, &two)].map(|(uid, key)| {
        let request = sign(&key.blob, &sshsig("git"));
        [(); 3].map(|()| serve.connect(uid).ask(&request)[0])
    });
    assert_eq!(signed, [[SIGN_RESPONSE, SIGN_RESPONSE, FAILURE[0]]; 3]);
}

#[test]
fn ssh_add_lists_and_ssh_keygen_signs_through_it() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let account = account();
    bench.write_policy(&[rule(&key, r#""namespaces": ["git"]"#)], "{}");
    let serve = bench.serve_by_policy(&["--allow-user", &account.name, "--mode", "666"]);
    let listed = Child::of("ssh-add", &["-L"], account.uid, serve.socket()).run("");
    assert_eq!(listed.trim(), format!("{} one", key.line));
    let public = bench.public_key(&key);
    let words = ["-Y", "sign", "-q", "-n", "git", "-f", public.to_str().expect("a path")];
    let signature = Child::of("ssh-keygen", &words, account.uid, serve.socket()).run("a commit");
    assert!(signature.starts_with("-----BEGIN SSH SIGNATURE-----"), "{signature}");
}
