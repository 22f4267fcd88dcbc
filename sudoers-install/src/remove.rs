//! `remove`: takes away the files that this program has written, and no others.

use serde_json::{Value, json};

use crate::cli::ChangeCall;
use crate::drop_in::DropIn;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::{self, Report};
use crate::transaction::{Folder, PREFIXES, Present, look, names, path_of};

/// The operation's name in JSON.
const OP: &str = "remove";

/// A file with a name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// Its name.
    pub name: String,
    /// What it holds; `None` when this program does not write such a thing under this name.
    pub drop_in: Option<DropIn>,
}

/// The files of the folder with names of ours.
///
/// # Errors
/// When the folder cannot be read.
pub fn managed() -> Result<Vec<Managed>, Failure> {
    let mut found = Vec::new();
    for name in names()?.iter().filter_map(|name| name.to_str()) {
        if !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let drop_in = match look(name) {
            Ok(Present::File { text, .. }) => DropIn::of_file(name, &text),
            Ok(Present::Absent) => continue,
            // A folder, a link, or larger than anything that this program writes.
            Err(_) => None,
        };
        found.push(Managed { name: name.to_owned(), drop_in });
    }
    Ok(found)
}

/// Removes what the call asks for, and reports.
#[must_use]
pub fn run(call: &ChangeCall) -> Exit {
    let report = Report::new(call.json);
    report::require_root()
        .and_then(|()| remove(report, call))
        .unwrap_or_else(|failure| report.failure(OP, &failure, Value::Null))
}

fn remove(report: Report, call: &ChangeCall) -> Result<Exit, Failure> {
    // A dry run changes nothing, and so has nothing to lock or to finish.
    let folder = if call.dry_run { None } else { Some(Folder::open()?) };
    if let Some(folder) = &folder {
        report::recovered(&folder.recover()?);
    }
    let mut exit = Exit::Done;
    let mut ours = 0;
    for Managed { name, drop_in } in managed()? {
        let path = path_of(&name);
        let Some(drop_in) = drop_in else {
            report::complain(&format!("{} is left alone: this program did not write it so", path.display()));
            continue;
        };
        if call.user.as_ref().is_some_and(|user| *user != drop_in.user) {
            continue;
        }
        ours += 1;
        if let Some(folder) = &folder {
            folder.remove(&name)?;
        }
        let object = json!({
            "op": OP, "success": true, "file": path, "user": drop_in.user, "uid": drop_in.uid,
            "changed": !call.dry_run, "dry_run": call.dry_run,
        });
        let word = if call.dry_run { "would be removed" } else { "removed" };
        exit = worse(exit, report.line(&object, &format!("{word}: {}", path.display())));
    }
    if ours == 0 {
        let object = json!({"op": OP, "success": true, "changed": false, "dry_run": call.dry_run});
        exit = report.line(&object, &"already so: no rule of this program is there");
    }
    Ok(exit)
}

fn worse(one: Exit, other: Exit) -> Exit {
    if one == Exit::Done { other } else { one }
}
