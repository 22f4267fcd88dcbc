//! The human in the loop: an operation that waits until somebody else approves it.
//!
//! Everything is done by processes that live shortly, as root, for callers of whom the kernel and
//! sudo attest only the uid. What they share is a folder of records that only root sees; every
//! change is made under one lock, which is never held while anything is waited for:
//!
//! ```text
//! submit --> Pending --approve--> Approved --take--> gone, then done
//!               |                    |
//!               +-------deny---------+--> Denied --> gone
//! ```
//!
//! A request is gone, too, when its time is over or, unless it was made to wait by itself, when the
//! process that waits for it is. Deadlines are in the time since the boot; the folder does not
//! outlive a boot. A denial stands against an approval until the request is taken.

mod bell;
mod error;
mod folder;
mod request;
#[cfg(test)]
mod tests;
mod wait;

use std::io;
use std::time::Duration;

pub use error::ApprovalError;
pub use request::{Approved, Approver, Binding, MAX_TIMEOUT, NewRequest, Request, State, Subject};
pub use wait::{Outcome, Watch};

use crate::random_id::RequestId;
use crate::run_folder::RunFolder;
use bell::Bell;
use folder::{LOCK_WAIT, Locked, MAX_RECORD};
use request::since_boot;

/// Most requests of one uid at a time, decided ones that nobody has fetched included.
pub const MAX_PENDING_PER_UID: usize = 8;
/// Most requests at a time.
pub const MAX_PENDING: usize = 64;
/// What a record must leave free for the decision.
const DECISION_ROOM: usize = 8 << 10;
/// The folder, in that of the program.
const FOLDER: &str = "requests";

/// The requests of this machine.
#[derive(Debug)]
pub struct Store {
    folder: RunFolder,
}

/// A request of ours that we wait for: as long as it is kept, nobody else can.
#[derive(Debug)]
pub struct Claim {
    request: Request,
    bell: Bell,
}

impl Claim {
    /// The request as it was when it was made or claimed.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }
}

impl Store {
    /// Opens the folder of requests, or makes it.
    ///
    /// # Errors
    /// See [`RunFolder::open`].
    pub fn open(run: &RunFolder) -> io::Result<Self> {
        Ok(Self { folder: run.folder(FOLDER)? })
    }

    /// Makes a request that lasts no longer than the claim to it: it ends with this process.
    ///
    /// # Errors
    /// [`ApprovalError::FullForUser`], [`ApprovalError::Full`], [`ApprovalError::TooLarge`],
    /// [`ApprovalError::Unsound`] and [`ApprovalError::Folder`].
    pub fn submit(&self, new: &NewRequest) -> Result<Claim, ApprovalError> {
        self.make(new, false)
    }

    /// Makes a request that waits by itself until [`Self::claim`] or its end.
    ///
    /// # Errors
    /// As for [`Self::submit`].
    pub fn submit_detached(&self, new: &NewRequest) -> Result<Request, ApprovalError> {
        Ok(self.make(new, true)?.request)
    }

    /// Waits from now on for a request that waits by itself.
    ///
    /// # Errors
    /// [`ApprovalError::Unknown`], also for another uid's request and for one whose own process waits
    /// for it; [`ApprovalError::Busy`] when another process of the same uid waits for it already, so
    /// that no more processes wait than there are requests; [`ApprovalError::Folder`].
    pub fn claim(&self, id: RequestId, uid: u32) -> Result<Claim, ApprovalError> {
        let (locked, requests, _) = self.swept()?;
        let request = requests.into_iter().find(|request| request.id == id);
        let request = request.filter(|request| request.subject.uid == uid && request.detached);
        let request = request.ok_or(ApprovalError::Unknown(id))?;
        if locked.presence(&id)?.is_some() {
            return Err(ApprovalError::Busy(id));
        }
        let bell = locked.hold_bell(&id)?;
        Ok(Claim { request, bell })
    }

    /// Takes an approved request out, so that what it stands for can be done, once. `subject` is what
    /// is about to be done, found out again just now; when it is not what was approved, the approval
    /// is spent as well.
    ///
    /// # Errors
    /// [`ApprovalError::NotApproved`], [`ApprovalError::Expired`], [`ApprovalError::Changed`],
    /// [`ApprovalError::Unknown`] and [`ApprovalError::Folder`].
    pub fn take(&self, claim: Claim, subject: &Subject) -> Result<(Request, Approver), ApprovalError> {
        let id = claim.request.id;
        let locked = self.lock()?;
        let now = since_boot()?;
        if claim.request.is_over(now) {
            locked.remove(&id)?;
            return Err(ApprovalError::Expired(id));
        }
        let request = locked.read(&id, now)?.ok_or(ApprovalError::Unknown(id))?;
        let State::Approved(by) = request.state.clone() else { return Err(ApprovalError::NotApproved(id)) };
        locked.remove(&id)?;
        if request.subject.binding() != subject.binding() {
            return Err(ApprovalError::Changed(id));
        }
        Ok((request, by))
    }

    /// Approves a request. That the policy names the approver, the caller has found.
    ///
    /// # Errors
    /// [`ApprovalError::Unknown`], [`ApprovalError::Own`], [`ApprovalError::Decided`] and
    /// [`ApprovalError::Folder`].
    pub fn approve(&self, id: RequestId, by: Approver) -> Result<Request, ApprovalError> {
        self.decide(id, |request| match request.state {
            _ if request.subject.uid == by.uid => Err(ApprovalError::Own(id)),
            State::Pending => Ok(State::Approved(by)),
            _ => Err(ApprovalError::Decided(id, request.state.clone())),
        })
    }

    /// Denies a request, also one that is approved but not yet taken.
    ///
    /// # Errors
    /// [`ApprovalError::Unknown`], [`ApprovalError::Decided`] and [`ApprovalError::Folder`].
    pub fn deny(&self, id: RequestId, by: Approver) -> Result<Request, ApprovalError> {
        self.decide(id, |request| match request.state {
            State::Pending | State::Approved(_) => Ok(State::Denied(by)),
            State::Denied(_) => Err(ApprovalError::Decided(id, request.state.clone())),
        })
    }

    /// Every request that still waits, for a decision or for being fetched, the oldest first.
    ///
    /// # Errors
    /// [`ApprovalError::Folder`].
    pub fn pending(&self) -> Result<Vec<Request>, ApprovalError> {
        Ok(self.swept()?.1)
    }

    fn make(&self, new: &NewRequest, detached: bool) -> Result<Claim, ApprovalError> {
        let (locked, requests, now) = self.swept()?;
        let of_user = requests.iter().filter(|request| request.subject.uid == new.subject.uid);
        if of_user.count() >= MAX_PENDING_PER_UID {
            return Err(ApprovalError::FullForUser);
        }
        if requests.len() >= MAX_PENDING {
            return Err(ApprovalError::Full);
        }
        let id = new.id;
        let request = Request::new(new, detached, now);
        if !request.is_sound(&id, now) {
            return Err(ApprovalError::Unsound);
        }
        let bytes = written(&request, MAX_RECORD - DECISION_ROOM)?;
        // The bell first, and held: a request without one who waits would be swept.
        let bell = locked.make_bell(&id)?;
        locked.write(&id, &bytes)?;
        Ok(Claim { request, bell })
    }

    fn decide(
        &self,
        id: RequestId,
        decision: impl FnOnce(&Request) -> Result<State, ApprovalError>,
    ) -> Result<Request, ApprovalError> {
        let (locked, requests, _) = self.swept()?;
        let request = requests.into_iter().find(|request| request.id == id);
        let mut request = request.ok_or(ApprovalError::Unknown(id))?;
        request.state = decision(&request)?;
        let bell = locked.hold_bell(&id)?;
        locked.write(&id, &written(&request, MAX_RECORD)?)?;
        bell.ring()?;
        Ok(request)
    }

    /// What was decided about a request of ours; `None` when it is gone.
    fn state(&self, claim: &Claim) -> io::Result<Option<State>> {
        let locked = self.lock()?;
        let now = since_boot()?;
        if claim.request.is_over(now) {
            locked.remove(&claim.request.id)?;
            return Ok(None);
        }
        Ok(locked.read(&claim.request.id, now)?.map(|request| request.state))
    }

    fn remove(&self, claim: &Claim) -> io::Result<()> {
        self.lock()?.remove(&claim.request.id)
    }

    /// The folder, the requests that still wait, the oldest first, and the time of that.
    fn swept(&self) -> Result<(Locked<'_>, Vec<Request>, Duration), ApprovalError> {
        let locked = self.lock()?;
        let now = since_boot()?;
        let mut requests = locked.sweep(now)?;
        requests.sort_by_key(|request| request.made);
        Ok((locked, requests, now))
    }

    fn lock(&self) -> io::Result<Locked<'_>> {
        Locked::within(&self.folder, LOCK_WAIT)
    }
}

fn written(request: &Request, limit: usize) -> Result<Vec<u8>, ApprovalError> {
    let bytes = serde_json::to_vec(request).map_err(io::Error::other)?;
    if bytes.len() > limit { Err(ApprovalError::TooLarge) } else { Ok(bytes) }
}
