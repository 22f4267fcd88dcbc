//! How often a key may sign for a user.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct};

use strict_json::object;

/// Largest burst, and most signatures in a second.
const MOST: u32 = 1_000_000;

/// How often a key may sign for one user: `burst` at once, then so many each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Signatures at once: 1 to 1000000, 30 unless said.
    pub burst: u32,
    /// Thousandths of a signature per second: 1 to 10^9, 1000 unless said.
    pub milli_per_s: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { burst: 30, milli_per_s: 1000 }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at once and {} per second", self.burst, per_s(*self))
    }
}

fn per_s(rate: Rate) -> f64 {
    f64::from(rate.milli_per_s) / 1000.0
}

/// `{"burst": 30, "per_s": 1}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    burst: Option<u32>,
    per_s: Option<f64>,
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let document: Document = object(input)?;
        let unsaid = Self::default();
        let burst = document.burst.unwrap_or(unsaid.burst);
        let per_s = document.per_s.unwrap_or(per_s(unsaid));
        if !(1..=MOST).contains(&burst) || !(0.001..=f64::from(MOST)).contains(&per_s) {
            let range = format!("a rate has a burst from 1 to {MOST} and a per_s from 0.001 to {MOST}");
            return Err(de::Error::custom(range));
        }
        // In range: the cast neither cuts nor saturates.
        Ok(Self { burst, milli_per_s: (per_s * 1000.0).round() as u32 })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut object = output.serialize_struct("Rate", 2)?;
        object.serialize_field("burst", &self.burst)?;
        object.serialize_field("per_s", &per_s(*self))?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Result<Rate, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_rate_is_read_with_its_defaults_and_written_back() {
        for (text, burst, milli_per_s) in [
            ("{}", 30, 1000),
            (r#"{"burst": 30, "per_s": 1}"#, 30, 1000),
            (r#"{"burst": 1}"#, 1, 1000),
            (r#"{"per_s": 0.001}"#, 30, 1),
            (r#"{"per_s": 0.5}"#, 30, 500),
            (r#"{"burst": 1000000, "per_s": 1000000}"#, 1_000_000, 1_000_000_000),
        ] {
            let read = rate(text).expect(text);
            assert_eq!(read, Rate { burst, milli_per_s }, "{text}");
            assert_eq!(rate(&serde_json::to_string(&read).expect("written")).expect("read"), read);
        }
        for text in [
            "[]",
            "30",
            r#"{"burst": 0}"#,
            r#"{"burst": -1}"#,
            r#"{"burst": 1.5}"#,
            r#"{"burst": 1000001}"#,
            r#"{"per_s": 0}"#,
            r#"{"per_s": -1}"#,
            r#"{"per_s": 0.0001}"#,
            r#"{"per_s": 1000001}"#,
            r#"{"per_s": 1e400}"#,
            r#"{"per_minute": 1}"#,
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
