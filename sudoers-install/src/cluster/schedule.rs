//! Which hosts are worked on at a time, and when no further one is begun.

use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What the work on one host has told of the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is the right one there.
    Right,
    /// It is not.
    Wrong,
    /// The host did not get so far, or needs none.
    Nothing,
}

/// What a wrong password means for other hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// Until it has been right once, one host at a time is waited for, no longer than this; and none is tried after
    /// it was wrong.
    StopAtWrong(Duration),
    /// It has been right: hosts are tried together, and none after it was wrong.
    KnownRight,
    /// Nothing: each host is tried.
    KeepGoing,
}

/// Works on all of `items`, at most `workers` at a time, each on a thread of its own; results in the order of the
/// items.
pub fn all<'t, T: Sync, R: Send>(items: &'t [T], workers: usize, work: impl Fn(&'t T) -> R + Sync) -> Vec<R> {
    let done = with_password(items, workers, Caution::KeepGoing, |item| (work(item), Told::Nothing));
    done.into_iter().flatten().collect()
}

/// The same with a password, whose mistakes count on each host; `None` for an item that was not begun. Those that
/// are begun are finished.
pub fn with_password<'t, T: Sync, R: Send>(
    items: &'t [T],
    workers: usize,
    caution: Caution,
    work: impl Fn(&'t T) -> (R, Told) + Sync,
) -> Vec<Option<R>> {
    let turns = Turns { caution, state: Mutex::new(State::new(caution)), changed: Condvar::new() };
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    let one_worker = || {
        while let Some((at, item)) = turns.next(items) {
            let (result, told) = work(item);
            results.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(result);
            turns.ended(at, told);
        }
    };
    thread::scope(|scope| {
        // This thread is a worker, too: the only one where no other can be made.
        let others = 1..workers.min(items.len());
        let start = |_| thread::Builder::new().spawn_scoped(scope, one_worker).ok();
        let running: Vec<_> = others.map_while(start).collect();
        one_worker();
        for worker in running {
            if let Err(panic) = worker.join() {
                resume_unwind(panic);
            }
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Caution {
    /// What is left of it after these; `None` where no further host is to be tried.
    pub fn after(self, told: &[Option<Told>]) -> Option<Self> {
        match self {
            Self::KeepGoing => Some(self),
            _ if told.contains(&Some(Told::Wrong)) => None,
            _ if told.contains(&Some(Told::Right)) => Some(Self::KnownRight),
            _ => Some(self),
        }
    }
}

/// Whose turn it is.
struct Turns {
    caution: Caution,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// The next item to be begun.
    next: usize,
    /// What is known of the password.
    told: Told,
    /// The item whose answer is waited for, and how long.
    asked: Option<(usize, Instant)>,
}

impl State {
    fn new(caution: Caution) -> Self {
        let told = if matches!(caution, Caution::StopAtWrong(_)) { Told::Nothing } else { Told::Right };
        Self { next: 0, told, asked: None }
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item, once it may be begun.
    fn next<'t, T>(&self, items: &'t [T]) -> Option<(usize, &'t T)> {
        let mut state = self.lock();
        loop {
            let at = state.next;
            let item = items.get(at).filter(|_| state.told != Told::Wrong)?;
            let now = Instant::now();
            if state.told == Told::Nothing
                && let Some((_, until)) = state.asked.filter(|(_, until)| *until > now)
            {
                let waited = self.changed.wait_timeout(state, until - now);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            state.next += 1;
            if let Caution::StopAtWrong(patience) = self.caution {
                state.asked = Some((at, now + patience));
            }
            return Some((at, item));
        }
    }

    /// What has come of an item.
    fn ended(&self, at: usize, told: Told) {
        let mut state = self.lock();
        match (self.caution, told) {
            (Caution::KeepGoing, _) => {}
            (_, Told::Wrong) => state.told = Told::Wrong,
            (_, Told::Right) if state.told == Told::Nothing => state.told = Told::Right,
            _ => {}
        }
        state.asked = state.asked.filter(|(asked, _)| *asked != at);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    const LONG: Caution = Caution::StopAtWrong(Duration::from_secs(3600));

    /// Counts those that are at work at once.
    struct Gauge {
        now: AtomicUsize,
        most: AtomicUsize,
        begun: AtomicUsize,
    }

    impl Gauge {
        fn new() -> Self {
            Self { now: AtomicUsize::new(0), most: AtomicUsize::new(0), begun: AtomicUsize::new(0) }
        }

        fn during<R>(&self, work: impl FnOnce() -> R) -> R {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let result = work();
            self.now.fetch_sub(1, Ordering::SeqCst);
            result
        }
    }

    #[test]
    fn results_are_in_order_and_no_more_work_at_once_than_asked_for() {
        for workers in [1, 3, 16] {
            let gauge = Gauge::new();
            let items: Vec<u32> = (0..40).collect();
            let results = all(&items, workers, |item| gauge.during(|| item * 2));
            assert_eq!(results, items.iter().map(|item| item * 2).collect::<Vec<_>>());
            assert!(gauge.most.load(Ordering::SeqCst) <= workers);
            assert_eq!(gauge.begun.load(Ordering::SeqCst), 40);
        }
        assert!(all(&[] as &[u32], 4, |item| *item).is_empty());
    }

    #[test]
    fn hosts_are_worked_on_together() {
        // Nobody passes before four have come.
        let barrier = Barrier::new(4);
        let results = all(&[1, 2, 3, 4], 4, |item| {
            barrier.wait();
            *item
        });
        assert_eq!(results, [1, 2, 3, 4]);
    }

    #[test]
    fn the_first_host_alone_learns_that_the_password_is_wrong() {
        let gauge = Gauge::new();
        let results = with_password(&[1, 2, 3, 4, 5], 4, LONG, |item| gauge.during(|| (*item, Told::Wrong)));
        assert_eq!(results, [Some(1), None, None, None, None]);
        assert_eq!(gauge.begun.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_host_that_tells_nothing_proves_no_password() {
        let gauge = Gauge::new();
        let results = with_password(&[1, 2, 3, 4, 5], 4, LONG, |item| {
            gauge.during(|| (*item, if *item < 3 { Told::Nothing } else { Told::Wrong }))
        });
        assert_eq!(results, [Some(1), Some(2), Some(3), None, None]);
        assert_eq!(gauge.most.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_host_that_keeps_silent_does_not_keep_the_next_one_from_its_turn() {
        let (answer, answered) = channel();
        let answered = Mutex::new(answered);
        let results = with_password(&[1, 2, 3], 2, Caution::StopAtWrong(Duration::ZERO), |item| {
            if *item > 1 {
                let _ = answer.send(());
                return (true, Told::Right);
            }
            let silent = answered.lock().expect("it is not poisoned");
            (silent.recv_timeout(Duration::from_secs(20)).is_ok(), Told::Nothing)
        });
        assert_eq!(results, [Some(true); 3]);
    }

    #[test]
    fn what_some_hosts_have_told_counts_for_further_ones() {
        let (nothing, right, wrong) = (Some(Told::Nothing), Some(Told::Right), Some(Told::Wrong));
        assert_eq!(LONG.after(&[nothing, nothing]), Some(LONG));
        assert_eq!(LONG.after(&[nothing, right]), Some(Caution::KnownRight));
        for caution in [LONG, Caution::KnownRight] {
            assert_eq!(caution.after(&[right, wrong, None]), None);
        }
        assert_eq!(Caution::KeepGoing.after(&[wrong]), Some(Caution::KeepGoing));
        let barrier = Barrier::new(2);
        let results = with_password(&[1, 2, 3], 2, Caution::KnownRight, |item| {
            barrier.wait();
            (*item, Told::Wrong)
        });
        assert_eq!(results, [Some(1), Some(2), None]);
    }

    #[test]
    fn after_the_first_success_hosts_run_together_until_one_refuses() {
        let barrier = Barrier::new(2);
        let results = with_password(&[1, 2, 3, 4, 5, 6], 2, LONG, |item| {
            let told = if *item == 1 { Told::Right } else { Told::Wrong };
            if *item > 1 {
                // Both are in flight: neither is given up.
                barrier.wait();
            }
            (*item, told)
        });
        assert_eq!(results, [Some(1), Some(2), Some(3), None, None, None]);
    }

    #[test]
    fn keep_going_tries_each() {
        let results = with_password(&[1, 2, 3, 4], 2, Caution::KeepGoing, |item| (*item, Told::Wrong));
        assert_eq!(results, [Some(1), Some(2), Some(3), Some(4)]);
    }
}
