//! What is said of a change: data on standard output, words to the operator on standard error.

use std::fmt::Display;

use nix::unistd::geteuid;
use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::legacy::Legacy;
use crate::transaction::Recovered;
use diagnostics::Failure;

/// The program's name before what it says to the operator.
const NAME: &str = "sudoers-install";

/// How it speaks.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    json: bool,
}

impl Report {
    /// In JSON, or in words.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// One line of data: an object in JSON, or the words. How writing it went.
    #[must_use]
    pub fn line(self, object: &impl Serialize, words: &dyn Display) -> Exit {
        print(&(diagnostics::line(self.json, object, words) + "\n"))
    }

    /// A failure: a line of data in JSON, and a sentence to the operator in any case.
    #[must_use]
    pub fn failure(self, op: &str, failure: &Failure, more: Value) -> Exit {
        complain(failure);
        if self.json {
            let _ = self.line(&failure.answer(op, more), &"");
        }
        Exit::Failed
    }
}

/// Data, at once. Where it cannot be written the call has failed, and the operator is told so, once.
#[must_use]
pub fn print(data: &str) -> Exit {
    if diagnostics::print_or(data, complain) { Exit::Done } else { Exit::Failed }
}

/// A sentence to the operator.
pub fn complain(sentence: &dyn Display) {
    diagnostics::complain(NAME, sentence);
}

/// Makes sure that it is root who calls.
///
/// # Errors
/// When it is somebody else.
pub fn require_root() -> Result<(), Failure> {
    if geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::new("not-root", "only root may read and change the rules of sudo: call this with sudo"))
}

/// What was done about the runs that were killed.
pub fn recovered(recovered: &[Recovered]) {
    for file in recovered {
        match &file.reverted {
            None => complain(&format!("a run that was killed had left {} unfinished: finished", file.name)),
            Some(why) => complain(&format!(
                "a run that was killed had left {} unproven: the state before it is back, because {why}",
                file.name
            )),
        }
    }
}

/// The rules of systems-manager-helper that are there still.
pub fn legacy(found: &[Legacy]) {
    for old in found {
        complain(&format!(
            "{} lets '{}' run as root what that user may write: install --user {} --replace-legacy removes it",
            old.path.display(),
            old.user,
            old.user
        ));
    }
}

/// The rules of systems-manager-helper, for programs.
#[must_use]
pub fn legacy_objects(found: &[Legacy]) -> Value {
    found.iter().map(|old| json!({"file": old.path, "user": old.user, "rule": old.rule})).collect()
}
