//! The signal mask and dispositions that our caller handed down to us, for the child to get.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

use crate::entry::{forget_sigpipe, sigpipe_was_ignored};
use crate::sys;

/// What the caller handed down: execve(2) passes on the mask and which signals are ignored.
///
/// While it exists every signal is blocked in this process, so that none is lost or kills us
/// between two steps; [`crate::Signals`] reads them.
#[derive(Debug, Clone, Copy)]
pub struct Inherited {
    mask: SigSet,
    sigchld_ignored: bool,
}

impl Inherited {
    /// Remembers the caller's mask and dispositions, blocks every signal, and makes children
    /// waitable (a caller that ignores SIGCHLD would have the kernel reap them, wait(2)).
    ///
    /// # Errors
    /// Those of sigprocmask(2) and sigaction(2).
    pub fn take() -> io::Result<Self> {
        let mut mask = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut mask))?;
        let sigchld_ignored = sys::set_ignored(libc::SIGCHLD, false)?;
        Ok(Self { mask, sigchld_ignored })
    }

    /// Whether the caller ignores `signal`, and so the child is to ignore it too.
    pub(crate) fn ignores(&self, signal: i32) -> bool {
        match signal {
            libc::SIGCHLD => self.sigchld_ignored,
            libc::SIGPIPE => sigpipe_was_ignored(),
            _ => sys::is_ignored(signal).unwrap_or(false),
        }
    }

    /// Gives this process the caller's dispositions and mask again, mask last. For the child.
    ///
    /// # Errors
    /// Those of sigprocmask(2) and sigaction(2).
    pub fn restore(&self) -> io::Result<()> {
        restore_sigpipe()?;
        sys::set_ignored(libc::SIGCHLD, self.sigchld_ignored)?;
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None)?;
        Ok(())
    }

    /// For a program that replaces itself: the caller's dispositions, of which only
    /// SIGPIPE's was changed, and an empty mask.
    ///
    /// # Errors
    /// Those of sigprocmask(2) and sigaction(2).
    pub fn restore_with_empty_mask() -> io::Result<()> {
        Self::restore_with_mask(&SigSet::empty())
    }

    /// The same, with these signals blocked.
    pub(crate) fn restore_with_mask(mask: &SigSet) -> io::Result<()> {
        restore_sigpipe()?;
        pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(mask), None)?;
        Ok(())
    }

    /// Sets every signal to its default action first, for children that are to get nothing from a
    /// caller that may be hostile; the mask that they get is empty. SIGPIPE stays ignored here.
    ///
    /// # Errors
    /// Those of sigprocmask(2) and sigaction(2).
    pub fn discard() -> io::Result<Self> {
        (1..=libc::SIGRTMAX())
            .filter(|signal| *signal != libc::SIGPIPE && sys::is_ignored(*signal).unwrap_or(false))
            .try_for_each(|signal| sys::set_ignored(signal, false).map(drop))?;
        forget_sigpipe();
        Self::take().map(Self::with_empty_mask)
    }

    /// The same mask and dispositions, but with no signal blocked.
    #[must_use]
    pub fn with_empty_mask(self) -> Self {
        Self { mask: SigSet::empty(), ..self }
    }
}

/// Makes children waitable: a caller that ignores SIGCHLD would have the kernel reap them (wait(2)). For a program that
/// hands nothing down, and that other signals still end; [`Inherited::take`] is for one that does.
///
/// # Errors
/// Those of sigaction(2).
pub fn make_children_waitable() -> io::Result<()> {
    sys::set_ignored(libc::SIGCHLD, false).map(drop)
}

/// [`crate::enter`] ignores SIGPIPE; a program that writes into a closed pipe counts on it.
fn restore_sigpipe() -> io::Result<()> {
    sys::set_ignored(libc::SIGPIPE, sigpipe_was_ignored()).map(drop)
}

/// Ignores SIGPIPE again after [`Inherited::restore`], so that a closed standard error cannot kill
/// this process while it tells why a command was not run.
///
/// # Errors
/// Those of sigaction(2).
pub fn ignore_sigpipe() -> io::Result<()> {
    sys::set_ignored(libc::SIGPIPE, true).map(drop)
}
