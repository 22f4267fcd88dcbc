//! One record: who asked for what, what was decided, and how it ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::one_line::OneLine;
use crate::caller::Caller;
use crate::random_id::RequestId;

/// LOG_WARNING, LOG_NOTICE and LOG_INFO of syslog(3).
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFO: u8 = 6;

/// What a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// Something was asked for; written before anything is done.
    Request,
    /// How that ended.
    Result,
    /// An approver allowed or denied a waiting request, written before it takes effect: the caller is
    /// the approver. With a code instead of a decision: somebody else came first, and it did not.
    Approval,
    /// The program ended between a request and its result.
    Aborted,
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Result => "result",
            Self::Approval => "approval",
            Self::Aborted => "aborted",
        }
    }
}

/// What was decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It may be done.
    Allowed,
    /// It may not, by policy, by an approver or for want of one.
    Denied,
    /// It waits for an approver.
    Pending,
}

impl Decision {
    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Pending => "pending",
        }
    }
}

/// A record. What is not known yet, or does not apply, is left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Record {
    /// What it tells of.
    pub event: Event,
    /// The request, the same in all of its records.
    pub request_id: RequestId,
    /// Who called.
    pub caller: Caller,
    /// The whole operation.
    pub operation: OneLine,
    /// The argument vector that is run, when one is.
    pub argv: Option<OneLine>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// The stable code of an answer that is no success.
    pub code: Option<OneLine>,
    /// The exit status of what was run.
    pub returncode: Option<i32>,
    /// From the request to its result, in milliseconds.
    pub duration_ms: Option<u64>,
}

impl Record {
    /// A request, as it stands before anything is decided.
    #[must_use]
    pub fn request(request_id: RequestId, caller: Caller, operation: OneLine) -> Self {
        Self {
            event: Event::Request,
            request_id,
            caller,
            operation,
            argv: None,
            decision: None,
            code: None,
            returncode: None,
            duration_ms: None,
        }
    }

    /// The same request with its end.
    #[must_use]
    pub fn result(&self, returncode: Option<i32>, code: Option<&str>, took: Duration) -> Self {
        Self {
            event: Event::Result,
            returncode,
            code: code.map(OneLine::text),
            duration_ms: Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            ..self.clone()
        }
    }

    /// The same request, of which no end is known.
    #[must_use]
    pub fn aborted(&self) -> Self {
        Self { event: Event::Aborted, ..self.clone() }
    }

    /// How much it matters (syslog(3), "level").
    pub(super) fn priority(&self) -> u8 {
        match (self.event, self.decision) {
            (Event::Aborted, _) | (_, Some(Decision::Denied)) => WARNING,
            _ if self.code.is_some() => NOTICE,
            _ => INFO,
        }
    }

    /// Every field with a value of at most `most` bytes, by its key in lower case: what decides and
    /// what is short comes first, so that a log that cuts keeps it. What was asked for or run and is
    /// not shown whole has a SHA-256 of its own: of the answer's `op`, and of the words of `argv` as
    /// they would stand here.
    pub(super) fn fields(&self, most: usize) -> Vec<(&'static str, String)> {
        let caller = &self.caller;
        let number = |number: Option<String>| number.map(|number| OneLine::text(&number));
        let digest =
            |text: Option<&OneLine>| text.and_then(|text| text.digest(most)).map(|hex| OneLine::text(&hex));
        let parents: Vec<_> = caller.parents.iter().map(ToString::to_string).collect();
        let fields = [
            ("event", Some(OneLine::text(self.event.word()))),
            ("request_id", Some(OneLine::text(&self.request_id.to_string()))),
            ("uid", Some(OneLine::text(&caller.uid.to_string()))),
            ("user", caller.user.as_deref().map(OneLine::text)),
            ("login_uid", Some(OneLine::text(&caller.login_uid.to_string()))),
            ("decision", self.decision.map(|decision| OneLine::text(decision.word()))),
            ("code", self.code.clone()),
            ("returncode", number(self.returncode.map(|code| code.to_string()))),
            ("duration_ms", number(self.duration_ms.map(|ms| ms.to_string()))),
            ("operation_sha256", digest(Some(&self.operation))),
            ("argv_sha256", digest(self.argv.as_ref())),
            ("operation", Some(self.operation.clone())),
            ("argv", self.argv.clone()),
            ("ssh_connection_claimed", caller.ssh_connection.as_deref().map(OneLine::text)),
            ("parents", (!parents.is_empty()).then(|| OneLine::text(&parents.join(" ")))),
        ];
        fields.into_iter().filter_map(|(key, value)| Some((key, value?.cut(most)))).collect()
    }

    /// Every field as `key=value`, each value cut to `most` bytes and quoted unless it is plain.
    pub(super) fn line(&self, most: usize) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/@+-".contains(&byte);
        let written = self.fields(most).into_iter().map(|(key, value)| {
            if !value.is_empty() && value.bytes().all(plain) {
                format!("{key}={value}")
            } else {
                format!("{key}={value:?}")
            }
        });
        written.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::caller::{LoginUid, Parent};

    use super::*;

    /// A request of a caller who puts a forgery into everything that it controls.
    pub(in crate::audit) fn record() -> Record {
        let caller = Caller {
            uid: 1000,
            user: Some("agent\nMESSAGE=forged".to_owned()),
            login_uid: LoginUid::Unset,
            parents: vec![
                Parent { pid: 42, exe: Some("/usr/bin/sudo".to_owned()) },
                Parent { pid: 7, exe: Some("/tmp/x\" uid=0\n_UID=0".to_owned()) },
            ],
            ssh_connection: Some("192.0.2.7 50022 192.0.2.1 22".to_owned()),
        };
        let id = RequestId::parse("00010203040506070809aabbccddeeff").expect("an id");
        let mut record = Record::request(id, caller, OneLine::text("run x k=\"a\\nb\""));
        record.argv = Some(OneLine::words(&["/usr/bin/x", "a\nb"]));
        record
    }

    #[test]
    fn a_line_holds_everything_and_cannot_be_forged() {
        let line = record().line(2048);
        assert_eq!(
            line,
            concat!(
                "event=request request_id=00010203040506070809aabbccddeeff uid=1000 ",
                r#"user="agent\\nMESSAGE=forged" login_uid=unset "#,
                r#"operation="run x k=\"a\\nb\"" argv="\"/usr/bin/x\" \"a\\nb\"" "#,
                r#"ssh_connection_claimed="192.0.2.7 50022 192.0.2.1 22" "#,
                r#"parents="42:\"/usr/bin/sudo\" 7:\"/tmp/x\\\" uid=0\\n_UID=0\"""#,
            )
        );
    }

    #[test]
    fn a_result_tells_how_it_ended() {
        let mut request = record();
        request.decision = Some(Decision::Allowed);
        let failed = request.result(Some(100), Some("busy"), Duration::from_millis(1500));
        let line = failed.line(64);
        for part in ["event=result", "decision=allowed", "code=busy", "returncode=100", "duration_ms=1500"] {
            assert!(line.contains(part), "{line}");
        }
        assert_eq!(failed.request_id, request.request_id);
        assert_eq!(failed.priority(), NOTICE);
        assert_eq!(request.result(Some(0), None, Duration::ZERO).priority(), INFO);
    }

    #[test]
    fn what_was_denied_or_broken_off_stands_out() {
        let mut denied = record();
        assert_eq!(denied.priority(), INFO);
        denied.decision = Some(Decision::Denied);
        assert_eq!(denied.priority(), WARNING);
        assert_eq!(record().aborted().priority(), WARNING);
    }

    #[test]
    fn what_is_not_shown_whole_is_bound() {
        let mut long = record();
        let ends = |record: &Record, most: usize| {
            let keys = record.fields(most).into_iter().filter(|(key, _)| key.ends_with("_sha256"));
            keys.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(ends(&long, 2048), [""; 0]);
        assert_eq!(ends(&long, 8).len(), 2);
        long.operation = OneLine::text(&"x".repeat(5000));
        let whole = ends(&long, 2048);
        assert_eq!(whole.len(), 1);
        assert!(long.line(2048).contains(&whole[0]) && long.line(64).contains(&whole[0]), "{whole:?}");
        long.operation = OneLine::text(&format!("{}y", "x".repeat(4999)));
        assert_ne!(ends(&long, 2048), whole);
    }

    #[test]
    fn a_record_is_read_back() {
        let json = serde_json::to_string(&record()).expect("written");
        assert_eq!(serde_json::from_str::<Record>(&json).expect("read"), record());
    }
}
