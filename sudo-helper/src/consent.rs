//! An operation that waits for a person: the requester's side.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::answer::{Answer, Exit, Failure};
use crate::approval::{ApprovalError, Approved, Claim, NewRequest, Outcome, Request, Store, Watch};
use crate::caller::WatchError;
use crate::cli::How;
use crate::policy::Policy;
use crate::prepare::Prepared;
use crate::random_id::RequestId;
use crate::session::{PENDING, Session};

/// What sudo relays when somebody ends it.
pub(crate) const ENDINGS: [Signal; 4] = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT];

/// An approval that can be spent.
pub struct Consent {
    claim: Claim,
    store: Store,
}

impl Session {
    /// The requests of this machine.
    ///
    /// # Errors
    /// When their folder cannot be used.
    pub fn approvals(&self) -> Result<Store, Failure> {
        Store::open(&self.folder).map_err(|error| not_approved(&ApprovalError::Folder(error)))
    }

    /// Asks for approval under the name that the log has for the request, and waits for it.
    ///
    /// # Errors
    /// When it is denied, nobody decides in time or the caller goes.
    pub fn ask(
        &self,
        id: RequestId,
        policy: &Policy,
        prepared: &Prepared,
        how: How,
    ) -> Result<Consent, Failure> {
        unless_told_to_end()?;
        let store = self.approvals()?;
        let new = self.new_request(id, policy, prepared, how);
        let claim = store.submit(&new).map_err(|error| not_approved(&error))?;
        say(claim.request());
        self.wait_for(store, claim)
    }

    /// Asks for approval under the name that the log has for the request, and leaves it to `wait`.
    ///
    /// # Errors
    /// When there are too many requests, or sudo was told to end.
    pub fn ask_and_leave(
        &self,
        id: RequestId,
        policy: &Policy,
        prepared: &Prepared,
        how: How,
    ) -> Result<Answer, Failure> {
        unless_told_to_end()?;
        let new = self.new_request(id, policy, prepared, how);
        let request = self.approvals()?.submit_detached(&new).map_err(|error| not_approved(&error))?;
        let error = format!("it waits for approval; run it with: sudo -n sudo-helper wait {}", request.id);
        let expires = humantime::format_rfc3339_seconds(request.expires).to_string();
        Ok(Answer::from(Failure::new(Exit::Approval, PENDING, &error))
            .with("id", request.id.to_string())
            .with("expires", expires))
    }

    /// Waits for what `--no-wait` has left: the request, and the approval of it.
    ///
    /// # Errors
    /// When it is nobody's or somebody else's, is denied, ends, or the caller goes.
    pub fn resume(&self, id: RequestId) -> Result<(Request, Store, Claim), Failure> {
        let store = self.approvals()?;
        let claim = store.claim(id, self.caller.uid).map_err(|error| not_approved(&error))?;
        Ok((claim.request().clone(), store, claim))
    }

    /// Waits for the decision on a request of ours.
    ///
    /// # Errors
    /// When it is not approved, for whatever reason.
    pub fn wait_for(&self, store: Store, claim: Claim) -> Result<Consent, Failure> {
        let id = claim.request().id;
        let caller = match self.caller.watched() {
            Ok(caller) => caller,
            Err(WatchError::Gone) => return Err(gone()),
            Err(WatchError::Call(error)) => return Err(not_approved(&ApprovalError::Folder(error))),
        };
        let signals = endings().map_err(|error| not_approved(&ApprovalError::Folder(error)))?;
        let mut readable: Vec<BorrowedFd<'_>> = caller.iter().map(AsFd::as_fd).collect();
        readable.push(signals.as_fd());
        let stdout = io::stdout();
        let watch = Watch { readable: &readable, hang_up: &[stdout.as_fd()] };
        match store.await_decision(&claim, &watch).map_err(|error| not_approved(&error))? {
            Outcome::Approved => Ok(Consent { claim, store }),
            Outcome::Denied(by) => {
                Err(Failure::new(Exit::Approval, "approval-denied", &format_args!("denied by {by}")))
            }
            Outcome::Expired => Err(not_approved(&ApprovalError::Expired(id))),
            Outcome::CallerGone => Err(gone()),
        }
    }

    fn new_request(&self, id: RequestId, policy: &Policy, prepared: &Prepared, how: How) -> NewRequest {
        NewRequest {
            id,
            subject: prepared.subject(self.caller.uid),
            no_block: how.no_block,
            user: self.caller.user.clone().unwrap_or_default(),
            risks: prepared.grant.risks.iter().map(|risk| risk.reason().to_owned()).collect(),
            timeout: policy.approval().timeout,
        }
    }
}

impl Consent {
    /// Spends the approval on what is about to be done, which must be what was approved.
    ///
    /// # Errors
    /// When it is something else, the time is over, or sudo was told to end.
    pub fn spend(self, session: &Session, prepared: &Prepared) -> Result<Approved, Failure> {
        unless_told_to_end()?;
        let subject = prepared.subject(session.caller.uid);
        let (request, _) = self.store.take(self.claim, &subject).map_err(|error| not_approved(&error))?;
        Ok(request.approved())
    }
}

/// Whether an operation, when it was approved at all, still is at this moment.
///
/// # Errors
/// When its time is over.
pub fn in_time(approved: Option<&Approved>) -> Result<(), Failure> {
    match approved.map_or(Ok(false), Approved::is_over) {
        Ok(false) => Ok(()),
        Ok(true) => {
            let error = "the time of the approval was over before it could be done; ask again";
            Err(Failure::new(Exit::Approval, "approval-expired", &error))
        }
        Err(error) => Err(not_approved(&ApprovalError::Folder(error))),
    }
}

/// Tells a person at the terminal what to do.
fn say(request: &Request) {
    let until = humantime::format_rfc3339_seconds(request.expires);
    let message = format!("waits until {until} for: sudo sudo-helper approve {}", request.id);
    diagnostics::complain("sudo-helper", &message);
}

fn gone() -> Failure {
    Failure::new(Exit::Approval, "caller-gone", &"the caller is gone; nothing was done")
}

/// Whatever took its time before: who was told to end meanwhile, asks and does nothing any more.
fn unless_told_to_end() -> Result<(), Failure> {
    match endings().and_then(|signals| Ok(signals.read_signal()?)) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(gone()),
        Err(error) => Err(not_approved(&ApprovalError::Folder(error))),
    }
}

/// Readable when sudo was told to end. They are blocked already, and stay unread.
pub(crate) fn endings() -> io::Result<SignalFd> {
    let mask: SigSet = ENDINGS.into_iter().collect();
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(io::Error::from)
}

/// Nobody has approved it.
#[must_use]
pub fn not_approved(error: &ApprovalError) -> Failure {
    Failure::new(Exit::Approval, error.code(), error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_approval_ends_at_its_deadline_whoever_still_has_it() {
        let code = |deadline: Option<Duration>| {
            let approved = deadline.map(|deadline| Approved { plan: Vec::new(), deadline });
            in_time(approved.as_ref()).err().map(|failure| (failure.exit(), failure.code().to_owned()))
        };
        assert_eq!(code(None), None);
        assert_eq!(code(Some(Duration::MAX)), None);
        assert_eq!(code(Some(Duration::ZERO)), Some((Exit::Approval, "approval-expired".into())));
    }
}
