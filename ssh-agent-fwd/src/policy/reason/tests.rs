//! The words are promises; the sentences say what was compared with what.

use super::super::tests::key;
use super::*;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn every_reason_has_its_word_and_a_sentence_with_both_sides() {
    let (one, two) = (key("one"), key("two"));
    let (first, second) = (one.fingerprint().to_string(), two.fingerprint().to_string());
    let allowed = vec![HostKey { name: "git.example.org".to_owned(), key: two.clone() }];
    let host = |proof| Reason::Host { hosts: texts(&["a.example.org", "b.example.org"]), proof };
    for (reason, word, parts) in [
        (host(Proof::Hostbound), "hostbound", vec!["data", "a.example.org, b.example.org"]),
        (
            host(Proof::SessionBind),
            "session-bound",
            vec!["bound to this session", "a.example.org, b.example.org"],
        ),
        (Reason::AnyHost, "any-host", vec!["any host"]),
        (Reason::Namespace("git".to_owned()), "namespace", vec!["'git'"]),
        (Reason::Opaque, "opaque", vec!["neither a login nor an SSHSIG"]),
        (Reason::List, "list", vec!["listed"]),
        (Reason::KeyNotListed(one.clone()), "key-not-listed", vec![first.as_str(), "no rule"]),
        (Reason::Forwarded, "forwarded", vec!["session-bind", "ssh -A", "no rule of this key allows that"]),
        (Reason::OpaqueNotAllowed, "opaque-not-allowed", vec!["neither a login", "the rule does not allow"]),
        (
            Reason::NamespaceNotAllowed { namespace: "file".to_owned(), allowed: texts(&["git", "tag"]) },
            "namespace-not-allowed",
            vec!["is 'file'", "allows git, tag"],
        ),
        (
            Reason::NamespaceNotAllowed { namespace: "file".to_owned(), allowed: Vec::new() },
            "namespace-not-allowed",
            vec!["is 'file'", "allows none"],
        ),
        (
            Reason::UserNotAllowed { user: "root".to_owned(), allowed: texts(&["git"]) },
            "user-not-allowed",
            vec!["as 'root'", "allows git"],
        ),
        (
            Reason::HostKeysDisagree { signed: one.clone(), bound: two.clone() },
            "host-keys-disagree",
            vec![first.as_str(), second.as_str()],
        ),
        (
            Reason::NotBound,
            "not-bound",
            vec!["certain hosts", "no host key", "no session-bind", "OpenSSH 8.9"],
        ),
        (Reason::OtherSession, "other-session", vec!["certain hosts", "their session is not the one"]),
        (Reason::HostCertificate(one.clone()), "host-certificate", vec![first.as_str(), "not supported"]),
        (
            Reason::HostNotAllowed { presented: one.clone(), allowed },
            "host-not-allowed",
            vec![first.as_str(), "git.example.org (ssh-ed25519 SHA256:", second.as_str()],
        ),
        (
            Reason::TooOften(Rate { burst: 30, milli_per_s: 500 }),
            "too-often",
            vec!["30 at once and 0.5 per second", "raise the rate"],
        ),
    ] {
        assert_eq!(reason.word(), word);
        let sentence = reason.to_string();
        for part in parts {
            assert!(sentence.contains(part), "{word}: {part}: {sentence}");
        }
    }
}

#[test]
fn what_a_client_said_is_cut_and_seen_to_be() {
    let user = "é".repeat(65);
    let reason = Reason::UserNotAllowed { user, allowed: Vec::new() };
    assert!(reason.to_string().contains(&format!("'{}…'", "é".repeat(64))), "{reason}");
    let nine: Vec<String> = (1..=9).map(|number| number.to_string()).collect();
    assert_eq!(listed(&nine), "1, 2, 3, 4, 5, 6, 7, 8 and 1 more");
    assert_eq!(listed(&nine[..8]), "1, 2, 3, 4, 5, 6, 7, 8");
}
