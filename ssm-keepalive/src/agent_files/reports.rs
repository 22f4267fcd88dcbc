//! When the worker has last reported to Systems Manager, by the agent's log.
//!
//! A line of the log has the local time without its zone. The file was written when its last line was, and so the
//! others are as much older as their times say, in any zone.

use std::time::{Duration, SystemTime};

/// What a worker logs every five minutes once it is awake, and never while it sleeps (upstream's agent/health).
const REPORTS: &str = "[HealthCheck] HealthCheck reporting agent health";
/// How long a time is, as in `2026-01-31 23:59:59`; fractions may follow.
const TIME: usize = "2026-01-31 23:59:59".len();

/// When it last did so, of a log of which this is the end, and which was written last at that time.
pub(super) fn last(log: &str, written: SystemTime) -> Option<SystemTime> {
    let end = log.lines().rev().find_map(seconds)?;
    let reported = log.lines().rev().find(|line| line.contains(REPORTS)).and_then(seconds)?;
    written.checked_sub(Duration::from_secs(end.checked_sub(reported)?))
}

/// The time that a line begins with, in seconds of its zone.
fn seconds(line: &str) -> Option<u64> {
    let (date, time) = line.get(..TIME)?.split_once(' ')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let fits = year > 0 && (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    fits.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let numbers: Vec<u64> = text.split(between).map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

/// Days since the first of March of year 0, with the leap day last in its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_as_old_as_the_times_say() {
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let line = |time: &str| format!("{time} INFO [ssm-agent-worker] {REPORTS}.\n");
        let other = |time: &str| format!("{time} INFO [amazon-ssm-agent] something\n");
        let at = "2026-03-01 00:00:10";
        for (log, ago) in [
            (line(at), Some(0)),
            (line("2026-03-01 00:00:10.1234"), Some(0)),
            (format!("{}{}", line(at), other("2026-03-01 00:00:25")), Some(15)),
            (format!("{}{}", line(at), other("2026-03-02 01:00:10")), Some(90_000)),
            (format!("{}{}", line("2026-02-28 23:59:59"), other(at)), Some(11)),
            (format!("{}{}", line("2024-02-28 23:59:59"), other("2024-03-01 00:00:00")), Some(86_401)),
            (format!("{}{}", line("2025-12-31 23:59:59"), other("2026-01-01 00:00:00")), Some(1)),
            (
                format!("{}{}goroutine 1 [running]:\n\tmain.go:7\n", line(at), line("2026-03-01 00:05:10")),
                Some(0),
            ),
            // The clock was set back, or the hour was, in between.
            (format!("{}{}", line(at), other("2026-02-28 23:00:00")), None),
            (other(at), None),
            (format!("no time: {REPORTS}\n"), None),
            (line("2026-13-01 00:00:10"), None),
            (line("2026-03-01T00:00:10"), None),
            (String::new(), None),
            ("é".repeat(20), None),
        ] {
            let expected = ago.map(|ago| written - Duration::from_secs(ago));
            assert_eq!(last(&log, written), expected, "{log}");
        }
    }
}
