//! A point in time as AWS's CLI prints it.

use std::time::{Duration, SystemTime};

use serde_json::Value;

/// Latest moment that is believed, in seconds of the Unix epoch: the end of the year 9999.
const LAST: f64 = 253_402_300_799.0;

/// RFC 3339 in UTC, to the second. Version 2 prints ISO 8601 with the local offset, version 1 seconds of the Unix
/// epoch (cli_timestamp_format), and either what the service sent when told so.
pub(super) fn rfc3339(value: &Value) -> Option<String> {
    let moment = match value {
        Value::Number(seconds) => {
            let seconds = seconds.as_f64().filter(|seconds| (0.0..LAST).contains(seconds))?;
            SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)
        }
        Value::String(text) => iso8601(text)?,
        _ => return None,
    };
    Some(humantime::format_rfc3339_seconds(moment).to_string())
}

/// `2026-11-21T21:30:00.123000+01:00`, or with Z, or without an offset, which is UTC.
fn iso8601(text: &str) -> Option<SystemTime> {
    let (local, offset) = match text.strip_suffix('Z') {
        Some(local) => (local, None),
        None => match text.char_indices().rev().nth(5) {
            Some((at, '+' | '-')) => (&text[..at], Some(&text[at..])),
            _ => (text, None),
        },
    };
    let moment = humantime::parse_rfc3339_weak(local).ok()?;
    let Some(offset) = offset else { return Some(moment) };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let two = |digits: &str| digits.parse::<u64>().ok().filter(|_| digits.len() == 2);
    let ahead = Duration::from_secs(two(hours)? * 3600 + two(minutes)? * 60);
    if offset.starts_with('+') { moment.checked_sub(ahead) } else { moment.checked_add(ahead) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_moment_becomes_utc() {
        for (value, utc) in [
            (json!(1_795_296_600.123), "2026-11-21T21:30:00Z"),
            (json!(0), "1970-01-01T00:00:00Z"),
            (json!("2026-11-21T21:30:00.123000+00:00"), "2026-11-21T21:30:00Z"),
            (json!("2026-11-21T22:30:00.123000+01:00"), "2026-11-21T21:30:00Z"),
            (json!("2026-11-21T16:00:00-05:30"), "2026-11-21T21:30:00Z"),
            (json!("2026-12-31T23:30:00-01:00"), "2027-01-01T00:30:00Z"),
            (json!("2026-11-21T21:30:00Z"), "2026-11-21T21:30:00Z"),
            (json!("2026-11-21T21:30:00"), "2026-11-21T21:30:00Z"),
        ] {
            assert_eq!(rfc3339(&value).as_deref(), Some(utc), "{value}");
        }
    }

    #[test]
    fn other_values_are_no_moment() {
        for value in [
            json!(null),
            json!(-1),
            json!(1e300),
            json!([]),
            json!(""),
            json!("yesterday"),
            json!("2026-11-21T21:30:00+1:000"),
            json!("é21T21:30:00+01:00"),
            json!("2026-11-21T21:30:00+99999"),
            json!("2026-11-21T21:30:00+é:00"),
        ] {
            assert_eq!(rfc3339(&value), None, "{value}");
        }
    }
}
