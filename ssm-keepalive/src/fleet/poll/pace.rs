//! How long is waited before AWS is asked again.

use std::time::Duration;

/// The first pause, and the one after news.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that double while there are no news.
#[derive(Debug)]
pub(super) struct Pace {
    next: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Pace {
    /// The pause after a round; `chance`, from 0 to 1, keeps many callers from asking at once: it takes away up to half.
    pub(super) fn next(&mut self, news: bool, chance: f64) -> Duration {
        if news {
            self.next = FIRST;
        }
        let pause = self.next.mul_f64(1.0 - chance / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_begin_anew_with_news() {
        let mut pace = Pace::default();
        let mut millis = |news, chance| pace.next(news, chance).as_millis();
        let without_news: Vec<u128> = (0..6).map(|_| millis(false, 0.0)).collect();
        assert_eq!(without_news, [500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!([millis(false, 1.0), millis(true, 0.5), millis(false, 0.0)], [2500, 375, 1000]);
    }
}
