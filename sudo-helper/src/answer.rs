//! What the caller gets: one JSON object on standard output, and an exit status.

use std::fmt::Display;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;
use serde_json::{Map, Value};

use crate::process::Finished;

/// The exit statuses; sudo-helper(8) lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Exit {
    /// Done, or so already.
    #[default]
    Success = 0,
    /// It was tried and did not work, or we are not root: the code says which.
    Failed = 1,
    /// The words are no operation.
    Usage = 2,
    /// The policy does not allow it.
    Denied = 3,
    /// There is no policy, or none that can be trusted.
    Policy = 4,
    /// It took longer than it may.
    TimedOut = 6,
    /// Somebody else is changing packages.
    Busy = 7,
    /// Nobody has approved it.
    Approval = 8,
}

/// Why it did not work: a stable word for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    #[serde(skip)]
    exit: Exit,
    error: String,
    code: String,
    /// What the program has left that it is about.
    #[serde(skip)]
    program: Option<Box<Ran>>,
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.error)
    }
}

impl Failure {
    /// A failure; what `error` quotes of the caller is escaped already.
    #[must_use]
    pub fn new(exit: Exit, code: impl Into<String>, error: &dyn Display) -> Self {
        Self { exit, error: error.to_string(), code: code.into(), program: None }
    }

    /// The same with what a program has left that failed before anything was done.
    #[must_use]
    pub fn of_program(mut self, ran: Ran) -> Self {
        self.program = Some(Box::new(ran));
        self
    }

    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The exit status that goes with it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// What a program that was run has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// Its exit code, or its signal below zero; as Python's subprocess counts.
    pub returncode: i32,
    /// The last of its standard output.
    pub stdout: String,
    /// The last of its standard error.
    pub stderr: String,
    /// What was run.
    pub argv: Vec<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// Whether the beginning of an output was dropped.
    pub truncated: bool,
    /// Whether it was stopped because its time was over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub timed_out: bool,
    /// Whether an output held bytes that are no UTF-8.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lossy: bool,
}

impl Ran {
    /// What is told of a program that has ended.
    #[must_use]
    pub fn new(argv: Vec<String>, finished: Finished) -> Self {
        Self {
            returncode: finished.returncode(),
            truncated: finished.stdout.truncated || finished.stderr.truncated,
            lossy: finished.stdout.lossy || finished.stderr.lossy,
            timed_out: finished.timed_out,
            stdout: finished.stdout.text,
            stderr: finished.stderr.text,
            argv,
            duration_ms: u64::try_from(finished.duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// One answer.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Answer {
    success: bool,
    #[serde(flatten)]
    failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<String>,
    #[serde(flatten)]
    ran: Option<Ran>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl Answer {
    /// It worked.
    #[must_use]
    pub fn success() -> Self {
        Self { success: true, ..Self::default() }
    }

    /// A program was run; without a failure it worked.
    #[must_use]
    pub fn ran(ran: Ran, failure: Option<Failure>) -> Self {
        Self { success: failure.is_none(), failure, ran: Some(ran), ..Self::default() }
    }

    /// Adds the request that it answers.
    #[must_use]
    pub fn to(mut self, request_id: &dyn Display, operation: Option<&dyn Display>) -> Self {
        self.request_id = Some(request_id.to_string());
        self.op = operation.map(ToString::to_string).or(self.op);
        self
    }

    /// Adds something that only this kind of answer has.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// Adds what a serializable value holds, key by key.
    #[must_use]
    pub fn with_all(mut self, value: &impl Serialize) -> Self {
        if let Ok(Value::Object(map)) = serde_json::to_value(value) {
            self.details.extend(map);
        }
        self
    }

    /// Why it did not work.
    #[must_use]
    pub fn why(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// What was run.
    #[must_use]
    pub fn program(&self) -> Option<&Ran> {
        self.ran.as_ref()
    }

    /// The exit status.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.failure.as_ref().map_or(Exit::Success, Failure::exit)
    }

    /// The one line that is printed: of printable ASCII, since a person may look at it on a terminal.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = Vec::new();
        // Strings and numbers into memory: it cannot fail.
        let _ = self.serialize(&mut serde_json::Serializer::with_formatter(&mut line, Printable));
        line.push(b'\n');
        String::from_utf8(line).unwrap_or_default()
    }
}

/// Writes JSON with everything but printable ASCII as `\uXXXX` (RFC 8259, section 7).
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, line: &mut W, text: &str) -> io::Result<()> {
        for character in text.chars() {
            if matches!(character, ' '..='~') {
                line.write_all(&[u32::from(character).to_le_bytes()[0]])?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(line, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

impl From<Failure> for Answer {
    fn from(mut failure: Failure) -> Self {
        let ran = failure.program.take().map(|ran| *ran);
        Self { failure: Some(failure), ran, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_gets_nothing_but_printable_ascii() {
        let line = Answer::success().with("a", "\u{9b}2J\u{202e}\u{7f}\n\"é\u{1f600}").line();
        assert_eq!(
            line,
            "{\"success\":true,\"a\":\"\\u009b2J\\u202e\\u007f\\n\\\"\\u00e9\\ud83d\\ude00\"}\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_is_what_was_said(text in ".*") {
            let line = Answer::success().with("text", text.as_str()).line();
            prop_assert!(line.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            let read: Value = serde_json::from_str(&line).expect("JSON");
            prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
        }
    }
}
