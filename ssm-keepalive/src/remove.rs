//! `remove`: takes our files away, and no others; what was in their place comes back.

mod proof;
mod removal;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::RemoveCall;
use crate::drop_in::{NAME, Present};
use crate::exit::Exit;
use crate::image::{CODE, Image};
use crate::report::{self, Report};
use crate::transaction::{Units, held_signals, lock};
use crate::unit::Unit;
use crate::watch::{self, Removed, TIMER, Watch};
use diagnostics::Failure;
use proof::Proof;
use removal::{End, Removal};

/// The operation's name in JSON.
const OP: &str = "remove";

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
    let concerned = concerned(&units, call.unit.as_ref())?;
    // First, so that nobody restarts what is being changed.
    let is_meant = |watched: &Watch| call.unit.as_ref().is_none_or(|unit| *unit == watched.unit);
    let watch = watch::remove(&units, is_meant, call.dry_run, acts);
    let removals: Vec<Removal> =
        concerned.into_iter().map(|unit| Removal::make(&units, unit, call.dry_run, acts)).collect();
    let proofs: Vec<_> =
        if acts { removal::prove(&units, &removals) } else { removals.iter().map(|_| None).collect() };
    let watch = match watch {
        Ok(Some(_)) if acts => watch::prove_removed().and(watch),
        watch => watch,
    };
    drop(lock);
    let mut is_quiet = watch == Ok(None);
    let mut exit = tell_watch(report, call, watch);
    for (Removal { unit, end: ended, .. }, proof) in removals.into_iter().zip(proofs) {
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
        matches!(units.present(file.as_ref()), Present::Ours(_))
    };
    let mut others = units.with_drop_ins()?;
    others.retain(|unit| !known.contains(unit) && is_ours(unit));
    Ok(known.into_iter().chain(others).collect())
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
        Some(Err(failure)) => {
            // Our file is back, or nobody can tell what is there.
            object["changed"] = (failure.code == "not-reverted").into();
            object["restored"] = false.into();
            return report.failure(OP, &failure, object);
        }
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
    use crate::drop_in::{DropIn, Kept};
    use crate::span::Span;

    fn units(place: &tempfile::TempDir) -> Units {
        let open = File::open(place.path()).expect("open").into();
        Units::of_image(open, place.path().into())
    }

    fn ours(kept: Option<&str>) -> String {
        let kept = kept.map(|text| Kept { text: text.to_owned(), mode: 0o600 });
        let restart_sec = Span::from_micros(10_000_000);
        DropIn { kept, ..DropIn::plain(restart_sec) }.render()
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
