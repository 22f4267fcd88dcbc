//! `check`: what the policy says of requests that were captured on their way to the agent.

mod capture;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use diagnostics::{Failure, one_line};

use crate::cli::CheckCall;
use crate::condition::current;
use crate::exit::Exit;
use crate::policy;
use crate::report::Report;
use crate::up::require_root;

pub use capture::{Binds, Capture, Captured, DENIED, MAX_CAPTURE, MAX_REQUESTS, Said};

/// The operation's name in JSON.
const OP: &str = "check";
/// The operand that stands for standard input.
const STDIN: &str = "-";

/// Says of every sign request what is decided of it, and why. Neither agent nor forwarder is asked, and nothing counts
/// against a rate.
#[must_use]
pub fn run(call: &CheckCall) -> Exit {
    let report = Report::new(call.json);
    check(call, report).unwrap_or_else(|failure| report.failure(OP, &failure, Value::Null, &""))
}

fn check(call: &CheckCall, report: Report) -> Result<Exit, Failure> {
    let path = policy_of(call)?;
    let policy = policy::load(&path)?;
    let binds = if call.unverified { Binds::Unverified } else { Binds::Verified };
    let capture = Capture::read(open(call.capture.as_deref())?, &policy, binds);
    let object = object(&path, &capture, binds);
    let words = Words { capture: &capture, binds };
    Ok(match capture.failure() {
        None => report.success(OP, object, &words),
        Some(failure) if failure.code == DENIED => report.no(OP, &failure, object, &words),
        Some(failure) if capture.requests.is_empty() => report.failure(OP, &failure, object, &""),
        Some(failure) => report.failure(OP, &failure, object, &words),
    })
}

/// The file that is named, or the policy of the running instance.
fn policy_of(call: &CheckCall) -> Result<PathBuf, Failure> {
    match &call.policy {
        Some(path) => Ok(path.clone()),
        None => {
            require_root()?;
            current(&call.name).map(|generation| generation.policy())
        }
    }
}

fn open(capture: Option<&Path>) -> Result<Box<dyn Read>, Failure> {
    let path = match capture {
        Some(path) if path.as_os_str() != STDIN => path,
        _ => return Ok(Box::new(io::stdin().lock())),
    };
    let unreadable = |error| {
        let shown = one_line(&path.display().to_string());
        Failure::new("capture-unreadable", format!("{shown}: {error}; name the file that socat -r wrote"))
    };
    Ok(Box::new(File::open(path).map_err(unreadable)?))
}

fn object(policy: &Path, capture: &Capture, binds: Binds) -> Value {
    json!({
        "policy": one_line(&policy.display().to_string()),
        "messages": capture.messages,
        "session_binds": capture.session_binds,
        "session_binds_taken_as": binds,
        "requests": capture.requests,
        "allowed": capture.allowed(),
        "denied": capture.requests.len() - capture.allowed(),
    })
}

/// The requests, and in the last line how many are allowed.
struct Words<'a> {
    capture: &'a Capture,
    binds: Binds,
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Captured { message, offset, said } in &self.capture.requests {
            writeln!(f, "message {message}, from byte {offset}")?;
            match said {
                Said::Sign(explanation) => writeln!(f, "{explanation}\n")?,
                Said::Malformed { reason, sentence, .. } => {
                    writeln!(f, "decision: deny {reason}: {sentence}\n")?;
                }
            }
        }
        let (all, allowed) = (self.capture.requests.len(), self.capture.allowed());
        write!(f, "{allowed} of {all} requests allowed")?;
        match (self.capture.session_binds, self.binds) {
            (0, _) => f.write_str("; no session-bind came"),
            (count, Binds::Verified) => write!(f, "; session-binds: {count}, taken as verified by the agent"),
            (count, Binds::Unverified) => write!(f, "; session-binds: {count}, taken as not verified"),
        }
    }
}
