//! What became of a command on one node.

use std::fmt;

use diagnostics::one_line;

/// Most characters of a status that is not known here.
const MAX_WORDS: usize = 60;

/// The state of an invocation: StatusDetails of the SSM API, which says more than Status does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// AWS has not told of it yet.
    Unseen,
    /// Not sent to the node yet.
    Pending,
    /// Sent to the node.
    InProgress,
    /// It could not be sent; AWS tries again.
    Delayed,
    /// Somebody cancels it.
    Cancelling,
    /// The script ended with status 0.
    Success,
    /// The script ended with another status.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// The node did not take it in time.
    DeliveryTimedOut,
    /// The script did not end in time.
    ExecutionTimedOut,
    /// One of the two, AWS does not say which.
    TimedOut,
    /// The node does not exist or does not answer.
    Undeliverable,
    /// Too many others failed (MaxErrors).
    Terminated,
    /// The node is of a platform that the document is not for.
    InvalidPlatform,
    /// The caller may not run this document on the node.
    AccessDenied,
    /// Another status, whose Status says whether it has ended.
    Other {
        /// What AWS calls it, escaped.
        words: String,
        /// It is final.
        ended: bool,
    },
}

/// Each with AWS's name of it, a word for programs, and what is to be said of it.
const KNOWN: [(Outcome, &str, &str, &str); 14] = [
    (Outcome::Pending, "Pending", "pending", "waits to be sent to the node"),
    (Outcome::InProgress, "InProgress", "in-progress", "has been sent to the node and has not ended"),
    (Outcome::Delayed, "Delayed", "delayed", "could not be sent to the node yet; AWS tries again"),
    (Outcome::Cancelling, "Cancelling", "cancelling", "is being cancelled by somebody else"),
    (Outcome::Success, "Success", "success", "ended with status 0"),
    (Outcome::Failed, "Failed", "failed", "ended with an error on the node"),
    (Outcome::Cancelled, "Cancelled", "cancelled", "was cancelled by somebody else; run it again"),
    (
        Outcome::DeliveryTimedOut,
        "DeliveryTimedOut",
        "delivery-timed-out",
        "was not taken by the node in time: its agent is down, asleep or was restarted just then; look there with \
         `ssm-keepalive status`, then run it again",
    ),
    (
        Outcome::ExecutionTimedOut,
        "ExecutionTimedOut",
        "execution-timed-out",
        "did not end in time on the node: look there for a systemctl that hangs, or give a longer --document-timeout",
    ),
    (Outcome::TimedOut, "TimedOut", "timed-out", "did not reach the node or did not end there in time"),
    (
        Outcome::Undeliverable,
        "Undeliverable",
        "undeliverable",
        "cannot be delivered: the node does not exist or does not answer",
    ),
    (
        Outcome::Terminated,
        "Terminated",
        "terminated",
        "was not sent to the node, since too many others failed; see those, or allow more with --max-errors",
    ),
    (
        Outcome::InvalidPlatform,
        "InvalidPlatform",
        "invalid-platform",
        "was refused, since the node is of another platform than Linux",
    ),
    (
        Outcome::AccessDenied,
        "AccessDenied",
        "access-denied",
        "was refused: the caller may not run AWS-RunShellScript on this node",
    ),
];

impl Outcome {
    /// By Status and StatusDetails, the second with spaces or without ("Delivery Timed Out").
    #[must_use]
    pub fn read(status: &str, details: &str) -> Self {
        known(details).unwrap_or_else(|| match (known(status), details.trim().is_empty()) {
            (Some(plain), true) => plain,
            (plain, _) => {
                let words = if details.trim().is_empty() { status } else { details };
                let words: String = words.chars().take(MAX_WORDS).collect();
                Self::Other { words: one_line(&words), ended: plain.is_some_and(|plain| plain.is_final()) }
            }
        })
    }

    /// Nothing more will happen.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Unseen | Self::Pending | Self::InProgress | Self::Delayed | Self::Cancelling => false,
            Self::Other { ended, .. } => *ended,
            _ => true,
        }
    }

    /// The script was begun, so that there may be something that it wrote.
    #[must_use]
    pub fn has_run(&self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failed | Self::Cancelled | Self::ExecutionTimedOut | Self::TimedOut
        ) || matches!(self, Self::Other { ended: true, .. })
    }

    /// The word for programs; it does not change from version to version.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Other { .. } => "other",
            known => row(known).map_or("other", |(_, _, code, _)| code),
        }
    }

    /// What happened and what helps, for people: how a sentence goes on that begins with "the command".
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Unseen => "is not known to AWS yet".to_owned(),
            Self::Other { words, .. } => format!("is '{words}', says AWS"),
            known => row(known).map_or(String::new(), |(.., sentence)| (*sentence).to_owned()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unseen => "Unseen",
            Self::Other { words, .. } => words,
            known => row(known).map_or("", |(_, name, ..)| name),
        })
    }
}

fn row(outcome: &Outcome) -> Option<&'static (Outcome, &'static str, &'static str, &'static str)> {
    KNOWN.iter().find(|(known, ..)| known == outcome)
}

fn known(words: &str) -> Option<Outcome> {
    let name: String = words.chars().filter(|c| !c.is_whitespace()).collect();
    // Documentation and service differ in this one.
    let name = if name == "Canceled" { "Cancelled" } else { &name };
    KNOWN.iter().find(|(_, known, ..)| *known == name).map(|(outcome, ..)| outcome.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_api_is_told_apart() {
        for (status, details, code, is_final, has_run) in [
            ("Pending", "Pending", "pending", false, false),
            ("InProgress", "In Progress", "in-progress", false, false),
            ("InProgress", "InProgress", "in-progress", false, false),
            ("Delayed", "Delayed", "delayed", false, false),
            ("Cancelling", "Cancelling", "cancelling", false, false),
            ("Success", "Success", "success", true, true),
            ("Success", "", "success", true, true),
            ("Failed", "Failed", "failed", true, true),
            ("Cancelled", "Cancelled", "cancelled", true, true),
            ("Cancelled", "Canceled", "cancelled", true, true),
            ("TimedOut", "Delivery Timed Out", "delivery-timed-out", true, false),
            ("TimedOut", "DeliveryTimedOut", "delivery-timed-out", true, false),
            ("TimedOut", "Execution Timed Out", "execution-timed-out", true, true),
            ("TimedOut", "", "timed-out", true, true),
            ("Failed", "Undeliverable", "undeliverable", true, false),
            ("Cancelled", "Terminated", "terminated", true, false),
            ("Failed", "Invalid Platform", "invalid-platform", true, false),
            ("Failed", "Access Denied", "access-denied", true, false),
        ] {
            let outcome = Outcome::read(status, details);
            assert_eq!((outcome.code(), outcome.is_final(), outcome.has_run()), (code, is_final, has_run));
            assert_eq!(Outcome::read(status, &outcome.to_string()), outcome);
            assert!(!outcome.sentence().is_empty(), "{outcome}");
        }
        assert!(!Outcome::Unseen.is_final());
    }

    #[test]
    fn an_unknown_status_keeps_its_words_and_ends_when_its_status_does() {
        for (status, details, words, ended) in [
            ("Failed", "Fell\u{1b}Over", "Fell\\u{1b}Over", true),
            ("InProgress", "Dreaming", "Dreaming", false),
            ("Strange", "", "Strange", false),
            ("", "", "", false),
        ] {
            let outcome = Outcome::read(status, details);
            assert_eq!(outcome, Outcome::Other { words: words.to_owned(), ended });
            assert_eq!((outcome.code(), outcome.is_final()), ("other", ended));
        }
        let Outcome::Other { words, .. } = Outcome::read("", &"x".repeat(1000)) else { panic!("known") };
        assert_eq!(words.len(), MAX_WORDS);
    }
}
