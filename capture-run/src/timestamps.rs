//! `--timestamps`: the time of arrival before every line, as RFC 3339 in UTC.

use std::io::Write;
use std::time::{Duration, SystemTime};

/// The last second that RFC 3339 can write, 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// Puts a time and a space before the first byte of each line: `2026-11-21T08:52:36.123Z `.
///
/// Only `\n` ends a line. A line that goes on in a later push gets no second stamp; its stamp is the
/// time of its first byte.
#[derive(Debug, Default)]
pub struct Timestamps {
    mid_line: bool,
}

impl Timestamps {
    /// A filter that stands at the start of a line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `input` to `output`, every line that starts in it stamped with `now`.
    pub fn push(&mut self, now: SystemTime, input: &[u8], output: &mut Vec<u8>) {
        if input.is_empty() {
            return;
        }
        let stamp = render(now);
        for line in input.split_inclusive(|&byte| byte == b'\n') {
            if !self.mid_line {
                output.extend_from_slice(&stamp);
            }
            output.extend_from_slice(line);
            self.mid_line = !line.ends_with(b"\n");
        }
    }
}

/// `now` with milliseconds, and a space.
fn render(now: SystemTime) -> Vec<u8> {
    // humantime panics before 1970 and past 9999, and a board without a clock may start there.
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = since.min(Duration::from_secs(LAST_SECOND));
    let mut stamp = Vec::with_capacity(32);
    let time = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since);
    // A write to a Vec cannot fail, and the time is within what the formatter accepts.
    let _ = write!(stamp, "{time} ");
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAMP: &str = "2026-11-21T08:52:36.123Z ";

    fn at(seconds: u64, millis: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::new(seconds, millis * 1_000_000)
    }

    fn stamp(chunks: &[&[u8]]) -> String {
        let (mut filter, mut output) = (Timestamps::new(), Vec::new());
        for chunk in chunks {
            filter.push(at(1_795_251_156, 123), chunk, &mut output);
        }
        String::from_utf8_lossy(&output).into_owned()
    }

    #[test]
    fn stamps_the_first_byte_of_each_line_only() {
        assert_eq!(stamp(&[b"a\nb"]), format!("{STAMP}a\n{STAMP}b"));
        assert_eq!(stamp(&[b"a", b"b\n", b"", b"\n"]), format!("{STAMP}ab\n{STAMP}\n"));
        assert_eq!(stamp(&[b"a\r b\0\n"]), format!("{STAMP}a\r b\0\n"));
        assert_eq!(stamp(&[b"", b""]), "");
    }

    #[test]
    fn a_line_keeps_the_time_of_its_first_byte() {
        let (mut filter, mut output) = (Timestamps::new(), Vec::new());
        filter.push(at(0, 1), b"a", &mut output);
        filter.push(at(1, 0), b"b\nc", &mut output);
        assert_eq!(output, b"1970-01-01T00:00:00.001Z ab\n1970-01-01T00:00:01.000Z c");
    }

    #[test]
    fn a_clock_out_of_range_does_not_panic() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(render(before), b"1970-01-01T00:00:00.000Z ");
        assert_eq!(render(at(LAST_SECOND + 1, 0)), b"9999-12-31T23:59:59.000Z ");
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(lines in prop::collection::vec("[a\n\r]{0,4}", 0..20)) {
            let whole = lines.concat();
            let chunks: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            prop_assert_eq!(stamp(&chunks), stamp(&[whole.as_bytes()]));
            prop_assert_eq!(stamp(&chunks).replace(STAMP, ""), whole);
        }
    }
}
