//! What is said of a change: data on standard output, words to the operator on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Once;

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
        let line = match (self.json, serde_json::to_string(object)) {
            (true, Ok(object)) => object,
            (true, Err(error)) => json!({"code": "json", "error": error.to_string()}).to_string(),
            (false, _) => words.to_string(),
        };
        print(&(line + "\n"))
    }

    /// A failure: a line of data in JSON, and a sentence to the operator in any case.
    #[must_use]
    pub fn failure(self, op: &str, failure: &Failure, more: Value) -> Exit {
        complain(failure);
        if self.json {
            let mut object =
                json!({"op": op, "success": false, "code": failure.code, "error": failure.error});
            if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
                object.extend(more);
            }
            let _ = self.line(&object, &"");
        }
        Exit::Failed
    }
}

/// A failure, for programs.
#[must_use]
pub fn object(failure: &Failure) -> Value {
    json!({"code": failure.code, "error": failure.error})
}

/// Data, at once. Where it cannot be written the call has failed, and the operator is told so, once.
#[must_use]
pub fn print(data: &str) -> Exit {
    static TOLD: Once = Once::new();
    let mut stdout = io::stdout().lock();
    let Err(error) = stdout.write_all(data.as_bytes()).and_then(|()| stdout.flush()) else {
        return Exit::Done;
    };
    TOLD.call_once(|| {
        complain(&format!("standard output cannot be written ({error}): what it should tell is lost"));
    });
    Exit::Failed
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
