//! Lines that are written by whoever has one, before the reply. Those that cost a client nothing have their users'
//! shares here, too: else a client that is refused would have the log filled as fast as it takes lines.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::lost::{TOLD_EVERY, tell};
use super::output::{NotWritten, Output, Weight};
use super::shares::{LostOf, Owner, Shares};

/// The writing end, and the shares.
#[derive(Debug)]
pub struct Required {
    output: Mutex<Output>,
    shares: Mutex<Shares>,
}

/// The right to write one line, until this is used or dropped.
#[derive(Debug)]
pub struct Right<'a> {
    required: &'a Required,
    /// Whose share it takes up; `None` for a line that was paid for.
    share: Option<Owner>,
}

impl Right<'_> {
    /// Writes the line, a second later at most.
    ///
    /// # Errors
    /// When it is not written.
    pub fn write(self, line: &str) -> Result<(), NotWritten> {
        let lost = self.required.lost_by(Instant::now());
        let mut output = held(&self.required.output);
        tell(&lost, &mut output);
        output.write(line, if self.share.is_some() { Weight::Free } else { Weight::Paid })
    }
}

impl Drop for Right<'_> {
    fn drop(&mut self) {
        if let Some(owner) = self.share {
            held(&self.required.shares).leave(owner);
        }
    }
}

impl Required {
    /// To there.
    pub fn new(output: Output) -> Self {
        Self { output: Mutex::new(output), shares: Mutex::default() }
    }

    /// For a line that was paid for.
    pub const fn reserve(&self) -> Right<'_> {
        Right { required: self, share: None }
    }

    /// For a line of this user's share; `None` when there is no room in it, and a line is counted as lost for this reason.
    pub fn share(&self, uid: u32, reason: &'static str) -> Option<Right<'_>> {
        let now = Instant::now();
        let owner = held(&self.shares).take(uid, reason, now);
        if owner.is_none() {
            // Nobody else may have a line for a long time.
            let lost = self.lost_by(now);
            if !lost.is_empty() {
                tell(&lost, &mut held(&self.output));
            }
        }
        owner.map(|owner| Right { required: self, share: Some(owner) })
    }

    /// Whether there is room in the share of this user.
    pub fn has_share(&self, uid: u32) -> bool {
        held(&self.shares).has_room(uid, Instant::now())
    }

    /// Writes what was lost. Whoever still writes what has stalled has the output, perhaps for ever.
    pub fn finish(&self) {
        if let Ok(mut output) = self.output.try_lock() {
            tell(&held(&self.shares).take_lost(), &mut output);
            output.finish();
        }
    }

    /// What is to be told by now.
    fn lost_by(&self, now: Instant) -> Vec<LostOf> {
        let mut shares = held(&self.shares);
        let is_due = shares.lost_at().is_some_and(|since| since + TOLD_EVERY <= now);
        if is_due { shares.take_lost() } else { Vec::new() }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
