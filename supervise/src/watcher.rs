//! A process between us and the command that ends the whole tree when we die.
//!
//! It is the command's parent and a subreaper, in a process group of its own, so that a SIGKILL to
//! our group does not reach it. It holds no descriptor but the two pipes to us: what it waits for
//! is the end of file that our death brings.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::unistd::Pid;

use crate::cgroup::Cgroup;
use crate::child::{Child, Gate, Group, Start, StartError, fork, hear_failure, launch};
use crate::descendants;
use crate::ended::{Ended, Outcome, Usage};
use crate::signals::Signals;
use crate::sys;

/// Orders to the watcher are one byte: a signal for the command's group, or one of these.
const END_TREE: u8 = 0x80;
const LEAVE: u8 = 0x81;

/// Size of a [`Report`] on the pipe; far below PIPE_BUF, so that it is read whole (pipe(7)).
const REPORT_SIZE: usize = 33;

/// What the watcher tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The command has ended.
    Ended(Ended),
    /// The tree was ended; whether nothing of it is left.
    TreeEnded(bool),
    /// The watcher is gone, against our will.
    Lost,
}

/// Our side of the watcher.
#[derive(Debug)]
pub struct Watcher {
    process: Child,
    command: Pid,
    orders: PipeWriter,
    reports: PipeReader,
    /// The watcher removes it; should it be killed, we do.
    cgroup: Option<Cgroup>,
}

impl Watcher {
    /// Starts the watcher, and the command below it in a process group of its own. `ready` runs when
    /// both are there and before the command begins. To be called from the only thread.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(start: &Start<'_>, ready: impl FnOnce() -> io::Result<()>) -> Result<Self, StartError> {
        // Should somebody kill the watcher, the command becomes our child and not init's.
        set_child_subreaper(true).map_err(io::Error::from)?;
        let (ordered, orders) = io::pipe()?;
        let (reports, reporter) = io::pipe()?;
        let (told, teller) = io::pipe()?;
        let gate = Gate::new()?;
        let cgroup = Cgroup::create().ok();
        let born = Born { start, gate: &gate, cgroup: cgroup.as_ref(), teller: &teller };
        let process = fork(Group::Own, || born.watch(ordered, reporter))?;
        drop(teller);
        // Should anything fail, the end of the orders makes the watcher end what there is.
        let begun = Self::command_of(&reports)
            .and_then(|command| gate.open_after(ready).and_then(|()| hear_failure(told)).map(|()| command));
        match begun {
            Ok(command) => Ok(Self { process, command, orders, reports, cgroup }),
            Err(error) => {
                drop(orders);
                let _ = sys::wait4(process.pid().as_raw(), 0);
                Err(error)
            }
        }
    }

    fn command_of(mut reports: &PipeReader) -> Result<Pid, StartError> {
        let mut command = [0; 4];
        reports.read_exact(&mut command)?;
        Ok(Pid::from_raw(i32::from_le_bytes(command)))
    }

    /// The command's process id.
    #[must_use]
    pub fn command(&self) -> Pid {
        self.command
    }

    /// Sends a signal to the command's process group, if the command has not ended.
    pub fn signal(&self, signal: i32) {
        if let Ok(byte) = u8::try_from(signal) {
            self.order(byte);
        }
    }

    /// Asks for the end of the whole tree; [`Report::TreeEnded`] answers.
    pub fn end_tree(&self) {
        self.order(END_TREE);
    }

    fn order(&self, byte: u8) {
        // EPIPE: the watcher is gone; its report says so.
        let _ = (&self.orders).write_all(&[byte]);
    }

    /// The next report; waits for it.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut bytes = [0; REPORT_SIZE];
        match (&self.reports).read_exact(&mut bytes) {
            Ok(()) => Report::decode(&bytes),
            Err(_) => Report::Lost,
        }
    }

    /// After [`Report::Lost`]: kills the command's tree, which is ours now, and says how the command
    /// ended; killed, when the watcher had seen its end but could not tell.
    #[must_use]
    pub fn take_over(&self, signals: &Signals) -> Ended {
        let _ = sys::kill(-self.command.as_raw(), libc::SIGKILL);
        self.cgroup.iter().for_each(Cgroup::kill);
        let end = descendants::end_all(Some(self.command), signals);
        end.command.unwrap_or_else(Ended::killed)
    }

    /// Lets the watcher go without touching what the command left behind.
    pub fn leave(self) {
        self.order(LEAVE);
        let _ = sys::wait4(self.process.pid().as_raw(), 0);
    }
}

impl AsFd for Watcher {
    /// Readable when there is a report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reports.as_fd()
    }
}

impl Report {
    fn encode(&self) -> [u8; REPORT_SIZE] {
        let mut bytes = [0; REPORT_SIZE];
        match self {
            Self::Ended(Ended { outcome, usage }) => {
                let (kind, value) = match *outcome {
                    Outcome::Exited(code) => (b'e', i32::from(code)),
                    Outcome::Signaled { signal, core_dumped: false } => (b's', signal),
                    Outcome::Signaled { signal, core_dumped: true } => (b'c', signal),
                };
                bytes[0] = kind;
                bytes[1..5].copy_from_slice(&value.to_le_bytes());
                bytes[9..17].copy_from_slice(&micros(usage.user).to_le_bytes());
                bytes[17..25].copy_from_slice(&micros(usage.system).to_le_bytes());
                bytes[25..33].copy_from_slice(&usage.max_rss_kib.to_le_bytes());
            }
            Self::TreeEnded(clean) => bytes[..2].copy_from_slice(&[b't', u8::from(*clean)]),
            Self::Lost => {}
        }
        bytes
    }

    fn decode(bytes: &[u8; REPORT_SIZE]) -> Self {
        let number = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let value = i32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
        let outcome = match bytes[0] {
            b'e' => Outcome::Exited(bytes[1]),
            b's' | b'c' => Outcome::Signaled { signal: value, core_dumped: bytes[0] == b'c' },
            b't' => return Self::TreeEnded(bytes[1] == 1),
            _ => return Self::Lost,
        };
        let usage = Usage {
            user: Duration::from_micros(number(9)),
            system: Duration::from_micros(number(17)),
            max_rss_kib: number(25),
        };
        Self::Ended(Ended { outcome, usage })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What the watcher is born with.
struct Born<'a> {
    start: &'a Start<'a>,
    gate: &'a Gate,
    cgroup: Option<&'a Cgroup>,
    teller: &'a PipeWriter,
}

impl Born<'_> {
    /// The watcher's own life, in its own process.
    fn watch(&self, ordered: PipeReader, reporter: PipeWriter) -> u8 {
        let procs = self.cgroup.map(Cgroup::procs_file);
        let inside = Start { join: procs.as_deref(), group: Group::Own, ..*self.start };
        let command = set_child_subreaper(true)
            .map_err(io::Error::from)
            .and_then(|()| fork(Group::Own, || launch(&inside, self.gate, self.teller)));
        let Ok(command) = command else { return 125 };
        let Ok(signals) = Signals::only(&[], &self.start.inherited) else { return 125 };
        close_all_but(&[ordered.as_raw_fd(), reporter.as_raw_fd(), signals.as_fd().as_raw_fd()]);
        let mut watch = Watch { command: Some(command), cgroup: self.cgroup, signals, reporter };
        let _ = watch.reporter.write_all(&watch.command_pid().to_le_bytes());
        watch.obey(&ordered);
        self.cgroup.into_iter().for_each(Cgroup::remove);
        0
    }
}

/// Standard streams included: whoever waits for their end of file must not wait for the watcher.
fn close_all_but(kept: &[RawFd]) {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd").map_or_else(
        |_| (0..1024).collect(),
        |entries| entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect(),
    );
    open.into_iter().filter(|fd| !kept.contains(fd)).for_each(sys::close);
}

struct Watch<'a> {
    command: Option<Child>,
    cgroup: Option<&'a Cgroup>,
    signals: Signals,
    reporter: PipeWriter,
}

impl Watch<'_> {
    fn command_pid(&self) -> i32 {
        self.command.as_ref().map_or(0, |command| command.pid().as_raw())
    }

    /// Until told to leave, or until our starter is gone.
    fn obey(&mut self, ordered: &PipeReader) {
        loop {
            let mut waiting = [
                PollFd::new(ordered.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            let _ = poll(&mut waiting, PollTimeout::NONE);
            let ready = |slot: &PollFd<'_>| slot.revents().is_some_and(|events| !events.is_empty());
            let (order, child) = (ready(&waiting[0]), ready(&waiting[1]));
            if child {
                let _ = self.signals.next();
                self.reap();
            }
            if order && !self.obey_one(ordered) {
                return;
            }
        }
    }

    /// Whether to go on.
    fn obey_one(&mut self, mut ordered: &PipeReader) -> bool {
        let mut order = [0];
        match ordered.read(&mut order) {
            Ok(1) if order[0] == LEAVE => return false,
            Ok(1) if order[0] == END_TREE => {
                let clean = self.end_tree();
                self.tell(Report::TreeEnded(clean));
            }
            Ok(1) => {
                if let Some(command) = &self.command {
                    command.signal(i32::from(order[0]));
                }
            }
            _ => {
                self.end_tree();
                return false;
            }
        }
        true
    }

    fn end_tree(&mut self) -> bool {
        if let Some(command) = &self.command {
            command.signal(libc::SIGKILL);
        }
        if let Some(cgroup) = self.cgroup {
            cgroup.kill();
        }
        let end = descendants::end_all(self.command.as_ref().map(Child::pid), &self.signals);
        self.note(end.command);
        end.clean
    }

    fn reap(&mut self) {
        let (ended, _) = descendants::reap(self.command.as_ref().map(Child::pid));
        self.note(ended);
    }

    fn note(&mut self, ended: Option<Ended>) {
        if let Some(ended) = ended {
            self.command = None;
            self.tell(Report::Ended(ended));
        }
    }

    fn tell(&mut self, report: Report) {
        let _ = self.reporter.write_all(&report.encode());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_cross_the_pipe_unchanged() {
        let usage = Usage {
            user: Duration::from_micros(1_234_567),
            system: Duration::from_millis(8),
            max_rss_kib: 99,
        };
        let reports = [
            Report::Ended(Ended { outcome: Outcome::Exited(200), usage }),
            Report::Ended(Ended { outcome: Outcome::Signaled { signal: 15, core_dumped: false }, usage }),
            Report::Ended(Ended { outcome: Outcome::Signaled { signal: 11, core_dumped: true }, usage }),
            Report::TreeEnded(true),
            Report::TreeEnded(false),
        ];
        for report in reports {
            assert_eq!(Report::decode(&report.encode()), report);
        }
    }
}
