//! The policy's `limits`.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use strict_json::object;

use super::strict::Ranged;

/// Seconds that an operation may be given.
pub(super) type TimeoutSeconds = Ranged<1, 86_400>;

/// Bounds on every operation, unless a command has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes kept of each output stream: 1024 to 16 MiB, 65536 unless said.
    pub output_bytes: usize,
    /// How long an operation may take: 1 s to a day, 1800 s unless said.
    pub timeout: Duration,
    /// How long to wait for the lock of the package system: 0 to 3600 s, 60 s unless said.
    pub lock_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes: 65_536, timeout: Duration::from_secs(1800), lock_wait: Duration::from_secs(60) }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, deserialize_with = "super::strict::given")]
    output_bytes: Option<Ranged<1024, 16_777_216>>,
    #[serde(default, deserialize_with = "super::strict::given")]
    timeout_s: Option<TimeoutSeconds>,
    #[serde(default, deserialize_with = "super::strict::given")]
    lock_wait_s: Option<Ranged<0, 3600>>,
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let document: Document = object(input)?;
        let unsaid = Self::default();
        let bytes = document.output_bytes.and_then(|bytes| usize::try_from(bytes.0).ok());
        Ok(Self {
            output_bytes: bytes.unwrap_or(unsaid.output_bytes),
            timeout: document.timeout_s.map_or(unsaid.timeout, |seconds| Duration::from_secs(seconds.0)),
            lock_wait: document
                .lock_wait_s
                .map_or(unsaid.lock_wait, |seconds| Duration::from_secs(seconds.0)),
        })
    }
}
