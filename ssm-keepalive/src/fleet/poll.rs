//! Waiting for commands to end on their nodes: list-command-invocations for each command, all pages at once, and
//! get-command-invocation only where that does not tell enough.

mod pace;
mod row;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::fleet::aws::Aws;
use crate::fleet::instance::InstanceId;
use crate::fleet::outcome::Outcome;
use crate::fleet::send::Sent;

use pace::Pace;
pub use row::Output;
use watch::Watch;

/// How long a request to stop may go unnoticed during a pause.
const GLANCE: Duration = Duration::from_millis(50);

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Deadline<'a> {
    /// No longer than until then; what is being asked at that moment is still heard.
    pub at: Instant,
    /// Nor when this is set: the call under way is the last one.
    pub stop: &'a AtomicBool,
}

impl Deadline<'_> {
    fn is_over(&self) -> bool {
        self.is_stopped() || Instant::now() >= self.at
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits so long, or until it is over.
    fn pause(&self, length: Duration) {
        let until = self.at.min(Instant::now() + length);
        while !self.is_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

/// What is known of one node in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What became of the command; it may not have ended.
    pub outcome: Outcome,
    /// The exit status of the script, when AWS tells.
    pub exit: Option<i32>,
    /// What the script wrote.
    pub output: Output,
    /// Why no more is known: AWS would not tell.
    pub failure: Option<Failure>,
}

/// Waits until the commands have ended on all of their nodes. `heard` is called with each change.
#[must_use]
pub fn await_ends(
    aws: &Aws,
    sent: &[Sent],
    deadline: &Deadline<'_>,
    heard: &mut dyn FnMut(&InstanceId, &Outcome),
) -> BTreeMap<InstanceId, Ended> {
    let mut watch = Watch::of(sent);
    let mut pace = Pace::default();
    loop {
        let last = deadline.is_over();
        let mut news = false;
        for ask in watch.polls() {
            if deadline.is_stopped() {
                return watch.ends();
            }
            if !watch.still_asks(&ask) {
                continue;
            }
            news |= watch.hear(&ask, aws.call(ask.operation(), &ask.input()), heard);
        }
        for ask in watch.fetches() {
            if deadline.is_stopped() {
                return watch.ends();
            }
            watch.hear_output(&ask, aws.call(ask.operation(), &ask.input()));
        }
        if watch.is_over() || last {
            return watch.ends();
        }
        deadline.pause(pace.next(news, fastrand::f64()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_with_the_deadline_or_the_request_to_stop() {
        let long = Duration::from_secs(1000);
        let (go, stop) = (AtomicBool::new(false), AtomicBool::new(true));
        let over = Deadline { at: Instant::now(), stop: &go };
        over.pause(long);
        assert!(over.is_over() && !over.is_stopped());
        let stopped = Deadline { at: Instant::now() + long, stop: &stop };
        stopped.pause(long);
        assert!(stopped.is_over());
        let running = Deadline { at: Instant::now() + long, stop: &go };
        running.pause(Duration::from_millis(1));
        assert!(!running.is_over());
    }
}
