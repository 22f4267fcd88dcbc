//! Requests that are being answered: the end of the process waits for their replies.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The requests that have been read and whose replies are not out yet.
#[derive(Debug, Default)]
pub struct InFlight {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requests: u32,
    is_over: bool,
}

/// One of them, until this is dropped.
#[derive(Debug)]
pub struct Turn<'a>(&'a InFlight);

impl InFlight {
    /// One more; `None` when the process is about to end.
    pub fn begin(&self) -> Option<Turn<'_>> {
        let mut state = self.state();
        if state.is_over {
            return None;
        }
        state.requests += 1;
        Some(Turn(self))
    }

    /// Lets none begin any more, and waits so long for those that have begun.
    pub fn finish(&self, patience: Duration) {
        let mut state = self.state();
        state.is_over = true;
        // Whether all are out or time is: there is nothing more to do for them.
        let _ = self.left.wait_timeout_while(state, patience, |state| state.requests > 0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        // Only then does somebody wait.
        if state.is_over {
            self.0.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    /// Far longer than it takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn the_end_waits_for_who_has_begun_and_lets_nobody_begin() {
        let in_flight = InFlight::default();
        let turn = in_flight.begin().expect("it is not over");
        let (told, order) = channel();
        thread::scope(|scope| {
            let ended = told.clone();
            let waiting = &in_flight;
            scope.spawn(move || {
                waiting.finish(PATIENCE);
                ended.send("ended").expect("heard");
            });
            // The other thread has begun to end it.
            while in_flight.begin().is_some() {
                thread::yield_now();
            }
            told.send("answered").expect("heard");
            drop(turn);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["answered", "ended"]);
    }

    #[test]
    fn the_end_does_not_wait_for_ever() {
        let in_flight = InFlight::default();
        let _turn = in_flight.begin().expect("it is not over");
        in_flight.finish(Duration::from_millis(1));
        assert!(in_flight.begin().is_none());
    }
}
