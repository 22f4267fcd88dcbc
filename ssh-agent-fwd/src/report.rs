//! What is said: data on standard output, words to the operator on standard error.

use std::fmt::Display;

use serde_json::{Value, json};

use diagnostics::{Failure, with};

use crate::exit::Exit;

/// The program's name before what it says to the operator.
pub const NAME: &str = "ssh-agent-fwd";

/// The code of a failure which is that there is no such instance.
pub const ABSENT: &str = "absent";

/// The code of a failure which is that the words name a descriptor that is not open.
pub const NOT_OPEN: &str = "descriptor-not-open";

/// How it speaks.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    json: bool,
}

impl Report {
    /// In JSON, or in words.
    #[must_use]
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// What was asked for: one object on one line, `more` besides `op` and `success`; or the words, unless there are
    /// none. How writing went.
    #[must_use]
    pub fn success(self, op: &str, more: Value, words: &dyn Display) -> Exit {
        if self.json {
            return print(&with(json!({"op": op, "success": true}), more).to_string());
        }
        let words = words.to_string();
        if words.is_empty() { Exit::Done } else { print(&words) }
    }

    /// Why it was not done: a sentence to the operator in any case. In JSON an object with `code` and `error`; `words`
    /// are what is known all the same, and nothing when empty.
    #[must_use]
    pub fn failure(self, op: &str, failure: &Failure, more: Value, words: &dyn Display) -> Exit {
        let exit = self.no(op, failure, more, words);
        diagnostics::complain(NAME, &format!("{}: {failure}", failure.code));
        exit
    }

    /// The answer is no. That is what was asked for: the same data, without a sentence to the operator.
    #[must_use]
    pub fn no(self, op: &str, failure: &Failure, more: Value, words: &dyn Display) -> Exit {
        let words = words.to_string();
        if self.json {
            let _ = print(&failure.answer(op, more).to_string());
        } else if !words.is_empty() {
            let _ = print(&words);
        }
        match failure.code {
            ABSENT => Exit::Absent,
            NOT_OPEN => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// Data and the end of its line, at once. Where they cannot be written the call has failed, and the operator is told.
fn print(data: &str) -> Exit {
    if diagnostics::print(&format!("{data}\n"), Exit::Failed as u8) == 0 {
        return Exit::Done;
    }
    diagnostics::complain(
        NAME,
        &"output-lost: standard output cannot be written; what it should tell is lost",
    );
    Exit::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_words_name_and_is_not_there_has_exit_statuses_of_its_own() {
        for (code, exit) in [(ABSENT, Exit::Absent), (NOT_OPEN, Exit::Usage), ("stale", Exit::Failed)] {
            assert_eq!(Report::new(false).no("list", &Failure::new(code, ""), Value::Null, &""), exit);
        }
    }
}
