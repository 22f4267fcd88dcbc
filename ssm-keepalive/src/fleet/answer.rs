//! The answer of the script: `key=value` lines of the nonce's, between two lines that frame them.
//!
//! A host may print what it likes: what is no such line is passed over, and what is, is read strictly.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::nonce::Nonce;
use super::script::Op;
use crate::span::Span;
use crate::unit::Unit;

/// Longest frame in characters, so that the 2500 of ListCommandInvocations hold it.
pub const MAX_FRAME: usize = 2000;
/// Most bytes of output in which a frame is looked for.
const MAX_OUTPUT: usize = 64 << 10;
/// Longest stable word, in bytes.
const MAX_WORD: usize = 40;
/// Longest path, in bytes; the script ends a longer one with three dots.
const MAX_PATH: usize = 300;
/// Longest sentence, in bytes.
const MAX_WORDS: usize = 480;
/// The code of what was done, or is so.
const OK: &str = "ok";
/// All that a script may call it: no word of ours for what is proven can come from a host.
const CODES: [&str; 24] = [
    OK,
    "busy",
    "ended-early",
    "folder",
    "foreign-file",
    "hand-made",
    "interrupted",
    "lock",
    "masked",
    "no-agent",
    "no-systemd",
    "not-effective",
    "not-installed",
    "not-proven",
    "not-reverted",
    "not-root",
    "not-started",
    "orphaned",
    "still-there",
    "systemctl",
    "tools",
    "two-units",
    "unit-broken",
    "unit-file",
];
/// The keys, each once, in any order.
const KEYS: [&str; 10] =
    ["op", "code", "unit", "path", "restart", "restart_sec", "limit_interval", "winner", "changed", "words"];

/// What a host says of itself. Its texts are printable ASCII, bounded, and on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it was asked to do.
    pub op: Op,
    /// `ok`, or the stable word for what went wrong, as the local program has it.
    pub code: String,
    /// The agent's unit; `None` where there is none, or two.
    pub unit: Option<Unit>,
    /// Where the drop-in for that unit is, or would be.
    pub path: Option<String>,
    /// `Restart=` as it counts; empty where systemd has no such unit.
    pub restart: String,
    /// `RestartSec=` as it counts.
    pub restart_sec: Option<Span>,
    /// `StartLimitIntervalSec=` as it counts.
    pub limit_interval: Option<Span>,
    /// The file that decides: ours when all is proven, the one that goes before it when it is not.
    pub winner: Option<String>,
    /// Whether a file was changed, and stays so.
    pub changed: bool,
    /// What was done, or why not, for the operator.
    pub words: String,
}

impl Answer {
    /// Whether it is done, or so already, and proven.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == OK
    }

    /// Finds the answer in what a host printed.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn read(nonce: &Nonce, text: &str) -> Result<Self, NoAnswer> {
        let facts = Facts(framed(nonce, text)?);
        let op = facts.get("op")?;
        let op = Op::ALL.into_iter().find(|known| known.as_str() == op).ok_or(NoAnswer::Malformed)?;
        let code = facts.word("code")?;
        let unit = facts.optional("unit", |text| text.parse().ok())?;
        let answer = Self {
            op,
            code: Some(code).filter(|code| CODES.contains(&code.as_str())).ok_or(NoAnswer::Malformed)?,
            unit,
            path: facts.optional("path", path)?,
            restart: facts.word("restart")?,
            restart_sec: facts.optional("restart_sec", |text| text.parse().ok())?,
            limit_interval: facts.optional("limit_interval", |text| text.parse().ok())?,
            winner: facts.optional("winner", path)?,
            changed: match facts.get("changed")? {
                "yes" => true,
                "no" => false,
                _ => return Err(NoAnswer::Malformed),
            },
            words: diagnostics::one_line(&facts.bounded("words", MAX_WORDS)?),
        };
        Ok(answer)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// Its first line is missing: the script did not run.
    Missing,
    /// Its last line is missing.
    Cut,
    /// It is none of the script's.
    Malformed,
}

impl NoAnswer {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "no-answer",
            Self::Cut => "answer-cut",
            Self::Malformed => "answer-malformed",
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the host gave no answer: its output is not that of the script",
            Self::Cut => "the answer of the host was cut off: the script was killed, or its output lost",
            Self::Malformed => "the answer of the host is not understood",
        })
    }
}

impl std::error::Error for NoAnswer {}

/// The values of a frame, one for each key.
struct Facts<'a>(HashMap<&'a str, &'a str>);

impl<'a> Facts<'a> {
    fn get(&self, key: &str) -> Result<&'a str, NoAnswer> {
        self.0.get(key).copied().ok_or(NoAnswer::Malformed)
    }

    fn bounded(&self, key: &str, most: usize) -> Result<String, NoAnswer> {
        let value = self.get(key)?;
        let fits = value.len() <= most && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if fits { Ok(value.to_owned()) } else { Err(NoAnswer::Malformed) }
    }

    /// A word like `no-agent` or `on-failure`, or nothing.
    fn word(&self, key: &str) -> Result<String, NoAnswer> {
        let value = self.bounded(key, MAX_WORD)?;
        let is_word =
            value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_word { Ok(value) } else { Err(NoAnswer::Malformed) }
    }

    /// What is read so, or nothing where there is nothing.
    fn optional<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, NoAnswer> {
        match self.get(key)? {
            "" => Ok(None),
            value => read(value).map(Some).ok_or(NoAnswer::Malformed),
        }
    }
}

/// An absolute path.
fn path(text: &str) -> Option<String> {
    let fits = text.len() <= MAX_PATH && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (fits && Path::new(text).is_absolute()).then(|| text.to_owned())
}

/// The lines of the frame, by key.
fn framed<'a>(nonce: &Nonce, text: &'a str) -> Result<HashMap<&'a str, &'a str>, NoAnswer> {
    let cut = text.floor_char_boundary(MAX_OUTPUT);
    let mut lines = text[..cut].lines().map(|line| line.strip_suffix('\r').unwrap_or(line));
    let [begin, end] = ["begin", "end"].map(|word| format!("{nonce} {word}"));
    // What stands before may lack its newline.
    lines.find(|line| line.ends_with(&begin)).ok_or(NoAnswer::Missing)?;
    let mut facts = HashMap::new();
    for line in lines {
        if line == end {
            return if facts.len() == KEYS.len() { Ok(facts) } else { Err(NoAnswer::Malformed) };
        }
        // Another program may print in between.
        let Some(line) = line.strip_prefix(nonce.as_str()) else { continue };
        let fact = line.strip_prefix(' ').and_then(|fact| fact.split_once('='));
        let Some((key, value)) = fact.filter(|(key, _)| KEYS.contains(key)) else {
            // The last line of a text that was cut is half of one.
            return Err(if text.ends_with(line) { NoAnswer::Cut } else { NoAnswer::Malformed });
        };
        if facts.insert(key, value).is_some() {
            return Err(NoAnswer::Malformed);
        }
    }
    Err(NoAnswer::Cut)
}

#[cfg(test)]
mod tests;
