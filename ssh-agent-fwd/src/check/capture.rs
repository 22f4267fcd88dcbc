//! A captured connection, decided again: the same evaluator, request by request, without an agent.

use std::io::{self, BufReader, ErrorKind, Read};

use serde::Serialize;

use diagnostics::Failure;

use crate::bindings::Bindings;
use crate::key::KeyBlob;
use crate::policy::{Explanation, Policy, explain};
use crate::signed::Signed;
use crate::wire::frame::{FrameError, MAX_FRAME, read_frame};
use crate::wire::request::Request;
use crate::wire::{Malformed, Message};

/// Largest capture, in bytes: hours of a busy connection.
pub const MAX_CAPTURE: u64 = 16 << 20;
/// Most requests of one capture that are answered one by one.
pub const MAX_REQUESTS: usize = 1024;

/// The code of a failure which is that the policy says no.
pub const DENIED: &str = "denied";

/// What a capture holds no word of: what the agent answered to the session-binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Binds {
    /// It has verified each of them.
    Verified,
    /// It has verified none.
    Unverified,
}

/// What would become of each request.
#[derive(Debug)]
pub struct Capture {
    /// The sign requests and what cannot be read, in the order of the capture.
    pub requests: Vec<Captured>,
    /// How many messages there are, of whatever type.
    pub messages: usize,
    /// How many session-binds are among them.
    pub session_binds: usize,
    /// Why it was read no further.
    pub end: Option<Failure>,
}

/// One request.
#[derive(Debug, Serialize)]
pub struct Captured {
    /// Which message of the capture it is, from 1.
    pub message: usize,
    /// Where its length begins, in bytes from the start of the capture.
    pub offset: u64,
    /// What would become of it.
    #[serde(flatten)]
    pub said: Said,
}

/// What would become of a request.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// It asks for a signature.
    Sign(Box<Explanation>),
    /// It is not what its type says; a client gets FAILURE.
    Malformed {
        /// Never.
        allowed: bool,
        /// What is wrong, for programs.
        reason: &'static str,
        /// What is wrong, for people.
        sentence: String,
    },
}

impl Said {
    /// Whether it would be signed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Sign(explanation) if explanation.allowed)
    }
}

impl Capture {
    /// Reads what a client sent on one connection, from its first byte.
    pub fn read(from: impl Read, policy: &Policy, binds: Binds) -> Self {
        let mut reader = Counted { from: BufReader::new(from), count: 0 };
        let mut connection = Connection { policy, binds, bindings: Bindings::default(), session_binds: 0 };
        let (mut requests, mut messages, mut body) = (Vec::new(), 0, Vec::new());
        let end = loop {
            let offset = reader.count;
            match read_frame(&mut reader, &mut body) {
                Ok(true) => messages += 1,
                Ok(false) => break None,
                Err(error) => break Some(not_read(&error, offset)),
            }
            if requests.len() == MAX_REQUESTS {
                let said =
                    format!("it has more than {MAX_REQUESTS} sign requests, and is read up to byte {offset}");
                break Some(Failure::new("capture-too-long", said));
            }
            let said = connection.judge(&body);
            requests.extend(said.map(|said| Captured { message: messages, offset, said }));
        };
        Self { requests, messages, session_binds: connection.session_binds, end }
    }

    /// How many of them would be signed.
    #[must_use]
    pub fn allowed(&self) -> usize {
        self.requests.iter().filter(|request| request.said.is_allowed()).count()
    }

    /// Why not all is well.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let (all, denied) = (self.requests.len(), self.requests.len() - self.allowed());
        if let Some(end) = &self.end {
            return Some(end.clone());
        }
        if all == 0 {
            let messages = self.messages;
            let said = format!(
                "there is no sign request among the {messages} messages of the capture: ssh(1) asks for a signature \
                 when the list that it got has a key that the server takes; ssh-agent-fwd list shows the keys"
            );
            return Some(Failure::new("no-sign-request", said));
        }
        let said = || format!("{denied} of {all} requests would be denied: the reason stands with each");
        (denied > 0).then(|| Failure::new(DENIED, said()))
    }
}

/// One connection, as [`crate::connection`] keeps it.
struct Connection<'a> {
    policy: &'a Policy,
    binds: Binds,
    bindings: Bindings,
    session_binds: usize,
}

impl Connection<'_> {
    /// What is said of a message that asks for a signature or cannot be read; of others nothing.
    fn judge(&mut self, body: &[u8]) -> Option<Said> {
        match Request::parse(body) {
            Ok(Request::Sign { key, data, flags: _ }) => {
                let signed = Signed::classify(data, key);
                let explanation = explain(self.policy, &self.bindings, &KeyBlob::of(key), &signed);
                Some(Said::Sign(Box::new(explanation)))
            }
            Ok(Request::Bind(bind)) => {
                self.session_binds += 1;
                self.bindings.record(&bind, self.binds == Binds::Verified);
                None
            }
            Ok(Request::List | Request::Query | Request::Other(_)) => None,
            Err(malformed) => {
                if malformed.message == Message::Bind {
                    self.session_binds += 1;
                    self.bindings.record_malformed();
                }
                Some(refused(malformed))
            }
        }
    }
}

fn refused(malformed: Malformed) -> Said {
    Said::Malformed { allowed: false, reason: malformed.code(), sentence: malformed.to_string() }
}

/// Why the capture ends here, in words about a file rather than a connection.
fn not_read(error: &FrameError, offset: u64) -> Failure {
    let help =
        "a capture is what a client sends from the first byte of its connection on, as socat -r writes it";
    let said = match error {
        FrameError::Io(error) if error.kind() == ErrorKind::FileTooLarge => {
            let said = format!("it is longer than {MAX_CAPTURE} bytes; give one connection alone");
            return Failure::new("capture-too-long", said);
        }
        FrameError::Io(error) => {
            return Failure::new(
                "capture-unreadable",
                format!("it cannot be read from byte {offset} on: {error}"),
            );
        }
        FrameError::Closed => format!("it ends inside the message that begins at byte {offset}"),
        FrameError::Empty => format!("there is a message of no bytes at byte {offset}"),
        FrameError::TooLong(length) => {
            format!("a message of {length} bytes begins at byte {offset}; {MAX_FRAME} are the most")
        }
    };
    Failure::new(error.code(), format!("{said}: {help}"))
}

/// A reader that knows where it is, and stops at [`MAX_CAPTURE`].
struct Counted<R> {
    from: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        // A usize has at most 64 bits.
        self.count += read as u64;
        if self.count > MAX_CAPTURE { Err(ErrorKind::FileTooLarge.into()) } else { Ok(read) }
    }
}

#[cfg(test)]
mod tests;
