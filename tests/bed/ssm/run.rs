//! One run of a command's script on a test host, and what is known of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How a script ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status.
    pub code: i32,
    /// All that it wrote to standard output.
    pub stdout: String,
    /// All that it wrote to standard error.
    pub stderr: String,
}

/// A run, which several invocations may share.
#[derive(Default)]
pub(super) struct Run(Mutex<Progress>);

/// How far it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// When the agent got it.
    pub(super) delivered: Option<Instant>,
    /// When it was over, and how.
    pub(super) over: Option<(Instant, Over)>,
    /// Whether somebody wants it to end.
    pub(super) cancelled: bool,
}

/// How a run was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Over {
    /// By itself.
    Ran(Ran),
    /// Killed when its execution timeout was over.
    TimedOut(Ran),
    /// Killed because somebody cancelled it.
    Cancelled,
    /// No agent came for it in time.
    NotDelivered,
}

impl Run {
    pub(super) fn progress(&self) -> Progress {
        self.lock().clone()
    }

    pub(super) fn is_delivered(&self) {
        self.lock().delivered = Some(Instant::now());
    }

    pub(super) fn is_over(&self, over: Over) {
        self.lock().over = Some((Instant::now(), over));
    }

    pub(super) fn cancel(&self) {
        self.lock().cancelled = true;
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
