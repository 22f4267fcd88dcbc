//! The command while it runs: our own child, or a watcher's.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::unistd::Pid;
use supervise::{Child, Ended, Event, Group, Report, Signals, Start, StartError, Watcher, start};

/// The command.
#[derive(Debug)]
pub enum Process {
    /// Our child, in our process group.
    Direct(Child),
    /// The child of a watcher, in a process group of its own.
    Watched(Watcher),
    /// Its watcher was killed, and we have ended it: this was its process id.
    Lost(Pid),
}

/// What became of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has ended.
    Ended(Ended),
    /// What it left behind was ended too.
    TreeEnded,
}

impl Process {
    /// Starts the command. To be called before any thread is started; `ready`, which may start one,
    /// runs before the command begins.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(how: &Start<'_>, ready: impl FnOnce() -> io::Result<()>) -> Result<Self, StartError> {
        match how.group {
            Group::Callers => start(how, ready).map(Self::Direct),
            Group::Own | Group::OwnSession => Watcher::start(how, ready).map(Self::Watched),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        match self {
            Self::Direct(child) => child.pid(),
            Self::Watched(watcher) => watcher.command(),
            Self::Lost(pid) => *pid,
        }
    }

    /// Whether it is in our process group.
    #[must_use]
    pub fn shares_group(&self) -> bool {
        matches!(self, Self::Direct(_))
    }

    /// Sends it a signal: to its whole group, when that is its own.
    pub fn signal(&self, signal: i32) {
        match self {
            Self::Direct(child) => child.signal(signal),
            Self::Watched(watcher) => watcher.signal(signal),
            Self::Lost(_) => {}
        }
    }

    /// Ends what it left behind; whether [`Change::TreeEnded`] will tell.
    pub fn end_tree(&self) -> bool {
        match self {
            Self::Direct(_) | Self::Lost(_) => false,
            Self::Watched(watcher) => {
                watcher.end_tree();
                true
            }
        }
    }

    /// Readable when [`Process::hear`] has something; a direct child tells through SIGCHLD.
    #[must_use]
    pub fn reports(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Direct(_) | Self::Lost(_) => None,
            Self::Watched(watcher) => Some(watcher.as_fd()),
        }
    }

    /// After SIGCHLD: how a direct child ended, if it has.
    ///
    /// # Errors
    /// Those of wait4(2).
    pub fn look(&self) -> io::Result<Option<Change>> {
        let Self::Direct(child) = self else { return Ok(None) };
        while let Some(event) = child.look()? {
            if let Event::Ended(ended) = event {
                return Ok(Some(Change::Ended(ended)));
            }
        }
        Ok(None)
    }

    /// What the watcher tells. When it was killed, the command's tree is ended here.
    pub fn hear(&mut self, signals: &Signals) -> Option<Change> {
        let Self::Watched(watcher) = self else { return None };
        match watcher.report() {
            Report::Ended(ended) => Some(Change::Ended(ended)),
            Report::TreeEnded(_) => Some(Change::TreeEnded),
            Report::Lost => {
                let ended = watcher.take_over(signals);
                *self = Self::Lost(watcher.command());
                Some(Change::Ended(ended))
            }
        }
    }

    /// Parts from it: what it left running on purpose goes on.
    pub fn leave(self) {
        if let Self::Watched(watcher) = self {
            watcher.leave();
        }
    }
}
