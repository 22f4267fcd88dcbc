//! `status`: which rules of this program are in place, and whether they have effect.

use serde_json::{Value, json};

use crate::account::Account;
use crate::cli::JsonCall;
use crate::drop_in::DropIn;
use crate::exit::Exit;
use crate::legacy;
use crate::proof::{Effect, KILLED, confirm};
use crate::remove::{Managed, managed};
use crate::report::{self, Report};
use crate::transaction::{Pending, leftovers, path_of, pending};
use diagnostics::Failure;

/// The operation's name in JSON.
const OP: &str = "status";

/// Reports on every file; the exit status says whether there are rules and all have effect.
#[must_use]
pub fn run(call: &JsonCall) -> Exit {
    let report = Report::new(call.json);
    report::require_root()
        .and_then(|()| status(report))
        .unwrap_or_else(|failure| report.failure(OP, &failure, Value::Null))
}

fn status(report: Report) -> Result<Exit, Failure> {
    let files = managed()?;
    let mut exit = Exit::Done;
    for file in &files {
        let state = state(file);
        let (object, words) = describe(file, &state);
        if report.line(&object, &words) != Exit::Done || state.is_err() {
            exit = Exit::Failed;
        }
    }
    if files.is_empty() {
        let object = json!({"op": OP, "installed": false, "effective": false, "state": "not-installed"});
        let _ = report.line(&object, &"not-installed: no rule of this program is there");
        exit = Exit::Failed;
    }
    let found = legacy::find()?;
    report::legacy(&found);
    for old in &found {
        let object =
            json!({"op": OP, "state": "legacy", "file": old.path, "user": old.user, "rule": old.rule});
        let _ = report.line(&object, &format!("legacy: {}", old.path.display()));
    }
    for path in leftovers()? {
        let object = json!({"op": OP, "state": "left-over", "file": path});
        let words = format!("left-over: {}: the next install or remove takes it away", path.display());
        let _ = report.line(&object, &words);
    }
    Ok(exit)
}

/// How it is known that the file has effect, or why it has none.
fn state(file: &Managed) -> Result<Effect, Failure> {
    let path = path_of(&file.name);
    let drop_in = file.drop_in.as_ref().ok_or_else(|| {
        Failure::new("foreign-file", "it is not what this program writes: it was changed, or others wrote it")
    })?;
    match pending(&file.name)? {
        Some(Pending::OverOld | Pending::OverNone) => Err(Failure::new(
            "not-proven",
            "a run was killed before it had proven the rule: the next install or remove finishes or reverts it",
        )),
        Some(Pending::Unchanged) | None => {
            let effect = confirm(drop_in, &path)?;
            let account = Account { uid: drop_in.uid, gid: drop_in.uid, name: drop_in.user.clone() };
            account.require_own_name().map(|()| effect)
        }
    }
}

fn describe(file: &Managed, state: &Result<Effect, Failure>) -> (Value, String) {
    let path = path_of(&file.name);
    let mut object = json!({"op": OP, "file": path, "installed": true});
    if let Some(drop_in) = &file.drop_in {
        object["user"] = drop_in.user.clone().into();
        object["uid"] = drop_in.uid.into();
        object["rules"] = drop_in.rule_lines().into();
        object["sha256"] = drop_in.sha256().into();
    }
    let words = match state {
        Ok(effect) => {
            object["state"] = "effective".into();
            object["effective"] = effect.words().into();
            format!("effective ({})", effect.words())
        }
        Err(failure) => {
            object["state"] = failure.code.into();
            // What could not be asked is not denied.
            object["effective"] = if failure.code == KILLED { "unproven".into() } else { false.into() };
            object["code"] = failure.code.into();
            object["error"] = failure.error.clone().into();
            format!("{}: {}", failure.code, diagnostics::one_line(&failure.error))
        }
    };
    let who = file.drop_in.as_ref().map(|drop_in: &DropIn| format!(" for '{}'", drop_in.user.escape_debug()));
    (object, format!("{}{}: {words}", path.display(), who.unwrap_or_default()))
}
