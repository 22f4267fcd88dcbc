//! What is said: data on standard output, words to the operator on standard error.

use std::fmt::Display;
use std::io;

use nix::unistd::geteuid;
use serde::Serialize;
use serde_json::Value;

use crate::exit::Exit;
use crate::journal::Level;
use crate::{selection, systemctl};
use diagnostics::Failure;

/// The program's name before what it says to the operator.
const NAME: &str = "ssm-keepalive";

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

    /// The same, and to the journal with its level, if it is out of the usual.
    #[must_use]
    pub fn journal_line(self, level: Level, object: &impl Serialize, words: &dyn Display) -> Exit {
        match level.prefix(io::stdout()) {
            Some(prefix) => self.line(object, &format!("{prefix}{words}")),
            None => Exit::Done,
        }
    }

    /// A failure: a line of data in JSON, and a sentence to the operator in any case.
    #[must_use]
    pub fn failure(self, op: &str, failure: &Failure, more: Value) -> Exit {
        complain(failure);
        if self.json {
            let _ = self.line(&failure.answer(op, more), &"");
        }
        exit_of(failure)
    }
}

/// The exit status that the failure has in ssm-keepalive(8).
#[must_use]
pub fn exit_of(failure: &Failure) -> Exit {
    if ["restart-sec", "asleep-for"].contains(&failure.code) {
        Exit::Usage
    } else {
        selection::exit_of(failure)
    }
}

/// Data, at once. Where it cannot be written the call has failed, and the operator is told so, once.
#[must_use]
pub fn print(data: &str) -> Exit {
    if diagnostics::print_or(data, complain) { Exit::Done } else { Exit::Failed }
}

/// A sentence to the operator.
pub fn complain(sentence: &dyn Display) {
    let level = Level::Warning.prefix(io::stderr()).unwrap_or_default();
    diagnostics::say(&format!("{level}{NAME}: {}", diagnostics::one_line(&sentence.to_string())));
}

/// Makes sure that it is root who calls.
///
/// # Errors
/// `not-root` when it is somebody else.
pub fn require_root() -> Result<(), Failure> {
    if geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::new("not-root", "only root may change the units of this host: call this with sudo"))
}

/// Makes sure that there is a systemd to ask.
///
/// # Errors
/// `no-systemd` when process 1 is another program.
pub fn require_systemd() -> Result<(), Failure> {
    if systemctl::is_booted() {
        return Ok(());
    }
    let error = "systemd is not process 1 here, as in most containers: call this on the host, \
                 or write to an image with --root DIR";
    Err(Failure::new("no-systemd", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_of_the_manual_has_its_exit_status() {
        for (code, exit) in [
            ("restart-sec", Exit::Usage),
            ("asleep-for", Exit::Usage),
            ("no-systemd", Exit::NoSystemd),
            ("no-agent", Exit::NoAgent),
            ("masked", Exit::Masked),
            ("two-units", Exit::Failed),
            ("foreign-file", Exit::Failed),
        ] {
            assert_eq!(exit_of(&Failure::new(code, "")), exit, "{code}");
        }
    }
}
