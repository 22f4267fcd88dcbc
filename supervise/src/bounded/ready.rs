//! Which descriptors there is something to do with.

use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollTimeout, poll};

/// Waits for one of `wanted`, no longer than until then; which of them are ready, at their end or broken.
/// `None` is never ready. A signal may end the wait before.
pub(super) fn ready<const N: usize>(
    wanted: [Option<PollFd<'_>>; N],
    until: Instant,
) -> io::Result<[bool; N]> {
    let left = until.saturating_duration_since(Instant::now());
    let mut open: Vec<PollFd<'_>> = wanted.iter().flatten().cloned().collect();
    match poll(&mut open, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok([false; N]),
        Err(errno) => return Err(errno.into()),
    }
    let mut ready = open.iter().map(|fd| fd.any().unwrap_or(false));
    Ok(wanted.map(|fd| fd.is_some() && ready.next().unwrap_or(false)))
}

/// Whether its time is over.
pub(super) fn is_over(until: Instant) -> bool {
    until.saturating_duration_since(Instant::now()) == Duration::ZERO
}
