//! `remove`: takes away the files that this program has written, and no others.

use serde_json::{Value, json};

use crate::cli::ChangeCall;
use crate::drop_in::DropIn;
use crate::exit::Exit;
use crate::report::{self, Report};
use crate::transaction::{Folder, PREFIXES, Present, look, names, path_of};
use crate::user_token::stem;
use diagnostics::Failure;

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
    let recovered = folder.as_ref().map_or_else(|| Ok(Vec::new()), Folder::recover)?;
    let mut about = managed()?;
    about.retain(|file| call.user.as_ref().is_none_or(|user| is_for(user, file)));
    let ends: Vec<Result<(), Failure>> = about.iter().map(|file| end(file, folder.as_ref())).collect();
    // Whoever does not read what is said holds no other run up.
    drop(folder);
    report::recovered(&recovered);
    let mut exit = Exit::Done;
    for (Managed { name, drop_in }, ended) in about.iter().zip(ends) {
        let path = path_of(name);
        let mut object = json!({"file": path, "changed": !call.dry_run, "dry_run": call.dry_run});
        if let Some(drop_in) = drop_in {
            object["user"] = drop_in.user.clone().into();
            object["uid"] = drop_in.uid.into();
        }
        let said = match ended {
            Ok(()) => {
                object["op"] = OP.into();
                object["success"] = true.into();
                let word = if call.dry_run { "would be removed" } else { "removed" };
                report.line(&object, &format!("{word}: {}", path.display()))
            }
            Err(failure) => {
                object["changed"] = false.into();
                report.failure(OP, &failure, object)
            }
        };
        exit = worse(exit, said);
    }
    if about.is_empty() {
        let object = json!({"op": OP, "success": true, "changed": false, "dry_run": call.dry_run});
        let whose = call.user.as_ref().map(|user| format!(" for '{}'", user.escape_debug()));
        let words = format!("already so: no rule of this program{} is there", whose.unwrap_or_default());
        exit = report.line(&object, &words);
    }
    Ok(exit)
}

/// Removes a file of ours. Another may still have effect: whoever asked for its end has to know.
fn end(file: &Managed, folder: Option<&Folder>) -> Result<(), Failure> {
    if file.drop_in.is_none() {
        let error = format!(
            "{} is left alone: it was changed, or others wrote it; look at it, and remove it by hand",
            path_of(&file.name).display()
        );
        return Err(Failure::new("foreign-file", error));
    }
    folder.map_or(Ok(()), |folder| folder.remove(&file.name))
}

/// Whether a file is about this account: by what it holds, or, where that is not ours, by its name.
fn is_for(user: &str, file: &Managed) -> bool {
    let named = |prefix: &&str| file.name.strip_prefix(*prefix) == Some(stem(user).as_str());
    file.drop_in.as_ref().map_or_else(|| PREFIXES.iter().any(named), |drop_in| drop_in.user == user)
}

fn worse(one: Exit, other: Exit) -> Exit {
    if one == Exit::Done { other } else { one }
}
