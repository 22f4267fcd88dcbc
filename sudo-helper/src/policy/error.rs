//! Why a policy cannot be used, and where in the file.

use std::fmt;

use serde_path_to_error::{Path, Segment};

/// A policy that is refused whole: nothing of it applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// The line, from 1; none when the file as a whole is at fault.
    pub line: Option<usize>,
    /// The column in bytes, from 1; 0 is the start of the line.
    pub column: usize,
    /// The key at fault, such as `services.nginx[2]`; empty for the whole file.
    pub key: String,
    /// What is wrong with it: a sentence that is safe to print.
    pub message: String,
}

impl PolicyError {
    /// The file as a whole is at fault.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { line: None, column: 0, key: String::new(), message: message.into() }
    }

    /// What serde_json says about `text`, with the path that led to it.
    pub(super) fn at(text: &str, path: Option<&Path>, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        let said = said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said);
        let mut message = printable(said);
        if error.is_syntax() && starts_comment(text, line, column) {
            message.push_str("; JSON has no comments, not with '//' and not with '#'");
        }
        Self { line: Some(line), column, key: path.map(key_of).unwrap_or_default(), message }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, column {}", self.column)?;
            f.write_str(if self.key.is_empty() { ": " } else { ", " })?;
        }
        if !self.key.is_empty() {
            write!(f, "at {}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for PolicyError {}

/// The path in one spelling; what cannot be known (a syntax error before the key) adds nothing.
fn key_of(path: &Path) -> String {
    let mut key = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => key.push_str(&format!("[{index}]")),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                if !key.is_empty() {
                    key.push('.');
                }
                key.push_str(&printable(name));
            }
            Segment::Unknown => {}
        }
    }
    key
}

/// Text with whatever a terminal would act on escaped; quotes and backslashes stay.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

fn starts_comment(text: &str, line: usize, column: usize) -> bool {
    let rest = text.lines().nth(line.saturating_sub(1)).and_then(|line| line.get(column.saturating_sub(1)..));
    rest.is_some_and(|rest| rest.starts_with('/') || rest.starts_with('#'))
}
