//! Our file of one unit, taken away and proven to be, or put back.

use super::proof::{self, Proof};
use crate::drop_in::{Kept, Present};
use crate::install::plan::foreign;
use crate::systemctl;
use crate::transaction::{Contents, Folder, Units, trust};
use crate::unit::Unit;
use diagnostics::Failure;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There was none of ours.
    Nothing,
    /// It is gone.
    Gone,
    /// What it was written over is back.
    Back,
}

impl End {
    pub(super) fn words(self, is_dry: bool) -> &'static str {
        match (self, is_dry) {
            (Self::Nothing, _) => "already so",
            (Self::Gone, false) => "removed",
            (Self::Gone, true) => "would be removed",
            (Self::Back, false) => "removed, and the file written by hand is back",
            (Self::Back, true) => "would be removed, and the file written by hand would be back",
        }
    }
}

/// What was done for one unit.
#[derive(Debug)]
pub(super) struct Removal {
    /// Which.
    pub(super) unit: Unit,
    /// Our file, as it was.
    before: Option<Contents>,
    /// What became of it.
    pub(super) end: Result<End, Failure>,
}

impl Removal {
    /// Ends our file, unless this is to be shown only.
    pub(super) fn make(units: &Units, unit: Unit, is_dry: bool, is_host: bool) -> Self {
        match end(units, &unit, is_dry, is_host) {
            Ok((end, before)) => Self { unit, before, end: Ok(end) },
            Err(failure) => Self { unit, before: None, end: Err(failure) },
        }
    }

    /// Puts our file back, and says so with the reason.
    fn take_back(&self, units: &Units, failure: &Failure) -> Failure {
        let put = units.make(&self.unit).and_then(|folder| folder.set(self.before.as_ref()));
        match put.and_then(|()| systemctl::daemon_reload()) {
            Ok(()) => Failure::new(failure.code, format!("{failure}; the file of ssm-keepalive is back")),
            Err(worse) => Failure::new(
                "not-reverted",
                format!("{failure}; and the file of ssm-keepalive could not be put back: {worse}"),
            ),
        }
    }
}

fn end(units: &Units, unit: &Unit, is_dry: bool, is_host: bool) -> Result<(End, Option<Contents>), Failure> {
    let Some(folder) = units.find(unit)? else { return Ok((End::Nothing, None)) };
    let before = folder.read()?;
    let kept = match units.present(before.as_ref()) {
        Present::Ours(drop_in) => drop_in.kept,
        Present::Absent | Present::HandMade(_) => return Ok((End::Nothing, None)),
        Present::Foreign { line, why } => return Err(foreign(&folder.file(), line, why)),
    };
    let end = if kept.is_some() { End::Back } else { End::Gone };
    if is_dry {
        return Ok((end, before));
    }
    if is_host {
        trust(units.path())?;
        trust(&units.path().join(format!("{unit}.d")))?;
    }
    put_back(&folder, kept.as_ref())?;
    Ok((end, before))
}

fn put_back(folder: &Folder, kept: Option<&Kept>) -> Result<(), Failure> {
    folder.sweep()?;
    folder.set(kept.map(Kept::contents).as_ref())?;
    folder.remove_if_empty().map(drop)
}

/// Has systemd read its files, in any case: an earlier run may have been killed before it did. Then asks it about each;
/// where it does not do what the other files say, ours is put back.
pub(super) fn prove(units: &Units, removals: &[Removal]) -> Vec<Option<Result<Proof, Failure>>> {
    let reloaded = systemctl::daemon_reload();
    let proven = |removal: &Removal| {
        if !matches!(removal.end, Ok(End::Gone | End::Back)) {
            return None;
        }
        let proven = reloaded.clone().and_then(|()| proof::prove(&removal.unit));
        Some(proven.map_err(|failure| removal.take_back(units, &failure)))
    };
    removals.iter().map(proven).collect()
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

    fn ended(units: &Units, unit: &Unit) -> Result<End, &'static str> {
        end(units, unit, false, false).map(|(end, _)| end).map_err(|failure| failure.code)
    }

    fn ours(kept: Option<&str>) -> String {
        let kept = kept.map(|text| Kept { text: text.to_owned(), mode: 0o600 });
        let restart_sec = Span::from_micros(10_000_000);
        DropIn { kept, ..DropIn::plain(restart_sec) }.render()
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
            assert_eq!(ended(&units, &unit), Ok(End::Nothing));
            let file = units.make(&unit).expect("made").file();
            fs::write(&file, &text).expect("written");
            let _ = end(&units, &unit, true, false);
            assert_eq!(fs::read_to_string(&file).expect("there"), text, "a dry run changes nothing");
            assert_eq!(ended(&units, &unit), expected);
            assert_eq!(fs::read_to_string(&file).ok().as_deref(), left);
            assert_eq!(file.parent().expect("a folder").exists(), left.is_some());
        }
    }
}
