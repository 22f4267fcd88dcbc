//! How a child ended.

use std::time::Duration;

/// The status that a shell gives for death by signal n is this plus n (POSIX XCU 2.8.2).
const SIGNAL_BASE: i32 = 128;

/// The two ways in which a process ends (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It called exit(3) with this code.
    Exited(u8),
    /// A signal killed it.
    Signaled {
        /// The number of the signal.
        signal: i32,
        /// Whether the kernel wrote a core file.
        core_dumped: bool,
    },
}

impl Outcome {
    /// Reads a status word as wait(2) reports it; `None` while the process has not ended.
    pub(crate) fn from_wait_status(status: i32) -> Option<Self> {
        if libc::WIFEXITED(status) {
            u8::try_from(libc::WEXITSTATUS(status)).ok().map(Self::Exited)
        } else if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            Some(Self::Signaled { signal, core_dumped: libc::WCOREDUMP(status) })
        } else {
            None
        }
    }

    /// The exit status that a shell would see: the code, or 128+n.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled { signal, .. } => u8::try_from(SIGNAL_BASE + signal).unwrap_or(u8::MAX),
        }
    }
}

/// What the child and its waited-for descendants used (getrusage(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Time on the CPU in user mode.
    pub user: Duration,
    /// Time on the CPU in the kernel.
    pub system: Duration,
    /// Largest resident set of one process, in KiB.
    pub max_rss_kib: u64,
}

impl Usage {
    fn from_rusage(usage: &libc::rusage) -> Self {
        Self {
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
            max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

/// The end of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code or its signal.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
}

impl Ended {
    /// What is said of a process that was sent SIGKILL and whose end could not be seen.
    #[must_use]
    pub fn killed() -> Self {
        let outcome = Outcome::Signaled { signal: libc::SIGKILL, core_dumped: false };
        Self { outcome, usage: Usage::default() }
    }

    /// Reads what wait4(2) reports; `None` while the process has not ended.
    pub(crate) fn from_wait(status: i32, usage: &libc::rusage) -> Option<Self> {
        Outcome::from_wait_status(status).map(|outcome| Self { outcome, usage: Usage::from_rusage(usage) })
    }
}

/// `SIGTERM` for 15 and so on; real-time signals as `SIGRTMIN+n`, anything else as its number.
#[must_use]
pub fn signal_name(signal: i32) -> String {
    if let Ok(known) = nix::sys::signal::Signal::try_from(signal) {
        return known.as_str().to_owned();
    }
    match signal - libc::SIGRTMIN() {
        offset @ 0.. if signal <= libc::SIGRTMAX() => format!("SIGRTMIN+{offset}"),
        _ => signal.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_its_own_status() {
        for code in 0..=255u8 {
            let outcome = Outcome::from_wait_status(i32::from(code) << 8);
            assert_eq!(outcome, Some(Outcome::Exited(code)));
            assert_eq!(outcome.map(Outcome::status), Some(code));
        }
    }

    #[test]
    fn death_by_signal_is_128_plus_its_number() {
        for signal in 1..=64 {
            let outcome = Outcome::from_wait_status(signal).expect("a terminating status");
            assert_eq!(outcome, Outcome::Signaled { signal, core_dumped: false });
            assert_eq!(i32::from(outcome.status()), 128 + signal);
        }
        let core = Outcome::from_wait_status(libc::SIGSEGV | 0x80);
        assert_eq!(core, Some(Outcome::Signaled { signal: libc::SIGSEGV, core_dumped: true }));
    }

    #[test]
    fn a_stopped_child_has_not_ended() {
        assert_eq!(Outcome::from_wait_status(0x7f | (libc::SIGSTOP << 8)), None);
        assert_eq!(Outcome::from_wait_status(0xffff), None);
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(signal_name(15), "SIGTERM");
        assert_eq!(signal_name(libc::SIGRTMIN()), "SIGRTMIN+0");
        assert_eq!(signal_name(libc::SIGRTMAX() + 1), "65");
    }
}
