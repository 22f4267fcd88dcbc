//! A record as its line: what waits takes up no more than that.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Record;

/// More than most lines have, in bytes, and more than malloc(3) keeps for a thread that has freed it.
const USUAL: usize = 1536;

/// A record with its time.
#[derive(Serialize)]
struct Timed<'a> {
    /// Milliseconds since 1970.
    time_ms: u64,
    #[serde(flatten)]
    record: &'a Record,
}

/// The line of this record, which is of now.
pub fn of(record: &Record) -> String {
    json(&Timed { time_ms: now(), record })
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// A struct of texts and numbers always has a line.
pub fn json(said: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(USUAL);
    let written = serde_json::to_writer(&mut text, said);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}
