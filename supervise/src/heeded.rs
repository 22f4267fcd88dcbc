//! Signals that mean something to us.

use nix::sys::signal::{SigSet, Signal};

use crate::sys;

/// Those of these that the caller has not had us ignore: nohup(1), or a shell that starts a job in the background,
/// means it so.
#[must_use]
pub fn heeded(signals: &[Signal]) -> SigSet {
    signals.iter().copied().filter(|signal| !sys::is_ignored(*signal as i32).unwrap_or(false)).collect()
}
