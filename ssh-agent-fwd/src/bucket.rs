//! How often: a token bucket for everybody, or for everybody and every key.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use crate::policy::Rate;

/// Most buckets that are held. A uid and a key that policy names have one, so that more need a policy that is larger.
pub const MAX_BUCKETS: usize = 4096;

/// Parts of a token: a nanosecond at a thousandth of a token per second gives one.
const TOKEN: u128 = 1_000_000_000_000;

/// What is left, and when that was counted.
#[derive(Debug)]
struct Level {
    parts: u128,
    at: Instant,
}

/// The buckets, by what each is for.
#[derive(Debug)]
pub struct Buckets<Of> {
    rate: Rate,
    levels: HashMap<Of, Level>,
}

impl<Of: Copy + Eq + Hash> Buckets<Of> {
    /// Every bucket is full.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, levels: HashMap::new() }
    }

    /// From now on at this rate; what was taken stays taken.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// Takes a token; false when there is none, and when nobody's bucket can be given up for one more.
    pub fn take(&mut self, name: Of, now: Instant) -> bool {
        let rate = self.rate;
        if !self.levels.contains_key(&name) && self.levels.len() >= MAX_BUCKETS {
            // One that is full again says no more than none.
            self.levels.retain(|_, level| filled(level, rate, now) < capacity(rate));
            if self.levels.len() >= MAX_BUCKETS {
                return false;
            }
        }
        let level = self.levels.entry(name).or_insert(Level { parts: capacity(rate), at: now });
        *level = Level { parts: filled(level, rate, now), at: now.max(level.at) };
        let left = level.parts.checked_sub(TOKEN);
        level.parts = left.unwrap_or(level.parts);
        left.is_some()
    }
}

fn capacity(rate: Rate) -> u128 {
    u128::from(rate.burst) * TOKEN
}

/// What is in it by now, at most its capacity.
fn filled(level: &Level, rate: Rate, now: Instant) -> u128 {
    let elapsed = now.saturating_duration_since(level.at).as_nanos();
    let gained = elapsed.saturating_mul(u128::from(rate.milli_per_s));
    level.parts.saturating_add(gained).min(capacity(rate))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::key::{Fingerprint, KeyBlob};

    const RATE: Rate = Rate { burst: 3, milli_per_s: 500 };

    fn key(name: &str) -> Fingerprint {
        KeyBlob::of(name.as_bytes()).fingerprint()
    }

    #[test]
    fn a_burst_is_given_and_then_what_time_brings() {
        let (mut buckets, start) = (Buckets::new(RATE), Instant::now());
        for (milliseconds, given) in [
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (1999, false),
            (2000, true),
            (2000, false),
            (3999, false),
            // Refusals cost nothing, and parts of a token are kept.
            (4000, true),
            (4000, false),
            // A clock that seems to go back gives nothing.
            (3000, false),
            (5999, false),
            (6000, true),
            // After a long time there is one burst, not more.
            (1_000_000, true),
            (1_000_000, true),
            (1_000_000, true),
            (1_000_000, false),
        ] {
            let now = start + Duration::from_millis(milliseconds);
            assert_eq!(buckets.take((1000, key("a")), now), given, "{milliseconds}");
        }
    }

    #[test]
    fn each_uid_and_each_key_has_its_own() {
        let (mut buckets, now) = (Buckets::new(Rate { burst: 1, milli_per_s: 1 }), Instant::now());
        for (uid, name, given) in [
            (1, "a", true),
            (1, "a", false),
            (2, "a", true),
            (1, "b", true),
            (2, "a", false),
            (1, "b", false),
        ] {
            assert_eq!(buckets.take((uid, key(name)), now), given, "{uid} {name}");
        }
    }

    #[test]
    fn another_rate_gives_nothing_back() {
        let (mut buckets, now) = (Buckets::new(Rate { burst: 2, milli_per_s: 1000 }), Instant::now());
        assert!(buckets.take((1, key("a")), now) && buckets.take((1, key("a")), now));
        buckets.set_rate(Rate { burst: 100, milli_per_s: 2000 });
        assert!(!buckets.take((1, key("a")), now));
        let later = now + Duration::from_millis(500);
        assert!(buckets.take((1, key("a")), later) && !buckets.take((1, key("a")), later));
        buckets.set_rate(Rate { burst: 1, milli_per_s: 1000 });
        let late = now + Duration::from_secs(100);
        assert!(buckets.take((1, key("a")), late) && !buckets.take((1, key("a")), late), "the new burst");
    }

    #[test]
    fn there_are_no_more_buckets_than_the_most() {
        let (mut buckets, start) = (Buckets::new(RATE), Instant::now());
        for uid in 0..u32::try_from(MAX_BUCKETS).expect("few") {
            assert!(buckets.take((uid, key("a")), start));
        }
        assert!(!buckets.take((u32::MAX, key("a")), start), "all are in use");
        assert!(buckets.take((0, key("a")), start), "those that are there go on");
        let later = start + Duration::from_secs(2);
        assert!(buckets.take((u32::MAX, key("a")), later), "the full ones are given up");
        assert_eq!(buckets.levels.len(), 2, "the one that was taken from twice, and the new one");
    }
}
