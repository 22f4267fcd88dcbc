//! Retirement: another instance has the name, and this one serves out whom it has.

use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use supervise::Signals;

use crate::pool::Serving;

/// How long clients that are there may stay.
const RETIREMENT: Duration = Duration::from_secs(10);
/// How long connect(2) may take from the name to the socket: nothing tells when the last one that found the old one
/// behind the name has arrived.
const ARRIVAL: Duration = Duration::from_millis(100);
/// All of it.
pub(super) const LONGEST: Duration = ARRIVAL.saturating_add(RETIREMENT);

/// Serves whoever has connected until the last of them has gone, or time is up, or SIGTERM or SIGINT comes.
///
/// # Errors
/// Those of shutdown(2), poll(2) and read(2).
pub fn retire(signals: &Signals, serving: &Serving) -> io::Result<()> {
    thread::sleep(ARRIVAL);
    serving.close()?;
    let until = Instant::now() + RETIREMENT;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let waited = [signals.as_fd(), serving.as_fd()];
        let mut waited = waited.map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN));
        match poll(&mut waited, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [signalled, served] = waited.map(|descriptor| descriptor.any().unwrap_or(true));
        if served || signalled && matches!(signals.next()?.signal, libc::SIGTERM | libc::SIGINT) {
            return Ok(());
        }
    }
}
