//! `DUR` as timeout(1) reads it: a decimal number with an optional s, m, h or d.

use std::time::Duration;

/// Longer is for ever: a century.
const MAX_SECONDS: f64 = 100.0 * 366.0 * 24.0 * 3600.0;

/// How long something may take; `None` is for ever.
pub type Limit = Option<Duration>;

/// Reads a duration. 0 switches the limit off, as in timeout(1); so does `inf`.
#[must_use]
pub fn parse_limit(text: &str) -> Option<Limit> {
    if text == "inf" {
        return Some(None);
    }
    parse(text).map(|duration| Some(duration).filter(|duration| !duration.is_zero()))
}

/// Reads a duration for which 0 means at once.
#[must_use]
pub fn parse_grace(text: &str) -> Option<Limit> {
    if text == "inf" { Some(None) } else { parse(text).map(Some) }
}

fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, text.as_bytes()[text.len() - 1]),
        None => (text, b's'),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| plain)? * factor(unit);
    (seconds <= MAX_SECONDS).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

fn factor(unit: u8) -> f64 {
    match unit {
        b'd' => 24.0 * 3600.0,
        b'h' => 3600.0,
        b'm' => 60.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        for (text, millis) in [
            ("1", 1000),
            ("0.5", 500),
            (".25", 250),
            ("2s", 2000),
            ("1.5m", 90_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_limit(text), Some(Some(Duration::from_millis(millis))), "{text}");
        }
    }

    #[test]
    fn zero_and_inf_are_no_limit_but_a_grace_may_be_zero() {
        assert_eq!(parse_limit("0"), Some(None));
        assert_eq!(parse_limit("inf"), Some(None));
        assert_eq!(parse_grace("0"), Some(Some(Duration::ZERO)));
        assert_eq!(parse_grace("inf"), Some(None));
    }

    #[test]
    fn refused() {
        for text in ["", "s", "-1", "+1", "1e3", "1 s", "1x", "nan", "infinity", "1ss", ".", "9999999999999d"]
        {
            assert_eq!(parse_limit(text), None, "{text:?}");
        }
    }
}
