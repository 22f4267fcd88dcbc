//! Signals that wait until a change is whole.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use crate::failure::Failure;

/// What a terminal, its end or an operator sends, and all else that sudo(8) hands on from any process of the
/// operator's.
const HELD: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// While it exists they wait; those that came count when it is dropped.
#[derive(Debug)]
pub(super) struct HeldSignals(SigSet);

impl HeldSignals {
    pub(super) fn hold() -> Result<Self, Failure> {
        let held: SigSet = HELD.into_iter().collect();
        let before = held.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        before.map(Self).map_err(|errno: Errno| Failure::new("signals", format!("sigprocmask: {errno}")))
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}
