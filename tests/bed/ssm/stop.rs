//! The end of an endpoint, which ends all that waits in it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Whether it is over.
#[derive(Default)]
pub(super) struct Stop {
    over: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// It is over from now on.
    pub(super) fn now(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Whether it is over.
    pub(super) fn is_now(&self) -> bool {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits that long, or until it is over: whether it is.
    pub(super) fn within(&self, time: Duration) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(over, time, |over| !*over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
