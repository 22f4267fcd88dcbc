//! What waits for approval: the operation, its plan, who asked, until when, and what was decided.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::random_id::RequestId;
use crate::table::printable;

/// Longest time from a request to its end, whatever the policy says.
pub const MAX_TIMEOUT: Duration = Duration::from_hours(24);
/// The first second of the year 10000, for which RFC 3339 has no spelling.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_800);

/// What is approved, all of it: nothing in it may differ when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Who asked: SUDO_UID.
    pub uid: u32,
    /// The words of the operation.
    pub operation: Vec<String>,
    /// The command that will be run.
    pub argv: Vec<String>,
    /// What it will do, a line each: for packages their names and versions, as simulated.
    pub plan: Vec<String>,
}

/// SHA-256 over a [`Subject`]: two have the same only when they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding([u8; 32]);

/// Shown in lower-case hexadecimal digits.
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Subject {
    /// What stands for it in a record and decides whether an operation is the one that was approved.
    #[must_use]
    pub fn binding(&self) -> Binding {
        // Every length comes before what it measures, so that no two subjects give the same bytes.
        let mut hash = Sha256::new();
        hash.update(self.uid.to_be_bytes());
        for list in [&self.operation, &self.argv, &self.plan] {
            hash.update((list.len() as u64).to_be_bytes());
            for text in list {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text);
            }
        }
        Binding(hash.finalize().into())
    }
}

/// What a person has let pass: this plan, until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// The plan, a line each; empty where there is none.
    pub plan: Vec<String>,
    /// When the approval ends, since the boot.
    pub deadline: Duration,
}

/// What a requester brings.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// Its name, which no other request has had: that of its records in the log, so that one name
    /// leads from the question to the result.
    pub id: RequestId,
    /// What it asks for.
    pub subject: Subject,
    /// Whether the unit is not to be waited for; what is bound is the argument vector, which shows it.
    pub no_block: bool,
    /// Its name, SUDO_USER, for people: it decides nothing.
    pub user: String,
    /// What an approver should know about such operations.
    pub risks: Vec<String>,
    /// How long it may wait, at most [`MAX_TIMEOUT`].
    pub timeout: Duration,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// SUDO_UID.
    pub uid: u32,
    /// SUDO_USER, for people.
    pub user: String,
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (uid {})", printable(&self.user), self.uid)
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing yet.
    Pending,
    /// It may be done, once.
    Approved(Approver),
    /// It will not be done.
    Denied(Approver),
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Its name, which no other request has had.
    pub id: RequestId,
    /// What is asked for. As the caller wrote it: for people there is [`Self::display`].
    pub subject: Subject,
    /// Whether the unit is not to be waited for.
    pub no_block: bool,
    /// Who asked, escaped.
    pub user: String,
    /// What an approver should know.
    pub risks: Vec<String>,
    /// When it was made, by the wall clock, for people.
    pub created: SystemTime,
    /// When it ends, by the wall clock as it was then, for people.
    pub expires: SystemTime,
    /// Whether it waits without its requester (`--no-wait`).
    pub detached: bool,
    /// What was decided.
    pub state: State,
    /// When it was made, since the boot.
    pub(super) made: Duration,
    /// When it ends, since the boot.
    pub(super) deadline: Duration,
}

impl Approved {
    /// Whether its time is over.
    ///
    /// # Errors
    /// Those of clock_gettime(2).
    pub fn is_over(&self) -> io::Result<bool> {
        Ok(since_boot()? >= self.deadline)
    }
}

impl Request {
    /// What it stands for once it is approved and taken.
    #[must_use]
    pub fn approved(&self) -> Approved {
        Approved { plan: self.subject.plan.clone(), deadline: self.deadline }
    }

    pub(super) fn new(new: &NewRequest, detached: bool, now: Duration) -> Self {
        let timeout = new.timeout.min(MAX_TIMEOUT);
        let created = SystemTime::now();
        Self {
            id: new.id,
            subject: new.subject.clone(),
            no_block: new.no_block,
            user: printable(&new.user),
            risks: new.risks.clone(),
            created,
            expires: created + timeout,
            detached,
            state: State::Pending,
            made: now,
            deadline: now + timeout,
        }
    }

    /// The whole operation in one line of printable ASCII: never cut, and no two operations alike.
    #[must_use]
    pub fn display(&self) -> String {
        quoted_words(&self.subject.operation)
    }

    /// The whole command that will be run, likewise.
    #[must_use]
    pub fn runs(&self) -> String {
        quoted_words(&self.subject.argv)
    }

    /// The lines of the plan in printable ASCII.
    #[must_use]
    pub fn plan(&self) -> Vec<String> {
        self.subject.plan.iter().map(|line| printable(line)).collect()
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.deadline <= now
    }

    /// Whether this can be what a requester and approvers wrote under this name before now.
    pub(super) fn is_sound(&self, id: &RequestId, now: Duration) -> bool {
        let life = self.deadline.checked_sub(self.made);
        let wall = |time: SystemTime| {
            time.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since < END_OF_TIME)
        };
        let decided = match &self.state {
            State::Approved(by) => by.uid != self.subject.uid,
            State::Pending | State::Denied(_) => true,
        };
        self.id == *id
            && self.made <= now
            && life.is_some_and(|life| life <= MAX_TIMEOUT)
            && wall(self.created)
            && wall(self.expires)
            && self.subject.uid != u32::MAX
            && !self.subject.operation.is_empty()
            && decided
    }
}

fn quoted_words(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word that reads as itself, or in quotes with what is not printable ASCII escaped.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("\"{}\"", word.escape_default())
    }
}

/// The time since the boot, suspended time too: a clock that nobody can set (clock_gettime(2)).
pub(super) fn since_boot() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_BOOTTIME)?.into())
}
