//! How many connections, and how long they may keep a thread waiting.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use strict_json::object;

/// Most connections at once that a policy can allow: each has a thread and two descriptors.
pub const MOST_CONNECTIONS: u32 = 4096;
/// Longest wait that a policy can allow, in seconds: a day.
const LONGEST: u32 = 86_400;

/// Bounds on what clients take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, of everybody: 256 unless said.
    pub connections: u32,
    /// Connections at once, of one user: 128 unless said.
    pub connections_per_uid: u32,
    /// How long a connection may rest between two requests: 600 s unless said.
    pub idle: Duration,
    /// How long a peer may hold up a message that has begun, or its reply: 10 s unless said.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (idle, stall) = (Duration::from_secs(600), Duration::from_secs(10));
        Self { connections: 256, connections_per_uid: 128, idle, stall }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    connections: Option<u32>,
    connections_per_uid: Option<u32>,
    idle_s: Option<u32>,
    stall_s: Option<u32>,
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let said: Document = object(input)?;
        for (member, value, most) in [
            ("connections", said.connections, MOST_CONNECTIONS),
            ("connections_per_uid", said.connections_per_uid, MOST_CONNECTIONS),
            ("idle_s", said.idle_s, LONGEST),
            ("stall_s", said.stall_s, LONGEST),
        ] {
            if value.is_some_and(|value| !(1..=most).contains(&value)) {
                return Err(de::Error::custom(format_args!("{member} is a number from 1 to {most}")));
            }
        }
        let unsaid = Self::default();
        let seconds =
            |said: Option<u32>, unsaid| said.map_or(unsaid, |said| Duration::from_secs(said.into()));
        Ok(Self {
            connections: said.connections.unwrap_or(unsaid.connections),
            connections_per_uid: said.connections_per_uid.unwrap_or(unsaid.connections_per_uid),
            idle: seconds(said.idle_s, unsaid.idle),
            stall: seconds(said.stall_s, unsaid.stall),
        })
    }
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let seconds = |span: Duration| u32::try_from(span.as_secs()).ok();
        let document = Document {
            connections: Some(self.connections),
            connections_per_uid: Some(self.connections_per_uid),
            idle_s: seconds(self.idle),
            stall_s: seconds(self.stall),
        };
        document.serialize(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> Result<Limits, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn limits_are_read_with_their_defaults_and_written_back() {
        let some = Limits { connections: 1, stall: Duration::from_secs(86_400), ..Limits::default() };
        for (text, expected) in [("{}", Limits::default()), (r#"{"connections": 1, "stall_s": 86400}"#, some)]
        {
            let read = limits(text).expect(text);
            assert_eq!(read, expected);
            assert_eq!(limits(&serde_json::to_string(&read).expect("written")).expect("read"), expected);
        }
        for text in [
            "[]",
            r#"{"connections": 0}"#,
            r#"{"connections": 4097}"#,
            r#"{"connections_per_uid": 0}"#,
            r#"{"idle_s": 0}"#,
            r#"{"stall_s": 86401}"#,
            r#"{"stall": 1}"#,
        ] {
            assert!(limits(text).is_err(), "{text}");
        }
    }
}
