//! Our file comes into effect, or everything is as it was.
//!
//! rename(2) is the whole change of the file, and no run that is killed leaves half of one. A file that is in place
//! and was not proven yet makes nothing worse: at most systemd has not read it.

mod entry;
mod folder;
mod units;

use std::path::{Path, PathBuf};

use supervise::HeldSignals;
use trusted_path::Lock;

use crate::drop_in::{NAME, Present};
use crate::unit::Unit;
use diagnostics::Failure;

pub use entry::{Contents, Entry, PERMISSIONS, PUBLIC};
pub use folder::Folder;
pub use units::Units;

/// Where the administrator's units and drop-ins are (systemd.unit(5)).
pub const UNITS: &str = "/etc/systemd/system";

/// The file whose lock is taken.
const LOCK: &str = "/run/ssm-keepalive.lock";

/// Has what would stop a change half-way wait until this is dropped.
///
/// # Errors
/// `signals` when it cannot.
pub fn held_signals() -> Result<HeldSignals, Failure> {
    HeldSignals::hold().map_err(|error| Failure::new("signals", format!("sigprocmask: {error}")))
}

/// Waits until no other run changes anything, for 30 s.
///
/// # Errors
/// `busy` when another run does not end; `lock` when the file is not root's alone.
pub fn lock() -> Result<Lock, Failure> {
    Lock::take(Path::new(LOCK)).map_err(|error| Failure::new(error.code(), error))
}

/// Where our file for a unit is, or would be.
#[must_use]
pub fn path_of(unit: &Unit) -> PathBuf {
    Path::new(UNITS).join(format!("{unit}.d")).join(NAME)
}

/// What is there for a unit under the name of our file.
///
/// # Errors
/// When it cannot be told.
pub fn look(unit: &Unit) -> Result<Present, Failure> {
    let units = Units::of_host()?;
    let folder = units.find(unit)?;
    folder.map_or(Ok(Present::Absent), |folder| Ok(units.present(folder.read()?.as_ref())))
}

/// The folder of a unit, made if there is none; nobody but root can write there.
///
/// # Errors
/// `folder` when somebody else can, or when it cannot be opened.
pub fn open(unit: &Unit) -> Result<Folder, Failure> {
    trust(Path::new(UNITS))?;
    let folder = Units::of_host()?.make(unit)?;
    trust(&Path::new(UNITS).join(format!("{unit}.d")))?;
    folder.sweep()?;
    Ok(folder)
}

/// Makes sure that nobody but root can change what is in the folder.
///
/// # Errors
/// `folder` when somebody else can.
pub fn trust(path: &Path) -> Result<(), Failure> {
    trusted_path::verify(path).map_err(|error| Failure::new("folder", error))
}

/// Has our file hold these bytes, has systemd read them, and makes sure that they count. Whether the file changed.
///
/// `reload` is called in any case: systemd may not have read a file that is in place, and does not tell so reliably.
///
/// # Errors
/// `signals`; what `reload` or `prove` failed with, the old bytes being back; `not-reverted` when they could not be.
pub fn install<Proof>(
    folder: &Folder,
    wanted: &[u8],
    reload: impl Fn() -> Result<(), Failure>,
    prove: impl Fn() -> Result<Proof, Failure>,
) -> Result<(bool, Proof), Failure> {
    // Nobody stops this half-way: a signal counts once the new file is proven or the old one is back.
    let _held = held_signals()?;
    let previous = folder.read()?;
    let changed = bytes(previous.as_ref()) != Some(wanted);
    let put = if changed { folder.set(Some(&Contents::public(wanted))) } else { Ok(()) };
    let failure = match put.and_then(|()| reload()).and_then(|()| prove()) {
        Ok(proof) => return Ok((changed, proof)),
        Err(failure) if !changed => return Err(failure),
        Err(failure) => failure,
    };
    let reverted = put_back(folder, previous.as_ref()).and_then(|()| reload());
    Err(match reverted {
        Ok(()) => Failure::new(failure.code, format!("{failure}; the state before is back")),
        Err(worse) => Failure::new(
            "not-reverted",
            format!("{failure}; and the state before could not be put back: {worse}"),
        ),
    })
}

fn bytes(contents: Option<&Contents>) -> Option<&[u8]> {
    contents.map(|contents| contents.bytes.as_slice())
}

/// Has the folder be as it was; what was not written has not to be taken back.
fn put_back(folder: &Folder, previous: Option<&Contents>) -> Result<(), Failure> {
    if folder.read()?.as_ref() != previous {
        folder.set(previous)?;
    }
    folder.remove_if_empty().map(drop)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs::File;

    use super::*;

    fn folder(place: &tempfile::TempDir) -> Folder {
        let open = File::open(place.path()).expect("open").into();
        Folder::make(&open, place.path(), &Unit::PACKAGE.parse().expect("a unit")).expect("made")
    }

    fn no<T>() -> Result<T, Failure> {
        Err(Failure::new("not-effective", "no"))
    }

    #[test]
    fn what_counts_stays_and_is_not_written_twice() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(&place);
        let reloads = Cell::new(0);
        let reload = || {
            reloads.set(reloads.get() + 1);
            Ok(())
        };
        assert_eq!(install(&folder, b"a", reload, || Ok(7)), Ok((true, 7)));
        assert_eq!(install(&folder, b"a", reload, || Ok(7)), Ok((false, 7)));
        assert_eq!(reloads.get(), 2);
        assert_eq!(folder.read().expect("read"), Some(Contents::public("a")));
    }

    #[test]
    fn what_does_not_count_is_taken_back_and_systemd_told_so() {
        for previous in [None, Some(Contents { mode: 0o600, ..Contents::public("old") })] {
            let place = tempfile::tempdir().expect("a folder");
            let folder = folder(&place);
            folder.set(previous.as_ref()).expect("set");
            let reloads = Cell::new(0);
            let reload = || {
                reloads.set(reloads.get() + 1);
                Ok(())
            };
            let failure = install(&folder, b"new", reload, no::<()>).expect_err("not proven");
            assert_eq!(
                (failure.code, failure.error.as_str()),
                ("not-effective", "no; the state before is back")
            );
            assert_eq!(folder.read().expect("read"), previous);
            assert_eq!(reloads.get(), 2);
            assert_eq!(folder.file().parent().is_some_and(Path::exists), previous.is_some());
        }
    }

    #[test]
    fn what_cannot_be_taken_back_is_said() {
        let place = tempfile::tempdir().expect("a folder");
        let failure = install(&folder(&place), b"new", no::<()>, || Ok(())).expect_err("no reload");
        assert_eq!(failure.code, "not-reverted");
    }

    #[test]
    fn what_could_not_be_written_has_not_to_be_taken_back() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(&place);
        folder.set(Some(&Contents::public("old"))).expect("set");
        let temporary = format!(".restart.conf.{}.tmp", std::process::id());
        std::fs::write(folder.file().with_file_name(temporary), "").expect("written");
        let failure = install(&folder, b"new", || Ok(()), || Ok(())).expect_err("in the way");
        assert_eq!(failure.code, "folder");
        assert!(failure.error.ends_with("; the state before is back"), "{failure}");
        assert_eq!(folder.read().expect("read"), Some(Contents::public("old")));
    }
}
