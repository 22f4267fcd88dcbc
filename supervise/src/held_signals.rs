//! Signals that wait until a change is whole.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

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

/// While it exists they wait; those that came count when it is dropped. It is for a program of one thread: another one
/// would take them.
#[derive(Debug)]
pub struct HeldSignals(SigSet);

impl HeldSignals {
    /// Has them wait from now on.
    ///
    /// # Errors
    /// Those of sigprocmask(2).
    pub fn hold() -> io::Result<Self> {
        let held: SigSet = HELD.into_iter().collect();
        Ok(Self(held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?))
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}
