//! The process that sudo(8) starts. All that it does is to wait for the one that does the work, out of
//! the caller's reach, and to tell it that somebody wants sudo to end.

use std::io;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::answer::Exit;
use crate::consent::ENDINGS;

/// Waits for the end of `worker`: its exit status.
pub(crate) fn attend(worker: Pid) -> u8 {
    let status = status(worker).and_then(|status| match status {
        WaitStatus::Exited(_, code) => Ok(u8::try_from(code).unwrap_or(Exit::Failed as u8)),
        other => Err(io::Error::other(format!("it ended without an answer: {other:?}"))),
    });
    status.unwrap_or_else(|error| {
        diagnostics::complain("sudo-helper", &format_args!("process {worker}, which does the work: {error}"));
        Exit::Failed as u8
    })
}

fn status(worker: Pid) -> io::Result<WaitStatus> {
    let heard: SigSet = ENDINGS.into_iter().chain([Signal::SIGCHLD]).collect();
    let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC)?;
    loop {
        let signal = match signals.read_signal() {
            Ok(Some(info)) => i32::try_from(info.ssi_signo).unwrap_or(0),
            Ok(None) | Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if signal != libc::SIGCHLD {
            kill(worker, Signal::try_from(signal)?)?;
            continue;
        }
        let status = waitpid(worker, Some(WaitPidFlag::WNOHANG))?;
        if matches!(status, WaitStatus::Exited(..) | WaitStatus::Signaled(..)) {
            return Ok(status);
        }
    }
}
