//! Waiting: for a decision, and for changes of what is to be decided.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::approval::bell::Presence;
use crate::approval::error::ApprovalError;
use crate::approval::request::{Approver, Request, State, since_boot};
use crate::approval::{Claim, Store};

/// What tells that the caller is gone, so that nobody waits for an answer any more.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// Descriptors that become readable then: pidfds, a signalfd.
    pub readable: &'a [BorrowedFd<'a>],
    /// Descriptors that hang up or fail then: standard output.
    pub hang_up: &'a [BorrowedFd<'a>],
}

/// How waiting for a decision ended.
#[derive(Debug)]
pub enum Outcome {
    /// It was approved: [`Store::take`] it, then do it.
    Approved,
    /// It was denied; the request is gone.
    Denied(Approver),
    /// Its time is over, or root removed it; the request is gone.
    Expired,
    /// The caller is gone: a request is gone with it, unless it was made to wait without it.
    CallerGone,
}

impl Store {
    /// Waits until the request is decided, its time is over or the caller is gone, whichever is first.
    ///
    /// # Errors
    /// [`ApprovalError::Folder`].
    pub fn await_decision(&self, claim: &Claim, watch: &Watch<'_>) -> Result<Outcome, ApprovalError> {
        loop {
            let Some(state) = self.state(claim)? else { return Ok(Outcome::Expired) };
            // A decision is looked at again once it is known that there is somebody to have it.
            let until = if state == State::Pending { claim.request().deadline } else { Duration::ZERO };
            if wait(&[(claim.bell.as_fd(), PollFlags::POLLIN)], watch, Some(until))? {
                if !claim.request().detached {
                    self.remove(claim)?;
                }
                return Ok(Outcome::CallerGone);
            }
            match state {
                State::Pending => claim.bell.silence()?,
                State::Approved(_) => return Ok(Outcome::Approved),
                State::Denied(by) => {
                    self.remove(claim)?;
                    return Ok(Outcome::Denied(by));
                }
            }
        }
    }

    /// Shows the requests as [`Self::pending`] gives them, at once and at each change, until the
    /// caller is gone or showing breaks off.
    ///
    /// # Errors
    /// [`ApprovalError::Folder`].
    pub fn watch(
        &self,
        watch: &Watch<'_>,
        mut show: impl FnMut(&[Request]) -> ControlFlow<()>,
    ) -> Result<(), ApprovalError> {
        let changes = self.changes()?;
        let mut shown = None;
        loop {
            let (requests, present) = self.attended()?;
            let end = requests.iter().map(|request| request.deadline).min();
            if shown.as_ref() != Some(&requests) {
                if show(&requests).is_break() {
                    return Ok(());
                }
                shown = Some(requests);
            }
            // A requester that dies leaves the folder as it is, but its bell reports an error.
            let mut events = vec![(changes.as_fd(), PollFlags::POLLIN)];
            events.extend(present.iter().map(|one| (one.as_fd(), PollFlags::empty())));
            if wait(&events, watch, end)? {
                return Ok(());
            }
            match changes.read_events() {
                Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(io::Error::from(errno).into()),
            }
        }
    }

    /// What tells that a record came, changed or went.
    fn changes(&self) -> io::Result<Inotify> {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let path = format!("/proc/self/fd/{}", self.folder.as_fd().as_raw_fd());
        changes.add_watch(path.as_str(), AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE)?;
        Ok(changes)
    }

    /// The requests, and the presence of those whose requester has to be there.
    fn attended(&self) -> Result<(Vec<Request>, Vec<Presence>), ApprovalError> {
        let (locked, requests, _) = self.swept()?;
        let mut present = Vec::new();
        for request in requests.iter().filter(|request| !request.detached) {
            present.extend(locked.presence(&request.id)?);
        }
        Ok((requests, present))
    }
}

/// Waits until one of the events, the end (a time since the boot) or that the caller is gone; true
/// when it is.
fn wait(
    events: &[(BorrowedFd<'_>, PollFlags)],
    watch: &Watch<'_>,
    end: Option<Duration>,
) -> io::Result<bool> {
    let callers = watch.readable.iter().map(|fd| (*fd, PollFlags::POLLIN));
    let callers = callers.chain(watch.hang_up.iter().map(|fd| (*fd, PollFlags::empty())));
    let all = callers.chain(events.iter().copied());
    let mut fds: Vec<PollFd<'_>> = all.map(|(fd, events)| PollFd::new(fd, events)).collect();
    let timeout = match end {
        None => PollTimeout::NONE,
        Some(end) => timeout(end.saturating_sub(since_boot()?)),
    };
    match poll(&mut fds, timeout) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    }
    let callers = watch.readable.len() + watch.hang_up.len();
    Ok(fds.iter().take(callers).any(|fd| fd.any().unwrap_or(true)))
}

/// The time left in poll(2)'s milliseconds, rounded up. That clock stands still while the machine is
/// suspended, so a wait may end late; what counts is the deadline that taking checks.
fn timeout(left: Duration) -> PollTimeout {
    let milliseconds = left.as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}
