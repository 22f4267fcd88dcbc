//! The main thread: relays signals, keeps the time and waits for the end, idle in one ppoll(2).

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SIGSTOP, raise};
use nix::sys::time::TimeSpec;
use supervise::{Ended, Signals, relayed};

use crate::clock::{Clock, Due, TimedOut};
use crate::copier::Copier;
use crate::process::{Change, Process};

/// Signals by which somebody tells us to stop.
const STOPPING: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];

/// Signals by which a terminal or its user suspends us.
const SUSPENDING: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// What the run came to.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// How the command ended.
    pub ended: Option<Ended>,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
    /// Which limit it exceeded.
    pub timed_out: Option<TimedOut>,
    /// Whether it had to be killed for that.
    pub killed: bool,
    /// Something that the command started still held its output.
    pub leaked: bool,
}

/// Everything that the main thread watches.
pub struct Session {
    /// The signals that arrive for us.
    pub signals: Signals,
    /// The command.
    pub process: Process,
    /// The thread that moves its output.
    pub copier: Copier,
    /// What is due when.
    pub clock: Clock,
    /// How the command is told to end.
    pub signal: i32,
    /// What is known so far.
    pub facts: Facts,
    /// Everything was copied, or given up.
    pub copied: bool,
    /// Somebody told us to stop.
    pub cancelled: bool,
    /// While a tree is being ended: when to stop waiting for that.
    pub tree: Option<Instant>,
}

/// What woke us.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    signal: bool,
    report: bool,
    done: bool,
}

impl Session {
    /// A session that is about to begin.
    #[must_use]
    pub fn new(signals: Signals, process: Process, copier: Copier, clock: Clock, signal: i32) -> Self {
        let (facts, copied, cancelled, tree) = (Facts::default(), false, false, None);
        Self { signals, process, copier, clock, signal, facts, copied, cancelled, tree }
    }

    /// Stays until the command has ended and its output is where it belongs.
    ///
    /// # Errors
    /// Those of ppoll(2) and wait4(2).
    pub fn run(mut self) -> io::Result<(Facts, Copier)> {
        while self.facts.ended.is_none() || self.tree.is_some() || !self.copied {
            let ready = self.wait()?;
            self.copied |= ready.done;
            if ready.signal {
                self.on_signal()?;
            }
            if ready.report {
                let change = self.process.hear(&self.signals);
                self.on_change(change);
            }
            self.on_time();
        }
        self.process.leave();
        Ok((self.facts, self.copier))
    }

    fn wait(&mut self) -> io::Result<Ready> {
        self.clock.heard(self.copier.heard());
        let mut slots = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let reports = self.process.reports();
        slots.extend(reports.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        if !self.copied {
            slots.push(PollFd::new(self.copier.done(), PollFlags::POLLIN));
        }
        match ppoll(&mut slots, self.patience().map(TimeSpec::from_duration), None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut ready = slots.iter().map(|slot| slot.revents().is_some_and(|events| !events.is_empty()));
        let signal = ready.next().unwrap_or(false);
        let report = reports.is_some() && ready.next().unwrap_or(false);
        Ok(Ready { signal, report, done: ready.next().unwrap_or(false) })
    }

    fn next(&self, now: Instant) -> Option<(Instant, Due)> {
        let over = self.facts.ended.is_some() && self.copied;
        // Only the drain asks, so that nothing polls a pipe while the command runs.
        let waiting = self.facts.ended.is_none() || over || self.copier.is_waiting();
        self.clock.next(waiting, now).filter(|_| !over)
    }

    /// How long the poll may take; `None` for ever.
    fn patience(&self) -> Option<Duration> {
        let now = Instant::now();
        let due = self.next(now).map(|(time, _)| time);
        due.into_iter().chain(self.tree).min().map(|time| time.saturating_duration_since(now))
    }

    fn on_signal(&mut self) -> io::Result<()> {
        let delivery = self.signals.next()?;
        if delivery.signal == libc::SIGCHLD {
            if self.facts.ended.is_none() {
                let change = self.process.look()?;
                self.on_change(change);
            }
            return Ok(());
        }
        let stopping = STOPPING.contains(&delivery.signal);
        if self.facts.ended.is_some() {
            // Nobody is left who could have it: it tells us not to wait any longer.
            if stopping {
                self.give_up();
            }
        } else if relayed(delivery, self.process.pid(), self.process.shares_group()) {
            self.process.signal(delivery.signal);
            if stopping {
                self.cancelled = true;
                self.clock.told(Instant::now());
            }
        }
        if SUSPENDING.contains(&delivery.signal) {
            // Never because the command stopped itself: it could put off its timeout like that.
            let _ = raise(SIGSTOP);
        }
        Ok(())
    }

    fn on_change(&mut self, change: Option<Change>) {
        match change {
            Some(Change::Ended(ended)) if self.facts.ended.is_none() => {
                self.note_end(ended);
                // A command that was told to end and left something behind did not end.
                let cut_short = self.cancelled || self.facts.timed_out.is_some();
                if cut_short && self.tree.is_none() {
                    self.end_tree();
                }
            }
            Some(Change::TreeEnded) => self.tree = None,
            _ => {}
        }
    }

    fn note_end(&mut self, ended: Ended) {
        self.facts.ended = Some(ended);
        self.facts.ended_at = Some(SystemTime::now());
        self.clock.ended(Instant::now());
        self.copier.command_ended();
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.tree.is_some_and(|limit| limit <= now) {
            self.tree = None;
            // Somebody outside the tree holds on to its end; it was killed all the same.
            if self.facts.ended.is_none() {
                self.note_end(Ended::killed());
            }
        }
        self.clock.heard(self.copier.heard());
        match self.next(now).filter(|(time, _)| *time <= now) {
            Some((_, Due::Tell(limit))) => self.tell(limit, now),
            Some((_, Due::Kill)) => self.kill(),
            Some((_, Due::GiveUp)) => self.give_up(),
            None => {}
        }
    }

    fn tell(&mut self, limit: TimedOut, now: Instant) {
        self.facts.timed_out = Some(limit);
        self.clock.timed_out(now);
        if self.signal == libc::SIGKILL {
            return self.kill();
        }
        self.process.signal(self.signal);
        // A stopped command could not heed it (timeout.c of the coreutils does the same).
        if self.signal != libc::SIGCONT && self.signal != 0 {
            self.process.signal(libc::SIGCONT);
        }
    }

    /// Kills the command and, where there is a watcher, all that it started: one of those may hold
    /// on to the command's end by tracing it (ptrace(2)).
    fn kill(&mut self) {
        self.facts.killed = true;
        self.clock.killed();
        self.process.signal(libc::SIGKILL);
        self.end_tree();
    }

    fn end_tree(&mut self) {
        if self.process.end_tree() {
            self.tree = Some(Clock::tree_limit(Instant::now()));
        }
    }

    fn give_up(&mut self) {
        self.facts.leaked = self.copier.give_up();
        self.copied = true;
    }
}
