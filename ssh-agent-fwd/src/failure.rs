//! Why something was not done.

use std::fmt::{self, Display};

use serde::Serialize;

/// Why it was not done: a stable word for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The word; it does not change from version to version.
    pub code: &'static str,
    /// The sentence: what, where, what to do.
    pub error: String,
}

impl Failure {
    /// A failure; foreign text in `error` is escaped already.
    #[must_use]
    pub fn new(code: &'static str, error: impl Display) -> Self {
        Self { code, error: error.to_string() }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for Failure {}
