//! What is due when: timeouts while the command runs, limits of patience when it has ended.

use std::time::{Duration, Instant};

use crate::cli::{Drain, Timeouts};

/// How long a watcher may take to end a tree; it gives up by itself before that.
const TREE_PATIENCE: Duration = Duration::from_secs(15);

/// How long the copier is left to read what is there before it is asked again.
const TURN: Duration = Duration::from_millis(1);

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
    timed_out: bool,
    told: Option<Instant>,
    killed: bool,
    ended: Option<Instant>,
}

impl Clock {
    /// A clock for a command that starts now.
    #[must_use]
    pub fn new(timeouts: Timeouts, drain: Drain, now: Instant) -> Self {
        Self {
            timeouts,
            drain,
            started: now,
            heard: now,
            timed_out: false,
            told: None,
            killed: false,
            ended: None,
        }
    }

    /// Output came, or reading goes on.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The command has ended.
    pub fn ended(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// The command was told to end, by us or by whoever told us; the first time counts.
    pub fn told(&mut self, now: Instant) {
        self.told.get_or_insert(now);
    }

    /// The command was told to end because it exceeded a limit.
    pub fn timed_out(&mut self, now: Instant) {
        self.timed_out = true;
        self.told(now);
    }

    /// The command was killed.
    pub fn killed(&mut self) {
        self.killed = true;
    }

    /// The next thing to do and its time; the earliest of all. Silence counts only while output is
    /// awaited (`waiting`), not while an output of ours stalls; then its limit starts again.
    #[must_use]
    pub fn next(&self, waiting: bool, now: Instant) -> Option<(Instant, Due)> {
        let after =
            |start: Instant, limit: Option<Duration>| limit.and_then(|limit| start.checked_add(limit));
        let alarms = match self.ended {
            None => {
                let limit = |limit: Option<Duration>| limit.filter(|_| !self.timed_out);
                let kill_after = self.timeouts.kill_after.filter(|_| !self.killed);
                [
                    (after(self.started, limit(self.timeouts.timeout)), Due::Tell(TimedOut::Total)),
                    (after(self.heard, limit(self.timeouts.idle)), Due::Tell(TimedOut::Idle)),
                    (self.told.and_then(|told| after(told, kill_after)), Due::Kill),
                ]
            }
            Some(ended) => {
                let silence = match (self.drain.idle, waiting) {
                    (idle, true) => after(ended.max(self.heard), idle),
                    // Even when no silence at all is waited for, what is there takes its turn.
                    (idle, false) => after(now, idle.map(|idle| idle.max(TURN))),
                };
                [(silence, Due::GiveUp), (after(ended, self.drain.max), Due::GiveUp), (None, Due::GiveUp)]
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
        clock.timed_out(start + SECOND);
        assert_eq!(clock.next(true, start), Some((start + SECOND * 5, Due::Kill)));
        clock.killed();
        assert_eq!(clock.next(true, start), None);
    }

    #[test]
    fn being_told_by_others_starts_the_grace_but_stops_no_timeout() {
        let (mut clock, start) = clock(10, 0, 4);
        clock.told(start + SECOND);
        assert_eq!(clock.next(true, start), Some((start + SECOND * 5, Due::Kill)));
        clock.killed();
        assert_eq!(clock.next(true, start), Some((start + SECOND * 10, Due::Tell(TimedOut::Total))));
    }

    #[test]
    fn what_is_there_is_read_even_when_no_silence_is_waited_for() {
        let (clock, start) = clock(0, 0, 0);
        let mut clock = Clock { drain: Drain { idle: Some(Duration::ZERO), max: None }, ..clock };
        clock.ended(start);
        assert_eq!(clock.next(false, start), Some((start + TURN, Due::GiveUp)));
        assert_eq!(clock.next(true, start), Some((start, Due::GiveUp)));
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
