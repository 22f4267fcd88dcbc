//! Why an operation is not allowed.

use std::fmt;

/// Most characters of a caller's value that a message shows.
const MAX_SHOWN: usize = 80;

/// An operation is denied; the sentence says which and why, and is safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The policy does not list it.
    NotListed(String),
    /// No policy can list it.
    BuiltIn(String),
    /// A `KEY=VALUE` of `run` is missing, unknown or refused by its slot.
    BadValue(String),
}

impl Denial {
    /// The stable word for it in answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotListed(_) => "denied",
            Self::BuiltIn(_) => "denied-builtin",
            Self::BadValue(_) => "bad-value",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotListed(sentence) | Self::BuiltIn(sentence) | Self::BadValue(sentence)) = self;
        f.write_str(sentence)
    }
}

impl std::error::Error for Denial {}

/// A caller's text in quotes, escaped and cut.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(MAX_SHOWN).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{dots}")
}
