//! A call that is refused.

use serde_json::{Value, json};

/// An error of the API: HTTP 400, its code and its words.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// A request that breaks a constraint of its shape.
    pub(super) fn shape(field: &str, constraint: &str) -> Self {
        let message = format!(
            "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must {constraint}"
        );
        Self::new("ValidationException", message)
    }

    /// Nodes that are not there, or not in a state to take commands.
    pub(super) fn instances(ids: &[&str]) -> Self {
        let message =
            format!("Instances [[{}]] not in a valid state for account {}", ids.join(", "), super::ACCOUNT);
        Self::new("InvalidInstanceId", message)
    }

    /// The body of the answer.
    pub(super) fn body(&self) -> Value {
        json!({ "__type": self.code, "message": self.message })
    }
}
