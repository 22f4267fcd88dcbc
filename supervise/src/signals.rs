//! Signals that arrive for us, and the decision whether the child is to have them too.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use crate::inherited::Inherited;
use crate::sys;

/// Who sent a signal (sigaction(2), `si_code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The kernel: a terminal key, a hang-up, a changed window size.
    Kernel,
    /// A process; 0 when it lives in a pid namespace that we cannot see.
    Process(Pid),
}

/// One signal that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub signal: i32,
    /// Its sender.
    pub origin: Origin,
}

/// Reads the signals that are blocked while [`Inherited`] exists.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Every signal that can be caught and that the caller does not ignore.
    ///
    /// # Errors
    /// Those of signalfd(2).
    pub fn all(inherited: &Inherited) -> io::Result<Self> {
        Self::among(1..=libc::SIGRTMAX(), inherited)
    }

    /// Only `wanted`, without those that the caller ignores, and SIGCHLD.
    ///
    /// # Errors
    /// Those of signalfd(2).
    pub fn only(wanted: &[i32], inherited: &Inherited) -> io::Result<Self> {
        Self::among(wanted.iter().copied(), inherited)
    }

    fn among(wanted: impl Iterator<Item = i32>, inherited: &Inherited) -> io::Result<Self> {
        // A real-time signal that the caller ignores, the child ignores too: asking is not worth a call each.
        let ignored = |signal: i32| signal < libc::SIGRTMIN() && inherited.ignores(signal);
        let heard = wanted.filter(|signal| *signal != libc::SIGCHLD && !ignored(*signal));
        Self::open(&sys::signal_set(heard.chain([libc::SIGCHLD])))
    }

    fn open(set: &SigSet) -> io::Result<Self> {
        SignalFd::with_flags(set, SfdFlags::SFD_CLOEXEC).map(Self).map_err(io::Error::from)
    }

    /// Waits for the next signal: the one system call in which an idle supervisor sits.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn next(&self) -> io::Result<Delivery> {
        loop {
            match self.0.read_signal() {
                Ok(Some(info)) => return Ok(Delivery::from_info(&info)),
                Ok(None) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Delivery {
    fn from_info(info: &libc::signalfd_siginfo) -> Self {
        let signal = i32::try_from(info.ssi_signo).unwrap_or(0);
        // Positive codes are the kernel's own; 0 and below come from a process (sigaction(2)).
        let origin = if info.ssi_code > 0 {
            Origin::Kernel
        } else {
            Origin::Process(Pid::from_raw(i32::try_from(info.ssi_pid).unwrap_or(0)))
        };
        Self { signal, origin }
    }
}

/// Signals that a terminal sends to a whole process group (termios(3), setpgid(2)).
const FROM_TERMINAL: [i32; 6] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGCONT, libc::SIGWINCH];

/// Whether the child is to get a signal that we got.
///
/// Not one that it sent itself: that would come back to it for ever (sudo's `exec_nopty.c` has the
/// same rule), nor one that we caused: the SIGPIPE of our own write(2) is marked as sent by us. Not
/// one that the kernel gave to our whole group when the child is in it: it has it.
/// A kernel signal that is about us alone, such as SIGPIPE, is no business of the child's.
#[must_use]
pub fn relayed(delivery: Delivery, child: Pid, shares_group: bool) -> bool {
    match delivery.origin {
        Origin::Process(sender) => sender != child && sender != Pid::this(),
        Origin::Kernel => !shares_group && FROM_TERMINAL.contains(&delivery.signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: Pid = Pid::from_raw(4242);

    fn from_process(signal: i32, pid: i32) -> Delivery {
        Delivery { signal, origin: Origin::Process(Pid::from_raw(pid)) }
    }

    #[test]
    fn a_signal_from_elsewhere_is_relayed() {
        assert!(relayed(from_process(libc::SIGTERM, 1), CHILD, true));
        assert!(relayed(from_process(libc::SIGTERM, 0), CHILD, false));
        assert!(relayed(from_process(libc::SIGRTMIN() + 3, 7), CHILD, true));
    }

    #[test]
    fn the_child_does_not_hear_its_own_signal() {
        assert!(!relayed(from_process(libc::SIGTERM, CHILD.as_raw()), CHILD, true));
        assert!(!relayed(from_process(libc::SIGINT, CHILD.as_raw()), CHILD, false));
    }

    #[test]
    fn the_child_does_not_hear_what_we_caused() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        assert!(!relayed(from_process(libc::SIGPIPE, own), CHILD, true));
    }

    #[test]
    fn a_terminal_key_reaches_the_child_once() {
        let key = Delivery { signal: libc::SIGINT, origin: Origin::Kernel };
        assert!(!relayed(key, CHILD, true));
        assert!(relayed(key, CHILD, false));
    }

    #[test]
    fn a_kernel_signal_about_us_stays_ours() {
        let pipe = Delivery { signal: libc::SIGPIPE, origin: Origin::Kernel };
        assert!(!relayed(pipe, CHILD, false));
    }
}
