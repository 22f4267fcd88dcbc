//! A decision, explained: what every rule says of a request, by the same evaluator.

use std::fmt;

use serde::Serialize;

use super::decision::{decide, judge};
use super::reason::Reason;
use super::{KeyRule, Policy};
use crate::bindings::Bindings;
use crate::key::KeyBlob;
use crate::signed::Signed;

/// That a rule is about another key than the request.
const OTHER_KEY: &str = "other-key";

/// What is decided of a request, and what every rule says of it. What the client said is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The key's fingerprint.
    pub key: String,
    /// What is to be signed: `userauth`, `sshsig` or `opaque`.
    pub class: &'static str,
    /// As whom a login is.
    pub user: Option<String>,
    /// The host key that the data name.
    pub signed_host_key: Option<String>,
    /// The host key that the connection is bound to in this session.
    pub bound_host_key: Option<String>,
    /// What an SSHSIG signature is for.
    pub namespace: Option<String>,
    /// Whether the connection was forwarded.
    pub forwarded: bool,
    /// The rules, in the policy's order.
    pub rules: Vec<RuleSays>,
    /// What is decided.
    pub allowed: bool,
    /// Why, for programs.
    pub reason: &'static str,
    /// Why, for people.
    pub sentence: String,
}

/// What one rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleSays {
    /// The fingerprint of its key.
    pub key: String,
    /// Whether it allows the request.
    pub allowed: bool,
    /// Why, for programs.
    pub reason: &'static str,
    /// Why, for people.
    pub sentence: String,
}

/// Explains what [`decide`] decides of the same request.
#[must_use]
pub fn explain(policy: &Policy, bindings: &Bindings, key: &KeyBlob, signed: &Signed<'_>) -> Explanation {
    let decision = decide(policy, bindings, key, signed);
    let fingerprint = |bytes: &[u8]| KeyBlob::of(bytes).fingerprint().to_string();
    let mut explanation = Explanation {
        key: key.fingerprint().to_string(),
        class: signed.class(),
        user: None,
        signed_host_key: None,
        bound_host_key: None,
        namespace: None,
        forwarded: bindings.is_forwarding(),
        rules: policy.keys.iter().map(|rule| rule_says(rule, bindings, &key.plain(), signed)).collect(),
        allowed: decision.is_allowed(),
        reason: decision.reason().word(),
        sentence: decision.reason().to_string(),
    };
    match signed {
        Signed::UserAuth(login) => {
            explanation.user = Some(diagnostics::one_line(login.user));
            explanation.signed_host_key = login.host_key.map(fingerprint);
            explanation.bound_host_key =
                bindings.verified(login.session).map(|key| key.fingerprint().to_string());
        }
        Signed::SshSig(signature) => explanation.namespace = Some(diagnostics::one_line(signature.namespace)),
        Signed::Opaque => {}
    }
    explanation
}

fn rule_says(rule: &KeyRule, bindings: &Bindings, plain: &KeyBlob, signed: &Signed<'_>) -> RuleSays {
    let key = rule.key.fingerprint().to_string();
    if rule.key != *plain {
        let sentence = "it is about another key".to_owned();
        return RuleSays { key, allowed: false, reason: OTHER_KEY, sentence };
    }
    let judged = judge(rule, bindings, signed);
    let (Ok(reason) | Err(reason)): &Result<Reason, Reason> = &judged;
    RuleSays { key, allowed: judged.is_ok(), reason: reason.word(), sentence: reason.to_string() }
}

/// Line by line: the request, the rules, the decision.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forwarded = if self.forwarded { "yes" } else { "no" };
        writeln!(f, "request: {} with key {}", self.class, self.key)?;
        for (what, value) in [
            ("user", self.user.as_deref()),
            ("host key in the data", self.signed_host_key.as_deref()),
            ("host key of the verified session-bind", self.bound_host_key.as_deref()),
            ("namespace", self.namespace.as_deref()),
            ("forwarded", Some(forwarded)),
        ] {
            if let Some(value) = value {
                writeln!(f, "  {what}: {value}")?;
            }
        }
        // Those about other keys say nothing of this one; programs get them all.
        let of_this_key = |(_, rule): &(usize, &RuleSays)| rule.reason != OTHER_KEY;
        for (index, rule) in self.rules.iter().enumerate().filter(of_this_key) {
            let RuleSays { key, allowed, reason, sentence } = rule;
            writeln!(f, "rule {} ({key}): {} {reason}: {sentence}", index + 1, verdict(*allowed))?;
        }
        write!(f, "decision: {} {}: {}", verdict(self.allowed), self.reason, self.sentence)
    }
}

const fn verdict(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{GIT, OTHER_HOST, bound, key, login, policy};
    use super::*;

    #[test]
    fn every_rule_says_what_it_compares_and_the_decision_is_that_of_a_client() {
        let (policy, bindings) = (policy(), bound(OTHER_HOST, b"session"));
        let login = login("git", b"session", None);
        let explanation = explain(&policy, &bindings, &key("mine"), &login);
        let decision = decide(&policy, &bindings, &key("mine"), &login);
        assert_eq!(explanation.reason, decision.reason().word());
        assert_eq!(explanation.allowed, decision.is_allowed());
        let words: Vec<&str> = explanation.rules.iter().map(|rule| rule.reason).collect();
        assert_eq!(words, ["host-not-allowed", "user-not-allowed", "other-key"]);
        let text = explanation.to_string();
        for part in [
            "request: userauth with key SHA256:",
            "\n  user: git\n",
            "\n  host key of the verified session-bind: SHA256:",
            "\n  forwarded: no\n",
            "\nrule 2 (SHA256:",
            ": deny user-not-allowed: the login is as 'git', and the rule allows deploy\n",
            "\ndecision: deny host-not-allowed: the host key is ",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("other-key"), "{text}");
    }

    #[test]
    fn an_allowed_request_and_its_rule_are_named_and_hostile_text_is_escaped() {
        let explanation =
            explain(&policy(), &bound(GIT, b"session"), &key("mine"), &login("git", b"session", None));
        assert!(explanation.allowed && explanation.rules[0].allowed);
        assert_eq!((explanation.reason, explanation.rules[0].reason), ("session-bound", "session-bound"));
        let hostile = login("a\n\u{1b}[2J", b"session", None);
        let explanation = explain(&policy(), &Bindings::default(), &key("mine"), &hostile);
        assert!(explanation.to_string().contains("\n  user: a\\u{a}\\u{1b}[2J\n"), "{explanation}");
        let json = serde_json::to_value(&explanation).expect("JSON");
        assert_eq!(json["reason"], "user-not-allowed");
        assert_eq!(json["rules"][2]["reason"], "other-key");
    }
}
