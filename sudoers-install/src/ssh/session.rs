//! One session a host, of two steps: what the login can tell by itself, and then one question to root.
//!
//! The command that begins the session answers, and waits on its standard input for the command line to run next
//! (survey.sh). Nobody but that reads there until it has said that it is ready, and waits for a line to go on; what
//! is written then, the password, is for sudo(8) alone. A session that is given nothing ends by itself, as it does
//! when we are gone.

use std::io;
use std::time::{Duration, Instant};

use crate::host::Host;
use crate::quoted::without;
use crate::remote::MAX_ANSWER;
use supervise::bounded::{Dialogue, Heard, Ran};

use zeroize::Zeroizing;

use super::reach::{Reach, classify, has_begun, holds_line};
use super::{HostKeys, Options, argv};

/// Most that is kept of each output of a session: two answers.
const OUTPUT: usize = 2 * MAX_ANSWER;
/// How long a waiting session may take to say that it has what is to be run next.
const READY: Duration = Duration::from_secs(5);
/// With this line it goes on (survey.sh).
const GO: &[u8] = b"go\n";

/// Whether a session may be one with a host whose key was not known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKeys {
    /// Where the operator or the user's configuration accepts them.
    AsAccepted,
    /// Never: a key that nobody has kept since the first connection may be anybody's.
    Refused,
}

/// What is to be asked in a session.
#[derive(Debug, Clone)]
pub struct Question {
    /// The command line.
    pub command: String,
    /// The line that it prints first.
    pub begin: String,
    /// Whether it is to have a standard input.
    pub input: bool,
}

/// A session that waits for a question.
#[derive(Debug)]
pub struct Session {
    dialogue: Dialogue,
    nonce: String,
    host_keys: HostKeys,
}

/// A session that has its question, and has said that it is ready for the input of that.
#[derive(Debug)]
pub struct ReadySession {
    dialogue: Dialogue,
    begin: String,
    ready: String,
    /// How much was said beside the first answer, such as a greeting.
    aside: usize,
}

/// What came of the first step.
#[derive(Debug)]
pub enum Opened {
    /// The answer is there, and the session waits.
    Waiting(Session),
    /// The session is over, with or without an answer.
    Over(Reach),
}

/// How a question ended.
#[derive(Debug)]
pub struct Answered {
    /// What became of the session; its output is that of the question alone.
    pub reach: Reach,
    /// Whether the first line of the answer came.
    pub began: bool,
}

impl Session {
    /// Runs `command`, which frames its answer with `nonce`, on a host. A key that is not known is taken for
    /// known by a second connection alone, where that is accepted.
    #[must_use]
    pub fn open(
        host: &Host,
        options: &Options,
        new_keys: NewKeys,
        command: &str,
        nonce: &str,
        limit: Duration,
    ) -> Opened {
        let known = Self::start(host, options, HostKeys::Known, command, nonce, limit);
        let unknown = matches!(known, Opened::Over(Reach::UnknownKey(_)));
        if unknown && new_keys == NewKeys::AsAccepted && options.accepts_new_keys(host) {
            return Self::start(host, options, HostKeys::AcceptNew, command, nonce, limit);
        }
        known
    }

    fn start(
        host: &Host,
        options: &Options,
        host_keys: HostKeys,
        command: &str,
        nonce: &str,
        limit: Duration,
    ) -> Opened {
        let until = Instant::now() + limit;
        let argv = argv(host, options, host_keys, command);
        let cannot = |error: io::Error| {
            Opened::Over(Reach::Failed(format!("{} cannot be run: {error}", options.program.display())))
        };
        let mut dialogue = match Dialogue::begin(&argv, &options.environment(), OUTPUT) {
            Ok(dialogue) => dialogue,
            Err(error) => return cannot(error),
        };
        let end = format!("sudoers-install {nonce} end");
        match dialogue.hear(until, |said| holds_line(said, &end)) {
            Ok(Heard::It) => Opened::Waiting(Self { dialogue, nonce: nonce.to_owned(), host_keys }),
            Ok(Heard::Ended | Heard::Late) => {
                let begin = format!("sudoers-install {nonce} begin");
                let ran = dialogue.end(until);
                ran.map_or_else(cannot, |ran| Opened::Over(became(ran, &begin, limit)))
            }
            Err(error) => cannot(error),
        }
    }

    /// What the first step printed.
    #[must_use]
    pub fn answer(&self) -> &[u8] {
        self.dialogue.stdout()
    }

    /// Whether the host's key was known before, so that a password may be sent.
    #[must_use]
    pub fn is_with_known_key(&self) -> bool {
        self.host_keys == HostKeys::Known
    }

    /// Hands the question over; `None` where the session had ended before, or does not say in time that it has it.
    #[must_use]
    pub fn hand_over(self, question: &Question) -> Option<ReadySession> {
        let Self { mut dialogue, nonce, .. } = self;
        let soon = Instant::now() + READY;
        let aside = dialogue.stderr().len();
        let input = if question.input { "line" } else { "none" };
        // Its last line tells that nothing of it is missing.
        let text = format!("{}\n#{nonce}", question.command);
        let order = format!("{} {input}\n{text}", text.len());
        let ready = format!("sudoers-install {nonce} ready");
        let said = dialogue.say(order.as_bytes(), soon).ok()?;
        let heard = dialogue.hear(soon, |said| holds_line(said, &ready)).ok()?;
        let handed = (said, heard) == (Heard::It, Heard::It);
        handed.then(|| ReadySession { dialogue, begin: question.begin.clone(), ready, aside })
    }
}

impl ReadySession {
    /// Has the question asked with this whole input, with which the session ends; `None` where it had ended before,
    /// and nothing of the input was sent.
    #[must_use]
    pub fn ask(self, input: &[u8], limit: Duration) -> Option<Answered> {
        let Self { mut dialogue, begin, ready, aside } = self;
        let until = Instant::now() + limit;
        if dialogue.say(GO, until).ok()? != Heard::It {
            return None;
        }
        // One that died meanwhile tells by its end.
        let _ = dialogue.say(input, until);
        let mut ran = match dialogue.end(until) {
            Ok(ran) => ran,
            Err(error) => return Some(Answered { reach: Reach::Failed(error.to_string()), began: false }),
        };
        ran.stdout = after(&ran.stdout, ready.as_bytes());
        ran.stderr.drain(..aside);
        if !input.is_empty() {
            // Before anything is cut off, which could leave a part of it.
            ran.stderr = without(&Zeroizing::new(ran.stderr), input);
        }
        let began = has_begun(&ran, &begin);
        Some(Answered { reach: became(ran, &begin, limit), began })
    }
}

fn became(ran: Ran, marker: &str, limit: Duration) -> Reach {
    if ran.timed_out {
        return Reach::TimedOut(format!("the host did not finish within {} s", limit.as_secs()));
    }
    classify(ran, marker)
}

/// What follows a line.
fn after(said: &[u8], line: &[u8]) -> Vec<u8> {
    let at = said.windows(line.len()).position(|window| window == line);
    at.map_or_else(Vec::new, |at| said[at + line.len()..].to_vec())
}
