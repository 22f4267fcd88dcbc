//! What is due when: timeouts while the command runs, limits of patience when it has ended.

use std::time::{Duration, Instant};

use crate::cli::{Drain, Timeouts};

/// How long a watcher may take to end a tree; it gives up by itself before that.
const TREE_PATIENCE: Duration = Duration::from_secs(15);

/// Which limit the command exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimedOut {
    /// The time in all.
    Total,
    /// The time without output.
    Idle,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Tell the command to end.
    Tell(TimedOut),
    /// Kill it.
    Kill,
    /// Stop waiting for output, and for outputs of ours that do not take it.
    GiveUp,
}

/// The state that decides what is due.
#[derive(Debug, Clone)]
pub struct Clock {
    timeouts: Timeouts,
    drain: Drain,
    started: Instant,
    /// The last output, or the last time that reading went on after a stall.
    heard: Instant,
    told: Option<Instant>,
    killed: bool,
    ended: Option<Instant>,
}

impl Clock {
    /// A clock for a command that starts now.
    #[must_use]
    pub fn new(timeouts: Timeouts, drain: Drain, now: Instant) -> Self {
        Self { timeouts, drain, started: now, heard: now, told: None, killed: false, ended: None }
    }

    /// Output came, or reading goes on.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The command has ended.
    pub fn ended(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// The command was told to end.
    pub fn told(&mut self, now: Instant) {
        self.told = Some(now);
    }

    /// The command was killed.
    pub fn killed(&mut self) {
        self.killed = true;
    }

    /// The next thing to do and its time; the earliest of all. Silence counts only while output is
    /// awaited (`reading`), not while an output of ours stalls; then its limit starts again.
    #[must_use]
    pub fn next(&self, reading: bool, now: Instant) -> Option<(Instant, Due)> {
        let after =
            |start: Instant, limit: Option<Duration>| limit.and_then(|limit| start.checked_add(limit));
        let alarms = match (self.ended, self.told) {
            (None, None) => [
                (after(self.started, self.timeouts.timeout), Due::Tell(TimedOut::Total)),
                (after(self.heard, self.timeouts.idle), Due::Tell(TimedOut::Idle)),
            ],
            (None, Some(told)) => {
                let kill_after = self.timeouts.kill_after.filter(|_| !self.killed);
                [(after(told, kill_after), Due::Kill), (None, Due::Kill)]
            }
            (Some(ended), _) => {
                let silence = if reading { ended.max(self.heard) } else { now };
                [(after(silence, self.drain.idle), Due::GiveUp), (after(ended, self.drain.max), Due::GiveUp)]
            }
        };
        alarms
            .into_iter()
            .filter_map(|(time, due)| time.map(|time| (time, due)))
            .min_by_key(|(time, _)| *time)
    }

    /// When to stop waiting for a tree that is being ended.
    #[must_use]
    pub fn tree_limit(now: Instant) -> Instant {
        now + TREE_PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock(timeout: u32, idle: u32, kill_after: u32) -> (Clock, Instant) {
        let limit = |seconds: u32| (seconds > 0).then_some(SECOND * seconds);
        let timeouts = Timeouts {
            timeout: limit(timeout),
            idle: limit(idle),
            signal: 15,
            kill_after: limit(kill_after),
        };
        let now = Instant::now();
        (Clock::new(timeouts, Drain { idle: Some(SECOND * 2), max: Some(SECOND * 60) }, now), now)
    }

    #[test]
    fn without_limits_nothing_is_due_while_the_command_runs() {
        assert_eq!(clock(0, 0, 5).0.next(true, Instant::now()), None);
    }

    #[test]
    fn the_earlier_timeout_comes_first_and_output_puts_the_idle_one_off() {
        let (mut clock, start) = clock(10, 3, 0);
        assert_eq!(clock.next(true, start), Some((start + SECOND * 3, Due::Tell(TimedOut::Idle))));
        clock.heard(start + SECOND * 8);
        assert_eq!(clock.next(true, start), Some((start + SECOND * 10, Due::Tell(TimedOut::Total))));
    }

    #[test]
    fn it_is_told_once_and_killed_once() {
        let (mut clock, start) = clock(1, 0, 4);
        clock.told(start + SECOND);
        assert_eq!(clock.next(true, start), Some((start + SECOND * 5, Due::Kill)));
        clock.killed();
        assert_eq!(clock.next(true, start), None);
    }

    #[test]
    fn after_the_end_output_puts_the_drain_off_but_not_for_ever() {
        let (mut clock, start) = clock(0, 0, 0);
        clock.ended(start);
        assert_eq!(clock.next(true, start), Some((start + SECOND * 2, Due::GiveUp)));
        clock.heard(start + SECOND * 59);
        assert_eq!(clock.next(true, start), Some((start + SECOND * 60, Due::GiveUp)));
    }

    #[test]
    fn a_stalled_output_does_not_count_against_the_drain() {
        let (mut clock, start) = clock(0, 0, 0);
        clock.ended(start);
        let later = start + SECOND * 30;
        assert_eq!(clock.next(false, later), Some((later + SECOND * 2, Due::GiveUp)));
        assert_eq!(clock.next(false, start + SECOND * 59), Some((start + SECOND * 60, Due::GiveUp)));
    }
}
