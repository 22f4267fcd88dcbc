//! Keys of the agent's that are many, and certificates.

use std::fs;

use ssh_agent_fwd::key::KeyBlob;

use crate::bench::{Bench, Child, FAILURE, LIST, SIGN_RESPONSE, sign, sshsig, string};
use crate::{USER, rule};

/// How long a comment ssh-keygen(1) takes, about.
const COMMENT: usize = 1000;

#[test]
fn a_list_is_whole_and_in_order_however_long_it_is() {
    // As many keys as a policy may name.
    for (count, more) in [(5, 4 * 1024), (64, 64 * 1024)] {
        let Some(bench) = Bench::new() else { return };
        let comment = "x".repeat(COMMENT);
        let keys: Vec<_> =
            (0..count).map(|number| bench.add_key_called(&format!("k{number}"), &comment)).collect();
        let rules: Vec<String> = keys.iter().map(|key| rule(key, r#""namespaces": ["git"]"#)).collect();
        let mut expected = vec![12];
        expected.extend(u32::try_from(count).expect("few").to_be_bytes());
        for key in &keys {
            string(&mut expected, &key.blob);
            string(&mut expected, comment.as_bytes());
        }
        assert!(expected.len() > more, "{}", expected.len());
        let serve = bench.serve(&rules);
        let mut client = serve.connect(USER);
        let reply = client.ask(&LIST);
        assert!(reply == expected, "{count} keys: {} {:?}", reply.len(), &reply[..9]);
        assert_eq!(
            client.ask(&sign(&keys[0].blob, &sshsig("git")))[0],
            SIGN_RESPONSE,
            "and the next reply is whole"
        );
    }
}

#[test]
fn a_certificate_is_listed_and_signs_by_the_rule_of_its_plain_key() {
    let Some(bench) = Bench::new() else { return };
    let (authority, key, other) = (bench.add_key("authority"), bench.add_key("one"), bench.add_key("two"));
    let certify = |key: &crate::bench::Key| {
        let path = |key: &crate::bench::Key| key.file().to_str().expect("a path").to_owned();
        let words = ["-q", "-s", &path(&authority), "-I", "id", "-n", "git", &format!("{}.pub", path(key))];
        Child::of("ssh-keygen", &words, 0, &bench.agent_socket()).run("");
        Child::of("ssh-add", &["-q", &path(key)], 0, &bench.agent_socket()).run("");
        let line = fs::read_to_string(format!("{}-cert.pub", path(key))).expect("read");
        let line: Vec<&str> = line.split(' ').take(2).collect();
        line.join(" ").parse::<KeyBlob>().expect("a certificate")
    };
    let (certificate, of_other) = (certify(&key), certify(&other));
    let serve = bench.serve(&[rule(&key, r#""namespaces": ["git"]"#)]);
    let mut client = serve.connect(USER);
    let mut expected = vec![12, 0, 0, 0, 2];
    for blob in [&key.blob[..], certificate.as_bytes()] {
        string(&mut expected, blob);
        string(&mut expected, b"one");
    }
    assert_eq!(client.ask(&LIST), expected);
    for (blob, namespace, signed) in [
        (certificate.as_bytes(), "git", true),
        (certificate.as_bytes(), "file", false),
        (of_other.as_bytes(), "git", false),
    ] {
        let reply = client.ask(&sign(blob, &sshsig(namespace)));
        assert_eq!(reply[0], if signed { SIGN_RESPONSE } else { FAILURE[0] }, "{namespace}");
    }
    drop(client);
    let said = serve.end();
    let plain = KeyBlob::of(&key.blob).fingerprint().to_string();
    assert_eq!(
        said.matches(&format!(r#""key":"{plain}""#)).count(),
        2,
        "it is recorded as its plain key: {said}"
    );
}
