//! The rules that lead to root: what stands where, why it does, and what to write in its place.

mod commands;
mod defaults;
mod people;
mod places;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::LintCall;
use crate::escape_hatch::UNKNOWN_PROGRAM;
use crate::exit::Exit;
use crate::sudoers::{self, Kind, Place, Sudoers};
use diagnostics::Failure;

/// Most findings that are told.
const MAX_FINDINGS: usize = 10_000;

/// The code of what this reader does not understand.
const NOT_UNDERSTOOD: &str = "not-understood";

/// A way to root, or a rule of which that is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where the rule, the setting or the file is.
    pub place: Place,
    /// The stable word for its kind; sudoers-install(8) lists them.
    pub code: &'static str,
    /// What it lets whom do.
    pub why: String,
    /// What to write in its place.
    pub instead: String,
}

impl Finding {
    /// Whether it is a way to root; else only the operator can tell. Most hosts have rules for programs of
    /// their own, as this lint itself advises, so these are told and are no fault.
    #[must_use]
    pub fn leads_to_root(&self) -> bool {
        self.code != UNKNOWN_PROGRAM
    }
}

/// The ways to root in what was read, and what else the operator has to judge, by file and line. The paths
/// in the rules are examined on this host.
#[must_use]
pub fn lint(sudoers: &Sudoers) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    for entry in &sudoers.entries {
        let findings = match &entry.kind {
            Kind::Rule(rule) => rules::findings(sudoers, &entry.place, rule),
            Kind::Defaults(defaults) => defaults::findings(&entry.place, defaults),
            Kind::Include(include) => places::include(&entry.place, include),
            Kind::Aliases(_) => Vec::new(),
        };
        found.extend(findings);
    }
    found.extend(sudoers.ignored.iter().filter_map(|path| ignored(path)));
    found.into_iter().take(MAX_FINDINGS).collect()
}

/// A file that sudo(8) passes over; hidden ones are other programs' temporary files.
fn ignored(path: &Path) -> Option<Finding> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    if name.starts_with('.') {
        return None;
    }
    Some(Finding {
        place: Place { file: path.to_owned(), line: 1 },
        code: "ignored-file",
        why: format!("sudo does not read {}: its name has a dot or ends in ~", name.escape_debug()),
        instead: "a name of letters, digits, - and _; or remove the file".to_owned(),
    })
}

/// One line of the report.
#[derive(Serialize)]
struct Line<'a> {
    file: String,
    line: u32,
    code: &'a str,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<&'a str>,
}

/// `lint`: the ways to root on stdout; what was not understood, and what nobody has judged, on stderr.
#[must_use]
pub fn run(call: &LintCall) -> Exit {
    let files: Vec<(PathBuf, bool)> = if call.files.is_empty() {
        vec![(sudoers::SYSTEM.into(), true)]
    } else {
        call.files.iter().map(|file| (file.clone(), false)).collect()
    };
    let (mut report, mut sound) = (String::new(), true);
    for (file, system) in files {
        let read = if system { Sudoers::read(&file) } else { Sudoers::read_anybodys(&file) };
        match read {
            Ok(sudoers) => sound &= tell(&sudoers, call.json, &mut report),
            Err(failure) => {
                sound = false;
                fail(&failure, call.json, &mut report);
            }
        }
    }
    let printed = crate::report::print(&report) == Exit::Done;
    if sound && printed { Exit::Done } else { Exit::Failed }
}

fn fail(failure: &Failure, json: bool, report: &mut String) {
    if json {
        report.extend([&failure.object().to_string(), "\n"]);
    } else {
        diagnostics::complain("sudoers-install", failure);
    }
}

/// Adds what there is to say; whether nothing leads to root.
fn tell(sudoers: &Sudoers, json: bool, report: &mut String) -> bool {
    for (place, why) in &sudoers.faults {
        if json {
            add(report, place, NOT_UNDERSTOOD, why, None);
        } else {
            let said = format!("{}: not understood here: {why}; see visudo -c", written(place));
            diagnostics::complain("sudoers-install", &said);
        }
    }
    let findings = lint(sudoers);
    for finding in &findings {
        let Finding { place, code, why, instead } = finding;
        if json {
            add(report, place, code, why, Some(instead));
        } else if !finding.leads_to_root() {
            let said = format!("{}: {why}; {instead}", written(place));
            diagnostics::complain("sudoers-install", &said);
        } else {
            let said = format!("{}: {why}; instead: {instead}", written(place));
            report.extend([diagnostics::one_line(&said).as_str(), "\n"]);
        }
    }
    !findings.iter().any(Finding::leads_to_root)
}

fn written(place: &Place) -> String {
    format!("{}:{}", place.file.display(), place.line)
}

fn add(report: &mut String, place: &Place, code: &str, why: &str, instead: Option<&str>) {
    let file = place.file.to_string_lossy().into_owned();
    let line = Line { file, line: place.line, code, why, instead };
    // A structure of texts and numbers has its JSON.
    report.extend([serde_json::to_string(&line).unwrap_or_default().as_str(), "\n"]);
}
