//! Times as the API has them.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When that was by the calendar.
pub(super) fn date(at: Instant) -> SystemTime {
    static START: OnceLock<(Instant, SystemTime)> = OnceLock::new();
    let (instant, date) = START.get_or_init(|| (Instant::now(), SystemTime::now()));
    match at.checked_duration_since(*instant) {
        Some(later) => *date + later,
        None => *date - instant.duration_since(at),
    }
}

/// A `timestamp` of the JSON protocol: seconds since 1970.
pub(super) fn epoch(date: SystemTime) -> f64 {
    date.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// A `StringDateTime`; empty for none.
pub(super) fn text(at: Option<Instant>) -> String {
    at.map(|at| humantime::format_rfc3339_millis(date(at)).to_string()).unwrap_or_default()
}

/// A duration of ISO 8601.
pub(super) fn elapsed(time: Duration) -> String {
    format!("PT{:.3}S", time.as_secs_f64())
}
