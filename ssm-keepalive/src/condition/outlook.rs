//! Whether systemd would start the agent again, were it to end now.

use std::fmt;

use crate::properties::Properties;
use crate::span::Span;

/// Why it would not, whatever the agent ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bar {
    /// Restart= is not `always` but this.
    Policy(String),
    /// It would be started again so fast that the start limit ends it (systemd.unit(5)).
    StartLimit {
        /// This many starts are allowed.
        burst: u64,
        /// Within this span.
        interval: Span,
        /// And this is how long systemd waits before each.
        restart_sec: Span,
    },
    /// RestartSec= never ends, or cannot be told.
    NoDelay,
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(policy) => {
                write!(f, "its Restart= is '{}' and not 'always'", diagnostics::one_line(policy))
            }
            Self::StartLimit { burst, interval, restart_sec } => write!(
                f,
                "if it ends again at once, systemd gives up after {burst} starts within {interval}, \
                 since it waits only {restart_sec} before each"
            ),
            Self::NoDelay => f.write_str("its RestartSec= never ends, or systemd does not tell it"),
        }
    }
}

/// What would keep it dead; `None` when it will return.
#[must_use]
pub fn bar(properties: &Properties) -> Option<Bar> {
    if properties.restart != "always" {
        return Some(Bar::Policy(properties.restart.clone()));
    }
    let Some(delay) = properties.restart_sec.and_then(Span::duration) else { return Some(Bar::NoDelay) };
    let burst: u64 = properties.limit_burst.parse().unwrap_or(0);
    let interval = properties.limit_interval.unwrap_or(Span::from_micros(0));
    // Starts are a delay apart: the one after `burst` of them is refused if it comes within the interval.
    let starts = u128::from(burst) * delay.as_micros();
    let is_limited = burst > 0 && interval != Span::from_micros(0);
    let trips = is_limited && interval.duration().is_none_or(|interval| starts <= interval.as_micros());
    let restart_sec = properties.restart_sec?;
    trips.then_some(Bar::StartLimit { burst, interval, restart_sec })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_returns_only_if_it_always_may_and_the_start_limit_cannot_trip() {
        let limit = |restart_sec: &str, interval: &str| {
            Some(Bar::StartLimit {
                burst: 5,
                interval: interval.parse().expect("a span"),
                restart_sec: restart_sec.parse().expect("a span"),
            })
        };
        for (restart, restart_sec, interval, burst, expected) in [
            ("always", "10s", "0", "5", None),
            ("always", "1min 30s", "10s", "5", None),
            ("always", "100ms", "10s", "0", None),
            ("always", "100ms", "0", "5", None),
            ("always", "100ms", "10s", "5", limit("100ms", "10s")),
            ("always", "2s", "10s", "5", limit("2s", "10s")),
            ("always", "2001ms", "10s", "5", None),
            ("always", "1h", "infinity", "5", limit("1h", "infinity")),
            ("always", "infinity", "0", "5", Some(Bar::NoDelay)),
            ("always", "", "0", "5", Some(Bar::NoDelay)),
            ("on-failure", "10s", "0", "5", Some(Bar::Policy("on-failure".into()))),
            ("no", "10s", "0", "5", Some(Bar::Policy("no".into()))),
        ] {
            let properties = Properties::parse(&format!(
                "Restart={restart}\nRestartUSec={restart_sec}\nStartLimitIntervalUSec={interval}\n\
                 StartLimitBurst={burst}\n"
            ));
            assert_eq!(bar(&properties), expected, "{restart} {restart_sec} {interval} {burst}");
        }
    }
}
