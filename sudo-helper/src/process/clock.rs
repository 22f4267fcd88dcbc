//! When a program that takes too long is stopped, and how firmly.

use std::time::{Duration, Instant};

use super::{Stopping, Task};

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A signal for the program and all of its group.
    Signal(i32),
    /// SIGINT for the program alone.
    Interrupt,
    Tell,
}

/// When a program is stopped, and how firmly.
#[derive(Debug)]
pub(super) struct Clock {
    stopping: Stopping,
    next: Option<Instant>,
    steps: u8,
}

impl Clock {
    pub(super) fn new(begin: Instant, task: &Task<'_>) -> Self {
        Self { stopping: task.stopping, next: Some(begin + task.limit), steps: 0 }
    }

    /// The time is over now, unless it was before.
    pub(super) fn expire(&mut self) {
        if !self.stopped() {
            self.next = Some(Instant::now());
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.steps > 0
    }

    pub(super) fn remaining(&self) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    pub(super) fn due(&mut self) -> Option<Due> {
        let now = Instant::now();
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        self.steps += 1;
        let (first, grace, last) = match self.stopping {
            Stopping::Kill(grace) => (Due::Signal(libc::SIGTERM), grace, Due::Signal(libc::SIGKILL)),
            Stopping::Patience(grace) => (Due::Interrupt, grace, Due::Tell),
        };
        if self.steps == 1 {
            self.next = Some(now + grace);
            return Some(first);
        }
        self.next = None;
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock(stopping: Stopping) -> Clock {
        Clock { stopping, next: Some(Instant::now()), steps: 0 }
    }

    #[test]
    fn a_program_is_asked_before_it_is_killed() {
        let mut clock = clock(Stopping::Kill(Duration::ZERO));
        assert!(!clock.stopped());
        assert_eq!(clock.due(), Some(Due::Signal(libc::SIGTERM)));
        assert_eq!(clock.due(), Some(Due::Signal(libc::SIGKILL)));
        assert_eq!((clock.due(), clock.remaining()), (None, None));
    }

    #[test]
    fn dpkg_is_never_killed() {
        let mut clock = clock(Stopping::Patience(Duration::ZERO));
        assert_eq!(clock.due(), Some(Due::Interrupt));
        assert_eq!(clock.due(), Some(Due::Tell));
        assert_eq!((clock.due(), clock.remaining()), (None, None));
    }

    #[test]
    fn what_is_given_up_is_asked_first_and_once() {
        let mut clock =
            Clock { stopping: Stopping::Kill(3600 * SECOND), next: Some(Instant::now() + SECOND), steps: 0 };
        for due in [Some(Due::Signal(libc::SIGTERM)), None] {
            clock.expire();
            assert_eq!(clock.due(), due);
        }
    }

    #[test]
    fn the_grace_is_waited_for() {
        let mut clock = clock(Stopping::Kill(3600 * SECOND));
        assert_eq!(clock.due(), Some(Due::Signal(libc::SIGTERM)));
        assert_eq!(clock.due(), None);
        assert!(clock.remaining() > Some(3000 * SECOND));
    }
}
