//! Why an approval does not go on.

use std::fmt;
use std::io;

use crate::approval::request::{Approver, State};
use crate::approval::{MAX_PENDING, MAX_PENDING_PER_UID};
use crate::random_id::RequestId;

/// Why an approval does not go on. Nothing was done, and nothing will be.
#[derive(Debug)]
pub enum ApprovalError {
    /// The user has as many requests as a user may have.
    FullForUser,
    /// There are as many requests as there may be.
    Full,
    /// The request is larger than a record may be.
    TooLarge,
    /// The request is none that a record could hold: no operation, or the uid that stands for none.
    Unsound,
    /// No request of that name, or none that this caller may know of.
    Unknown(RequestId),
    /// Another process waits for it.
    Busy(RequestId),
    /// Nobody approves a request of their own uid.
    Own(RequestId),
    /// It is decided already.
    Decided(RequestId, State),
    /// It is not approved.
    NotApproved(RequestId),
    /// Its time was over before it was done.
    Expired(RequestId),
    /// What would be done is not what was approved.
    Changed(RequestId),
    /// The folder of requests failed.
    Folder(io::Error),
}

impl ApprovalError {
    /// The stable `code` of the answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FullForUser | Self::Full => "approval-full",
            Self::TooLarge => "approval-too-large",
            Self::Unsound => "approval-unsound",
            Self::Unknown(_) => "approval-unknown",
            Self::Busy(_) => "approval-busy",
            Self::Own(_) => "approval-own",
            Self::Decided(..) => "approval-decided",
            Self::NotApproved(_) => "approval-missing",
            Self::Expired(_) => "approval-expired",
            Self::Changed(_) => "approval-changed",
            Self::Folder(_) => "approval-unusable",
        }
    }
}

impl fmt::Display for ApprovalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullForUser => {
                write!(f, "{MAX_PENDING_PER_UID} requests of yours wait already; let one be decided or end")
            }
            Self::Full => write!(f, "{MAX_PENDING} requests wait already; try again when some are decided"),
            Self::TooLarge => {
                f.write_str("the request is too large to be shown to an approver; ask for less")
            }
            Self::Unsound => f.write_str("a request needs an operation and the uid of a user"),
            Self::Unknown(id) => {
                write!(
                    f,
                    "no request {id} waits: it was done, denied or left, its time is over, or it never was"
                )
            }
            Self::Busy(id) => write!(f, "another process waits for request {id} already"),
            Self::Own(id) => write!(f, "request {id} is your own: somebody else has to approve it"),
            Self::Decided(id, State::Approved(by)) => decided(f, id, "approved", by),
            Self::Decided(id, State::Denied(by)) => decided(f, id, "denied", by),
            Self::Decided(id, State::Pending) | Self::NotApproved(id) => {
                write!(f, "request {id} is not approved")
            }
            Self::Expired(id) => write!(f, "the time of request {id} is over; ask again"),
            Self::Changed(id) => {
                write!(f, "what would be done is no longer what request {id} was approved for; ask again")
            }
            Self::Folder(error) => write!(f, "cannot use the requests in /run/sudo-helper/requests: {error}"),
        }
    }
}

fn decided(f: &mut fmt::Formatter<'_>, id: &RequestId, how: &str, by: &Approver) -> fmt::Result {
    write!(f, "request {id} is {how} already, by {by}")
}

impl std::error::Error for ApprovalError {}

impl From<io::Error> for ApprovalError {
    fn from(error: io::Error) -> Self {
        Self::Folder(error)
    }
}
