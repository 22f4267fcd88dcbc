//! A span of time as systemd reads and prints it (systemd.time(7)).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Units with their length in microseconds, the longest first; each with the words that systemd.time(7) lists.
const UNITS: [(&[&str], u64); 9] = [
    (&["y", "year", "years"], 31_557_600_000_000),
    (&["month", "months", "M"], 2_629_800_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["min", "minute", "minutes", "m"], 60_000_000),
    (&["s", "sec", "second", "seconds"], 1_000_000),
    (&["ms", "msec", "milliseconds"], 1_000),
    (&["us", "usec", "microseconds"], 1),
];
/// The unit of a bare number, in microseconds.
const SECOND: u64 = 1_000_000;

/// A span of time; `infinity` never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

impl Span {
    /// It never ends.
    pub const INFINITE: Self = Self(u64::MAX);

    /// So many microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Its length; `None` when it never ends.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        (self != Self::INFINITE).then(|| Duration::from_micros(self.0))
    }
}

/// What is no span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotASpan;

impl fmt::Display for NotASpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span of time is written like 10s, 1min 30s or 500ms (systemd.time(7))")
    }
}

impl std::error::Error for NotASpan {}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let text = text.trim();
        if text == "infinity" {
            return Ok(Self::INFINITE);
        }
        let mut rest = text;
        let mut total = None;
        while !rest.is_empty() {
            let (length, after) = part(rest).ok_or(NotASpan)?;
            total = Some(total.unwrap_or(0_u64).checked_add(length).ok_or(NotASpan)?);
            rest = after.trim_start();
        }
        total.filter(|micros| *micros != u64::MAX).map(Self).ok_or(NotASpan)
    }
}

/// One number with its unit, and what follows.
fn part(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
    };
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    let micros = match unit {
        "" => SECOND,
        unit => UNITS.iter().find(|(words, _)| words.contains(&unit))?.1,
    };
    let mut length = number.checked_mul(micros)?;
    let mut place = micros;
    for digit in fraction.bytes() {
        place /= 10;
        length = length.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some((length, rest))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::INFINITE {
            return f.write_str("infinity");
        }
        if self.0 == 0 {
            return f.write_str("0");
        }
        let mut left = self.0;
        let mut before = "";
        for (words, micros) in UNITS {
            let count = left / micros;
            left %= micros;
            if count > 0 {
                write!(f, "{before}{count}{}", words[0])?;
                before = " ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        for (text, micros) in [
            ("10s", 10_000_000),
            ("10", 10_000_000),
            ("1min 30s", 90_000_000),
            ("1min30s", 90_000_000),
            ("100ms", 100_000),
            ("1.5s", 1_500_000),
            ("2 h", 7_200_000_000),
            ("500us", 500),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Span::from_micros(micros)), "{text}");
        }
        assert_eq!("infinity".parse(), Ok(Span::INFINITE));
        for text in ["", "s", "-1s", "10 parsecs", "1s;", "99999999999999999999s", "1,5s", "10s\nX=1", "∞"]
        {
            assert_eq!(text.parse::<Span>(), Err(NotASpan), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(micros in 0..u64::MAX) {
            let span = Span::from_micros(micros);
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
