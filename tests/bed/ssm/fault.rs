//! How the service itself fails.

use super::call::Operation;
use super::{ACCOUNT, REGION};

/// An answer to a call that is not the operation's.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An error of the API: the HTTP status, its code and its words.
    Error {
        /// 400, or 500 for what is the service's own fault.
        status: u16,
        /// `ThrottlingException`, …
        code: String,
        /// For people.
        message: String,
    },
    /// HTTP 500 with a page of HTML, as moto has for what it does not implement.
    NotImplemented,
    /// It is done, but the connection ends in the middle of the answer.
    Cut,
    /// No answer, and nothing done, for as long as the endpoint is there, or [`crate::DEADLINE`].
    Hang,
}

impl Fault {
    /// HTTP 400 with that code.
    #[must_use]
    pub fn error(code: &str, message: &str) -> Self {
        Self::Error { status: 400, code: code.to_owned(), message: message.to_owned() }
    }

    /// The caller has no right to this operation.
    #[must_use]
    pub fn access_denied(operation: Operation) -> Self {
        let caller = format!("arn:aws:iam::{ACCOUNT}:user/deploy");
        let message = format!(
            "User: {caller} is not authorized to perform: ssm:{operation:?} on resource: \
             arn:aws:ssm:{REGION}:{ACCOUNT}:* because no identity-based policy allows the ssm:{operation:?} action"
        );
        Self::error("AccessDeniedException", &message)
    }

    /// Too many calls.
    #[must_use]
    pub fn throttled() -> Self {
        Self::error("ThrottlingException", "Rate exceeded")
    }

    /// The caller's temporary credentials are too old.
    #[must_use]
    pub fn expired() -> Self {
        Self::error("ExpiredTokenException", "The security token included in the request is expired")
    }

    /// HTTP 500.
    #[must_use]
    pub fn server_error() -> Self {
        let message = "An error occurred on the server side.".to_owned();
        Self::Error { status: 500, code: "InternalServerError".to_owned(), message }
    }
}

/// The faults to come.
#[derive(Default)]
pub(super) struct Faults(Vec<(Operation, Fault, usize)>);

impl Faults {
    pub(super) fn push(&mut self, operation: Operation, fault: Fault, times: usize) {
        self.0.push((operation, fault, times));
    }

    /// The one for a call that came now, used up once.
    pub(super) fn take(&mut self, operation: Operation) -> Option<Fault> {
        let (_, fault, left) = self.0.iter_mut().find(|(of, _, left)| *of == operation && *left > 0)?;
        *left -= 1;
        Some(fault.clone())
    }
}
