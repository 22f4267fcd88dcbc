//! `remove`: takes our files away, and no others; what was in their place comes back.

mod proof;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::RemoveCall;
use crate::drop_in::{Kept, NAME, Present};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::image::{CODE, Image};
use crate::install::plan::foreign;
use crate::report::{self, Report};
use crate::systemctl;
use crate::transaction::{Folder, Units, held_signals, lock, trust};
use crate::unit::Unit;
use crate::watch::{self, Removed, TIMER, Watch};
use proof::Proof;

/// The operation's name in JSON.
const OP: &str = "remove";

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There was none of ours.
    Nothing,
    /// It is gone.
    Gone,
    /// What it was written over is back.
    Back,
}

impl End {
    fn words(self, is_dry: bool) -> &'static str {
        match (self, is_dry) {
            (Self::Nothing, _) => "already so",
            (Self::Gone, false) => "removed",
            (Self::Gone, true) => "would be removed",
            (Self::Back, false) => "removed, and the file written by hand is back",
            (Self::Back, true) => "would be removed, and the file written by hand would be back",
        }
    }
}

/// Removes what the call asks for, and reports.
#[must_use]
pub fn run(call: &RemoveCall) -> Exit {
    let report = Report::new(call.json);
    remove(report, call).unwrap_or_else(|failure| report.failure(OP, &failure, Value::Null))
}

fn remove(report: Report, call: &RemoveCall) -> Result<Exit, Failure> {
    let is_host = call.root.is_none();
    let acts = is_host && !call.dry_run;
    if is_host {
        report::require_systemd()?;
    }
    if acts {
        report::require_root()?;
    }
    let units = match &call.root {
        Some(root) => Image::open(root)?.units()?,
        None => Units::of_host()?,
    };
    // A dry run changes nothing, and so has nothing to lock; an image is its builder's alone.
    let lock = if acts { Some((lock()?, held_signals()?)) } else { None };
    // First, so that nobody restarts what is being changed.
    let is_meant = |watched: &Watch| call.unit.as_ref().is_none_or(|unit| *unit == watched.unit);
    let watch = watch::remove(&units, is_meant, call.dry_run, acts);
    let mut ends = Vec::new();
    for unit in concerned(&units, call.unit.as_ref())? {
        let ended = end(&units, &unit, call.dry_run, acts);
        ends.push((unit, ended));
    }
    let proofs = if acts { prove(&ends)? } else { ends.iter().map(|_| None).collect() };
    let watch = match watch {
        Ok(Some(_)) if acts => watch::prove_removed().and(watch),
        watch => watch,
    };
    drop(lock);
    let mut is_quiet = watch == Ok(None);
    let mut exit = tell_watch(report, call, watch);
    for ((unit, ended), proof) in ends.into_iter().zip(proofs) {
        // Who names no unit asks for what is there.
        if call.unit.is_none() && ended == Ok(End::Nothing) {
            continue;
        }
        is_quiet = false;
        let file = units.path().join(format!("{unit}.d")).join(NAME);
        let said = tell(report, call, &unit, file, ended, proof);
        exit = if exit == Exit::Done { said } else { exit };
    }
    if is_quiet {
        let object = json!({"op": OP, "success": true, "changed": false, "dry_run": call.dry_run});
        exit = report.line(&object, &"already so: no file of ours is there");
    }
    Ok(exit)
}

/// The units to look at: the one asked for, or the known ones and all with a file of ours.
fn concerned(units: &Units, asked: Option<&Unit>) -> Result<Vec<Unit>, Failure> {
    if let Some(unit) = asked {
        return Ok(vec![unit.clone()]);
    }
    let known = Unit::known();
    let is_ours = |unit: &Unit| {
        let file = units.find(unit).ok().flatten().and_then(|folder| folder.read().ok()).flatten();
        matches!(Present::of_file(file.as_ref()), Present::Ours(_))
    };
    let mut others = units.with_drop_ins()?;
    others.retain(|unit| !known.contains(unit) && is_ours(unit));
    Ok(known.into_iter().chain(others).collect())
}

/// Ends our file for one unit.
fn end(units: &Units, unit: &Unit, is_dry: bool, is_host: bool) -> Result<End, Failure> {
    let Some(folder) = units.find(unit)? else { return Ok(End::Nothing) };
    let kept = match Present::of_file(folder.read()?.as_ref()) {
        Present::Ours(drop_in) => drop_in.kept,
        Present::Absent | Present::HandMade(_) => return Ok(End::Nothing),
        Present::Foreign { line, why } => return Err(foreign(&folder.file(), line, why)),
    };
    let end = if kept.is_some() { End::Back } else { End::Gone };
    if is_dry {
        return Ok(end);
    }
    if is_host {
        trust(units.path())?;
        trust(&units.path().join(format!("{unit}.d")))?;
    }
    put_back(&folder, kept.as_ref())?;
    Ok(end)
}

fn put_back(folder: &Folder, kept: Option<&Kept>) -> Result<(), Failure> {
    folder.sweep()?;
    folder.set(kept.map(Kept::contents).as_ref())?;
    folder.remove_if_empty().map(drop)
}

/// Has systemd read its files, in any case: an earlier run may have been killed before it did. Then asks it.
fn prove(ends: &[(Unit, Result<End, Failure>)]) -> Result<Vec<Option<Result<Proof, Failure>>>, Failure> {
    systemctl::daemon_reload()?;
    let proven = |(unit, end): &(Unit, Result<End, Failure>)| match end {
        Ok(End::Gone | End::Back) => Some(proof::prove(unit)),
        Ok(End::Nothing) | Err(_) => None,
    };
    Ok(ends.iter().map(proven).collect())
}

fn tell_watch(report: Report, call: &RemoveCall, watch: Result<Option<Removed>, Failure>) -> Exit {
    let watch = match watch {
        Ok(None) => return Exit::Done,
        Ok(Some(watch)) => watch,
        Err(failure) => return report.failure(OP, &failure, json!({"unit": TIMER})),
    };
    let file = diagnostics::one_line(&watch.path.display().to_string());
    let is_host = call.root.is_none() && !call.dry_run;
    let object = json!({
        "op": OP, "success": true, "unit": TIMER, "file": watch.path, "dry_run": call.dry_run,
        "changed": !call.dry_run, "restored": false, "proven": is_host,
    });
    let proven = if is_host { "\nproven: systemd has no watch any more" } else { "" };
    report.line(&object, &format!("{}: {file}, and its timer{proven}", End::Gone.words(call.dry_run)))
}

fn tell(
    report: Report,
    call: &RemoveCall,
    unit: &Unit,
    file: PathBuf,
    ended: Result<End, Failure>,
    proof: Option<Result<Proof, Failure>>,
) -> Exit {
    let shown = diagnostics::one_line(&file.display().to_string());
    let mut object = json!({"unit": unit.as_str(), "file": file, "dry_run": call.dry_run, "changed": false});
    let end = match ended {
        Ok(end) => end,
        Err(failure) => return report.failure(OP, &failure, object),
    };
    object["changed"] = (end != End::Nothing && !call.dry_run).into();
    object["restored"] = (end == End::Back && !call.dry_run).into();
    let mut words = format!("{}: {shown}", end.words(call.dry_run));
    if end == End::Nothing {
        words = format!("{}: no file of ours is there for {unit}", end.words(call.dry_run));
    }
    match proof {
        Some(Err(failure)) => return report.failure(OP, &failure, object),
        Some(Ok(proof)) => {
            object["proven"] = true.into();
            words += &format!("\nproven: {}", proof.words());
        }
        None if call.root.is_some() => {
            object["proven"] = false.into();
            object["code"] = CODE.into();
        }
        None => {}
    }
    object["op"] = OP.into();
    object["success"] = true.into();
    report.line(&object, &words)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::drop_in::DropIn;
    use crate::span::Span;

    fn units(place: &tempfile::TempDir) -> Units {
        let open = File::open(place.path()).expect("open").into();
        Units::of_image(open, place.path().into())
    }

    fn ours(kept: Option<&str>) -> String {
        let kept = kept.map(|text| Kept { text: text.to_owned(), mode: 0o600 });
        let restart_sec = Span::from_micros(10_000_000);
        DropIn { restart_sec, no_growth: false, before: Vec::new(), kept }.render()
    }

    #[test]
    fn only_a_file_of_ours_goes_and_what_it_was_written_over_comes_back() {
        let hand = "[Service]\nRestart=always";
        let foreign = "[Service]\nEnvironment=A=1\n";
        for (text, expected, left) in [
            (ours(None), Ok(End::Gone), None),
            (ours(Some(hand)), Ok(End::Back), Some(hand)),
            (hand.to_owned(), Ok(End::Nothing), Some(hand)),
            (foreign.to_owned(), Err("foreign-file"), Some(foreign)),
        ] {
            let place = tempfile::tempdir().expect("a folder");
            let (units, unit) = (units(&place), Unit::known()[0].clone());
            assert_eq!(end(&units, &unit, false, false), Ok(End::Nothing));
            let file = units.make(&unit).expect("made").file();
            fs::write(&file, &text).expect("written");
            let _ = end(&units, &unit, true, false);
            assert_eq!(fs::read_to_string(&file).expect("there"), text, "a dry run changes nothing");
            assert_eq!(end(&units, &unit, false, false).map_err(|failure| failure.code), expected);
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), left);
            assert_eq!(file.parent().expect("a folder").exists(), left.is_some());
        }
    }

    #[test]
    fn files_of_ours_are_found_for_any_unit() {
        let place = tempfile::tempdir().expect("a folder");
        let units = units(&place);
        for (name, text) in [("mine.service", ours(None)), ("nginx.service", "[Service]\n".to_owned())] {
            let folder = units.make(&name.parse().expect("a unit")).expect("made");
            fs::write(folder.file(), text).expect("written");
        }
        let found = concerned(&units, None).expect("looked");
        let found: Vec<&str> = found.iter().map(Unit::as_str).collect();
        assert_eq!(found, [Unit::SNAP, Unit::PACKAGE, "mine.service"]);
    }
}
