//! Whether an agent is to be restarted now. Pure: what is known goes in, what is to be done and remembered comes out.

use std::time::Duration;

use crate::unit::Unit;

/// Most restarts within a day.
pub const MOST: usize = 6;
/// For so long a restart counts.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A run of the agent: a number alone may have been given away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its main process.
    pub pid: i32,
    /// When that began, in microseconds of CLOCK_MONOTONIC.
    pub began: u64,
}

/// Since when a run of the agent is known to be asleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asleep {
    /// Which run.
    pub process: Process,
    /// Since when, from the boot of the host on.
    pub since: Duration,
}

/// What is remembered from look to look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// `None` while it is awake.
    pub asleep: Option<Asleep>,
    /// When it was restarted, from the boot of the host on.
    pub restarts: Vec<Duration>,
}

impl Memory {
    /// What stands in for a memory that is lost: that all was done already which may be done within a day.
    #[must_use]
    pub fn spent(now: Duration) -> Self {
        Self { asleep: None, restarts: vec![now; MOST] }
    }
}

/// What is seen of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its unit.
    pub unit: Unit,
    /// The word of `status` for how it is.
    pub condition: &'static str,
    /// Its main process, if it has one.
    pub process: Option<Process>,
    /// How many commands and sessions it works on; `None` when that cannot be told.
    pub busy: Option<usize>,
    /// Whether this host is to go down, whenever.
    pub goes_down: bool,
}

impl Seen {
    /// The run that is asleep, if it is.
    fn asleep(&self) -> Option<Process> {
        self.process.filter(|_| self.condition == "asleep")
    }
}

/// Why it is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not asleep, but this.
    NotAsleep(&'static str),
    /// Not for long enough.
    NotLong {
        /// For so long it is known to be.
        asleep: Duration,
        /// And so long it has to be.
        needed: Duration,
    },
    /// The host is to go down.
    GoesDown,
    /// It works on so many commands or sessions.
    Busy(usize),
    /// Whether it works on any cannot be told.
    UnknownWorkers,
    /// It was restarted as often as it may be within a day.
    Enough,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Leave(Why),
    /// A restart.
    Restart {
        /// For so long it is known to be asleep.
        asleep: Duration,
    },
}

/// Decides it, and what is to be remembered before it is done: a restart counts from then on, whatever becomes of it.
///
/// Each restart within a day doubles how long it has to be asleep for the next one.
#[must_use]
pub fn decide(memory: &Memory, seen: &Seen, now: Duration, asleep_for: Duration) -> (Memory, Decision) {
    let mut next = memory.clone();
    next.restarts.retain(|at| now.saturating_sub(*at) < DAY);
    let Some(process) = seen.asleep() else {
        next.asleep = None;
        return (next, Decision::Leave(Why::NotAsleep(seen.condition)));
    };
    let known = memory.asleep.filter(|asleep| asleep.process == process);
    let since = known.map_or(now, |asleep| asleep.since);
    next.asleep = Some(Asleep { process, since });
    let asleep = now.saturating_sub(since);
    let doublings = u32::try_from(next.restarts.len()).unwrap_or(u32::MAX);
    let needed = asleep_for.saturating_mul(2_u32.saturating_pow(doublings));
    let why = match seen.busy {
        _ if seen.goes_down => Some(Why::GoesDown),
        _ if next.restarts.len() >= MOST => Some(Why::Enough),
        _ if asleep < needed => Some(Why::NotLong { asleep, needed }),
        None => Some(Why::UnknownWorkers),
        Some(0) => None,
        Some(busy) => Some(Why::Busy(busy)),
    };
    if let Some(why) = why {
        return (next, Decision::Leave(why));
    }
    next.restarts.push(now);
    (next, Decision::Restart { asleep })
}

/// Whether what was decided still holds for what is seen a moment later; why not, if it does not.
#[must_use]
pub fn bar_since(before: &Seen, seen: &Seen) -> Option<Why> {
    let is_same = seen.asleep().is_some() && seen.asleep() == before.asleep();
    match seen.busy {
        _ if !is_same => Some(Why::NotAsleep(seen.condition)),
        _ if seen.goes_down => Some(Why::GoesDown),
        None => Some(Why::UnknownWorkers),
        Some(0) => None,
        Some(busy) => Some(Why::Busy(busy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(600);
    const PROCESS: Process = Process { pid: 7, began: 100 };

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    fn seen() -> Seen {
        Seen {
            unit: Unit::PACKAGE.parse().expect("a service"),
            condition: "asleep",
            process: Some(PROCESS),
            busy: Some(0),
            goes_down: false,
        }
    }

    /// Asleep since this minute, restarted at these.
    fn memory(since: Option<u64>, restarts: &[u64]) -> Memory {
        let asleep = since.map(|since| Asleep { process: PROCESS, since: minutes(since) });
        Memory { asleep, restarts: restarts.iter().copied().map(minutes).collect() }
    }

    fn decided(memory: &Memory, seen: &Seen, now: u64) -> Decision {
        decide(memory, seen, minutes(now), TEN).1
    }

    #[test]
    fn an_agent_is_restarted_once_it_is_known_to_be_asleep_for_long_enough() {
        let restart = |asleep| Decision::Restart { asleep: minutes(asleep) };
        let early = |asleep, needed| {
            Decision::Leave(Why::NotLong { asleep: minutes(asleep), needed: minutes(needed) })
        };
        for (since, restarts, now, expected) in [
            (None, &[][..], 5, early(0, 10)),
            (Some(5), &[], 14, early(9, 10)),
            (Some(5), &[], 15, restart(10)),
            // Each restart of the day doubles it.
            (Some(5), &[4], 24, early(19, 20)),
            (Some(5), &[4], 25, restart(20)),
            (Some(5), &[1, 2, 3], 84, early(79, 80)),
            (Some(5), &[1, 2, 3], 85, restart(80)),
            (Some(5), &[1, 1, 1, 1, 1], 325, restart(320)),
            (Some(5), &[1, 1, 1, 1, 1, 1], 1000, Decision::Leave(Why::Enough)),
            // A day later they count no more.
            (Some(1431), &[1, 1, 1, 1, 1, 1], 1440, Decision::Leave(Why::Enough)),
            (Some(1431), &[1, 1, 1, 1, 1, 1], 1441, restart(10)),
            (Some(1431), &[1, 1, 1, 1, 1, 2], 1441, early(10, 20)),
        ] {
            let decision = decided(&memory(since, restarts), &seen(), now);
            assert_eq!(decision, expected, "{since:?} {restarts:?} {now}");
        }
    }

    #[test]
    fn one_that_must_not_be_touched_is_not() {
        let long = memory(Some(0), &[]);
        for (seen, why) in [
            (Seen { goes_down: true, ..seen() }, Why::GoesDown),
            (Seen { busy: Some(2), ..seen() }, Why::Busy(2)),
            (Seen { busy: None, ..seen() }, Why::UnknownWorkers),
            (Seen { condition: "awaits-reboot", ..seen() }, Why::NotAsleep("awaits-reboot")),
            (Seen { condition: "running", ..seen() }, Why::NotAsleep("running")),
            (Seen { process: None, ..seen() }, Why::NotAsleep("asleep")),
        ] {
            assert_eq!(decided(&long, &seen, 100), Decision::Leave(why), "{seen:?}");
            assert_eq!(bar_since(&self::seen(), &seen), Some(why), "{seen:?}");
        }
        assert_eq!(bar_since(&seen(), &seen()), None);
    }

    #[test]
    fn a_restart_is_remembered_before_it_is_made() {
        let (next, decision) = decide(&memory(Some(0), &[]), &seen(), minutes(10), TEN);
        assert_eq!(decision, Decision::Restart { asleep: minutes(10) });
        assert_eq!(next, memory(Some(0), &[10]));
    }

    #[test]
    fn another_run_of_the_agent_is_asleep_since_it_is_seen() {
        let other = Process { began: 200, ..PROCESS };
        let now = Seen { process: Some(other), ..seen() };
        let (next, decision) = decide(&memory(Some(0), &[]), &now, minutes(30), TEN);
        assert!(matches!(decision, Decision::Leave(Why::NotLong { asleep: Duration::ZERO, .. })));
        assert_eq!(next.asleep, Some(Asleep { process: other, since: minutes(30) }));
        assert!(bar_since(&seen(), &now).is_some(), "nor is it the one that was meant");
        // One that was awake in between begins anew.
        let awake = Seen { condition: "running", ..seen() };
        assert_eq!(decide(&memory(Some(0), &[3]), &awake, minutes(30), TEN).0, memory(None, &[3]));
    }

    #[test]
    fn a_lost_memory_stands_for_a_day_without_a_restart() {
        let lost = Memory { asleep: memory(Some(0), &[]).asleep, ..Memory::spent(minutes(20)) };
        assert_eq!(decided(&lost, &seen(), 20 + 24 * 60 - 1), Decision::Leave(Why::Enough));
        assert!(matches!(decided(&lost, &seen(), 20 + 24 * 60), Decision::Restart { .. }));
    }
}
