//! How long one call may work as the user, all in all: the user can stop each of its processes, and what root does next
//! is not to wait for that again and again.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// As long as a home on another machine may need.
const LIMIT: Duration = Duration::from_secs(30);

/// The time that a call has left for work as the user.
#[derive(Debug)]
pub struct Budget(Cell<Duration>);

impl Default for Budget {
    fn default() -> Self {
        Self::of(LIMIT)
    }
}

impl Budget {
    /// As long as this.
    #[must_use]
    pub const fn of(limit: Duration) -> Self {
        Self(Cell::new(limit))
    }

    /// What is left; `None` when the time is over.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.0.get();
        (!left.is_zero()).then_some(left)
    }

    /// Takes what has gone since then.
    pub(super) fn spend(&self, since: Instant) {
        self.0.set(self.0.get().saturating_sub(since.elapsed()));
    }

    /// One that was waited for to its end has shown what others would do.
    pub(super) fn is_over(&self) {
        self.0.set(Duration::ZERO);
    }
}
