//! Which hosts are worked on at a time, and when no further one is begun.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

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
    /// One host at a time until it has been right once, and none after it was wrong.
    StopAtWrong,
    /// Nothing: each host is tried.
    KeepGoing,
}

/// Works on all of `items`, at most `workers` at a time, each on a thread of its own; results in the order of the
/// items.
pub fn all<'t, T: Sync, R: Send>(items: &'t [T], workers: usize, work: impl Fn(&'t T) -> R + Sync) -> Vec<R> {
    let done = until(items, workers, |item| (work(item), Told::Nothing));
    done.into_iter().flatten().collect()
}

/// The same with a password, whose mistakes count on each host; `None` for an item that was not begun.
pub fn with_password<'t, T: Sync, R: Send>(
    items: &'t [T],
    workers: usize,
    caution: Caution,
    work: impl Fn(&'t T) -> (R, Told) + Sync,
) -> Vec<Option<R>> {
    if caution == Caution::KeepGoing {
        return until(items, workers, |item| (work(item).0, Told::Nothing));
    }
    let mut results = Vec::with_capacity(items.len());
    let mut told = Told::Nothing;
    while told == Told::Nothing && results.len() < items.len() {
        let (result, now) = work(&items[results.len()]);
        results.push(Some(result));
        told = now;
    }
    let rest = &items[results.len()..];
    if told == Told::Wrong {
        results.extend(rest.iter().map(|_| None));
    } else {
        results.extend(until(rest, workers, work));
    }
    results
}

/// Begins no further item once the password was wrong; those that are begun are finished.
fn until<'t, T: Sync, R: Send>(
    items: &'t [T],
    workers: usize,
    work: impl Fn(&'t T) -> (R, Told) + Sync,
) -> Vec<Option<R>> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    let one_worker = || {
        while !stopped.load(Ordering::Acquire) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let (result, told) = work(item);
            if told == Told::Wrong {
                stopped.store(true, Ordering::Release);
            }
            results.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(result);
        }
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers.min(items.len())).map(|_| scope.spawn(one_worker)).collect();
        for worker in running {
            if let Err(panic) = worker.join() {
                resume_unwind(panic);
            }
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

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
        let results = with_password(&[1, 2, 3, 4, 5], 4, Caution::StopAtWrong, |item| {
            gauge.during(|| (*item, Told::Wrong))
        });
        assert_eq!(results, [Some(1), None, None, None, None]);
        assert_eq!(gauge.begun.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_host_that_tells_nothing_proves_no_password() {
        let gauge = Gauge::new();
        let results = with_password(&[1, 2, 3, 4, 5], 4, Caution::StopAtWrong, |item| {
            gauge.during(|| (*item, if *item < 3 { Told::Nothing } else { Told::Wrong }))
        });
        assert_eq!(results, [Some(1), Some(2), Some(3), None, None]);
        assert_eq!(gauge.most.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn after_the_first_success_hosts_run_together_until_one_refuses() {
        let barrier = Barrier::new(2);
        let results = with_password(&[1, 2, 3, 4, 5, 6], 2, Caution::StopAtWrong, |item| {
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
