//! What is recorded: a line of JSON for every signature that is asked for, and for every connection.
//!
//! What the kernel says of the client stands apart from what the client claims. A line is one line, whatever it quotes.

mod line;
mod lost;
mod output;
mod queue;
mod recorder;
mod required;
mod shares;

use serde::Serialize;

use crate::key::KeyBlob;
use crate::peer::{Facts, Peer};
use crate::policy::Decision;
use crate::signed::Signed;

pub use output::{NotWritten, Sink, examine_syslog};
pub(crate) use queue::LAST_PATIENCE;
pub use recorder::{Place, Recorder};

/// Most characters of a text of the client's.
const MAX_TEXT: usize = 256;

/// Who asks, as the kernel knows it.
#[derive(Debug, Clone, Serialize)]
pub struct Kernel {
    uid: u32,
    gid: u32,
    pid: i32,
    /// As /proc shows it: the process may have become another program since.
    seen: Facts,
}

/// What the client says. All of it is hostile text, escaped and cut.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Claims {
    key: String,
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

/// One line.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Record {
    /// A signature was asked for.
    Sign {
        /// The number of the connection, from the start of this process.
        connection: u64,
        /// Who asked.
        kernel: Kernel,
        /// What was claimed.
        claims: Claims,
        /// Whether the connection counts as forwarded.
        forwarded: bool,
        /// `allow` or `deny`.
        decision: &'static str,
        /// Why: the word.
        reason: &'static str,
        /// Why: the sentence.
        sentence: String,
        /// What came of it: `signed`, `refused`, or why the agent did not sign.
        outcome: String,
    },
    /// A connection has ended.
    Connection {
        /// Its number.
        connection: u64,
        /// Who it was.
        kernel: Kernel,
        /// What was asked.
        counts: Counts,
        /// Whether it counted as forwarded.
        forwarded: bool,
        /// Why it ended.
        end: String,
    },
    /// A client was not let in.
    Refused {
        /// The number of the connection.
        connection: u64,
        /// Who it was.
        kernel: Kernel,
        /// Why: the word.
        reason: &'static str,
    },
    /// The policy was to be read again.
    Policy {
        /// `read`, or `refused`: that of before stays.
        outcome: &'static str,
        /// Why it is refused: the code.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<&'static str>,
        /// What there is to say about it: sentences.
        said: Vec<String>,
    },
}

/// How often what was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lists of keys.
    pub lists: u64,
    /// Signatures that were made.
    pub signed: u64,
    /// Session-binds.
    pub binds: u64,
    /// Requests of any type that got FAILURE.
    pub failures: u64,
}

impl Kernel {
    /// Of this peer.
    #[must_use]
    pub fn of(peer: &Peer, seen: Facts) -> Self {
        Self { uid: peer.uid, gid: peer.gid, pid: peer.pid, seen }
    }
}

impl Claims {
    /// What a sign request says.
    #[must_use]
    pub fn of(key: &KeyBlob, signed: &Signed<'_>) -> Self {
        let mut claims =
            Self { key: key.fingerprint().to_string(), class: signed.class(), ..Self::default() };
        match signed {
            Signed::UserAuth(login) => {
                claims.user = Some(shown(login.user));
                claims.host_key = login.host_key.map(|key| KeyBlob::of(key).fingerprint().to_string());
            }
            Signed::SshSig(signature) => claims.namespace = Some(shown(signature.namespace)),
            Signed::Opaque => {}
        }
        claims
    }
}

impl Record {
    /// A signature was asked for.
    #[must_use]
    pub fn sign(
        connection: u64,
        kernel: &Kernel,
        claims: Claims,
        forwarded: bool,
        decision: &Decision,
    ) -> Self {
        let reason = decision.reason();
        Self::Sign {
            connection,
            kernel: kernel.clone(),
            claims,
            forwarded,
            decision: if decision.is_allowed() { "allow" } else { "deny" },
            reason: reason.word(),
            sentence: reason.to_string(),
            outcome: "refused".to_owned(),
        }
    }

    /// What came of it.
    #[must_use]
    pub fn with_outcome(mut self, said: &str) -> Self {
        if let Self::Sign { outcome, .. } = &mut self {
            *outcome = diagnostics::one_line(said);
        }
        self
    }
}

fn shown(text: &str) -> String {
    let kept: String = text.chars().take(MAX_TEXT).collect();
    diagnostics::one_line(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Bindings;
    use crate::policy::decide;
    use crate::policy::tests::{key, login, policy};

    #[test]
    fn a_line_keeps_what_the_kernel_says_apart_from_claims_and_is_one_line() {
        let peer = Peer { uid: 1000, gid: 100, groups: vec![100], pid: 42 };
        let kernel = Kernel::of(&peer, Facts { exe: Some("/usr/bin/ssh".to_owned()), ..Facts::default() });
        let hostile = format!("a\n\u{1b}[2J\"}}{}", "x".repeat(1000));
        let signed = login(&hostile, b"session", None);
        let decision = decide(&policy(), &Bindings::default(), &key("mine"), &signed);
        let record = Record::sign(7, &kernel, Claims::of(&key("mine"), &signed), false, &decision);
        let line = serde_json::to_string(&record.with_outcome("not\nsigned")).expect("JSON");
        assert!(!line.contains(char::is_control) && line.len() < 2000, "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["event"], "sign");
        assert_eq!(read["kernel"]["uid"], 1000);
        assert_eq!(read["kernel"]["seen"]["exe"], "/usr/bin/ssh");
        assert_eq!(read["claims"]["class"], "userauth");
        assert!(read["claims"]["user"].as_str().is_some_and(|user| user.starts_with("a\\u{a}\\u{1b}[2J")));
        assert_eq!((&read["decision"], &read["reason"]), (&"deny".into(), &"user-not-allowed".into()));
        assert_eq!(read["outcome"], "not\\u{a}signed");
    }
}
