//! `--root DIR`: the files of an image, and no systemd to ask.
//!
//! Links in an image lead below its folder, as they will when it runs (RESOLVE_IN_ROOT of openat2(2)).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use serde_json::json;

use crate::cli::InstallCall;
use crate::drop_in::{DropIn, NAME};
use crate::exit::Exit;
use crate::install::{OP, plan};
use crate::report::Report;
use crate::transaction::{Contents, Folder, Units};
use crate::unit::Unit;
use crate::watch::{Files, Found, Program, Watch};
use diagnostics::{Failure, with};

/// The stable word for what was written to an image and could not be proven.
pub const CODE: &str = "image";
/// Where the administrator's units are, below the root.
const UNITS: &str = "etc/systemd/system";
/// Where units are, below the root; the first that has one decides (systemd.unit(5)).
const PLACES: [&str; 3] = [UNITS, "usr/lib/systemd/system", "lib/systemd/system"];

/// An image.
#[derive(Debug)]
pub struct Image {
    root: OwnedFd,
    path: PathBuf,
}

/// How a unit is in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    There,
    Masked,
}

impl Image {
    /// Opens its folder.
    ///
    /// # Errors
    /// `root` when it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let shown = diagnostics::one_line(&path.display().to_string());
            Failure::new("root", format!("--root {shown}: {error}"))
        };
        let root = File::open(path).map_err(failed)?;
        if !root.metadata().map_err(failed)?.is_dir() {
            return Err(failed(Errno::ENOTDIR.into()));
        }
        Ok(Self { root: root.into(), path: path.to_owned() })
    }

    /// The folder of the administrator's units in it.
    ///
    /// # Errors
    /// `folder` when it is not there, or the kernel has no openat2(2) (before 5.6).
    pub fn units(&self) -> Result<Units, Failure> {
        let path = self.path.join(UNITS);
        let open = self.open_below(UNITS, OFlag::O_RDONLY | OFlag::O_DIRECTORY).map_err(|errno| {
            let shown = diagnostics::one_line(&path.display().to_string());
            Failure::new("folder", format!("{shown}: {errno}"))
        })?;
        Ok(Units::of_image(open, path))
    }

    /// The agent's unit in it.
    ///
    /// # Errors
    /// `no-agent`, `masked`, `two-units`.
    pub fn unit(&self, asked: Option<&Unit>) -> Result<Unit, Failure> {
        let units = asked.map_or_else(|| Unit::known().to_vec(), |unit| vec![unit.clone()]);
        let states: Vec<State> = units.iter().map(|unit| self.state(unit)).collect::<Result<_, _>>()?;
        let of = |state: State| units.iter().zip(&states).filter(move |found| *found.1 == state);
        let mut there = of(State::There).map(|(unit, _)| unit);
        match (there.next(), there.next(), of(State::Masked).next()) {
            (Some(unit), None, _) => Ok(unit.clone()),
            (Some(_), Some(_), _) => {
                let error =
                    "the image has the agent of the snap and that of the package: say which with --unit";
                Err(Failure::new("two-units", error))
            }
            (None, _, Some((unit, _))) => {
                let error = format!("{unit} is masked in the image and will not run: unmask it there first");
                Err(Failure::new("masked", error))
            }
            (None, ..) => {
                let names: Vec<&str> = units.iter().map(Unit::as_str).collect();
                let error =
                    format!("the image has no unit {}: install the agent in it first", names.join(" or "));
                Err(Failure::new("no-agent", error))
            }
        }
    }

    fn state(&self, unit: &Unit) -> Result<State, Failure> {
        for place in PLACES {
            let path = format!("{place}/{unit}");
            let open = match self.open_below(&path, OFlag::O_PATH | OFlag::O_NOFOLLOW) {
                Ok(open) => open,
                Err(Errno::ENOENT | Errno::ENOTDIR) => continue,
                Err(errno) => return Err(Failure::new("unit-file", format!("{path} of the image: {errno}"))),
            };
            // Of the descriptor itself, when it is one of a link (readlink(2)).
            let is_masked = readlinkat(&open, "").is_ok_and(|target| target == "/dev/null");
            return Ok(if is_masked { State::Masked } else { State::There });
        }
        Ok(State::Absent)
    }

    /// The watch that is asked for, of the program that the image has.
    fn watch(&self, unit: &Unit, call: &InstallCall) -> Result<Option<Watch>, Failure> {
        if !call.watch {
            return Ok(None);
        }
        let is_there = |program: &Program| {
            self.open_below(program.as_str().trim_start_matches('/'), OFlag::O_PATH).is_ok()
        };
        let program = Program::own().ok().into_iter().chain(Program::usual()).find(is_there);
        let program = program.ok_or_else(|| {
            let error = "the image has no ssm-keepalive that its watch could run: install it there first, to /usr/sbin";
            Failure::new("program", error)
        })?;
        Ok(Some(Watch { program, unit: unit.clone(), asleep_for: call.asleep_for }))
    }

    fn open_below(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        openat2(&self.root, path, OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve))
    }
}

/// Writes the drop-in to an image, and reports.
///
/// # Errors
/// When there is no agent in it, another file is in the way, or a step fails.
pub fn install(report: Report, call: &InstallCall, root: &Path) -> Result<Exit, Failure> {
    let image = Image::open(root)?;
    let unit = image.unit(call.unit.as_ref())?;
    let units = image.units()?;
    let there = units.find(&unit)?.map_or(Ok(None), |folder: Folder| folder.read())?;
    let file = units.path().join(format!("{unit}.d")).join(NAME);
    let wanted = DropIn::plain(call.restart_sec);
    let plan = plan::over(units.present(there.as_ref()), wanted, &file)?;
    let text = plan.drop_in.render();
    let changed = there.is_none_or(|file| file.bytes != text.as_bytes());
    if changed && !call.dry_run {
        let folder = units.make(&unit)?;
        folder.sweep()?;
        folder.set(Some(&Contents::public(text.as_str())))?;
    }
    let watch = image.watch(&unit, call)?;
    let watch_changed = match &watch {
        Some(watch) => put_watch(&units, watch, call.dry_run)?,
        None => false,
    };
    let object = json!({
        "op": OP,
        "success": true,
        "unit": unit.as_str(),
        "file": file,
        "restart_sec": call.restart_sec.to_string(),
        "adopted": plan.adopted,
        "proven": false,
        "code": CODE,
    });
    let shown = diagnostics::one_line(&file.display().to_string());
    if call.dry_run {
        let texts = watch.map(|watch| json!({"service": watch.service(), "timer": watch.timer()}));
        let more = json!({"dry_run": true, "change": plan.change, "text": text, "watch": texts});
        let words = format!("{shown} ({}, dry run)\n{}", plan.change, text.trim_end());
        return Ok(report.line(&with(object, more), &words));
    }
    let state = if changed { "installed" } else { "already so" };
    let mut words = format!("{state}: {shown}\nnot proven: nobody runs this image; 'verify' proves it there");
    if watch.is_some() {
        let state = if watch_changed { "installed" } else { "already so" };
        words += &format!("\n{state}: the watch, which begins with the image");
    }
    let more = json!({
        "changed": changed || watch_changed,
        "watch": watch.map(|watch| watch.asleep_for.to_string()),
    });
    Ok(report.line(&with(object, more), &words))
}

/// Writes the watch; whether anything had to be.
fn put_watch(units: &Units, watch: &Watch, is_dry: bool) -> Result<bool, Failure> {
    let files = Files::new(units);
    let wanted = Found::of(watch);
    let changed = files.find()? != wanted;
    if changed && !is_dry {
        files.put(&wanted)?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// An image with these files; `-> ` makes a link.
    fn image(files: &[(&str, &str)]) -> (tempfile::TempDir, Image) {
        let place = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            match text.strip_prefix("-> ") {
                Some(target) => symlink(target, &path).expect("linked"),
                None => fs::write(&path, text).expect("written"),
            }
        }
        let image = Image::open(place.path()).expect("open");
        (place, image)
    }

    #[test]
    fn the_agent_is_found_by_its_unit_file() {
        let (snap, package) = (format!("etc/systemd/system/{}", Unit::SNAP), Unit::PACKAGE);
        let [etc, usr, lib] = PLACES.map(|place| format!("{place}/{package}"));
        for (files, expected) in [
            (vec![], Err("no-agent")),
            (vec![(usr.as_str(), "")], Ok(package)),
            (vec![(lib.as_str(), "")], Ok(package)),
            (vec![(snap.as_str(), "")], Ok(Unit::SNAP)),
            (vec![(snap.as_str(), ""), (usr.as_str(), "")], Err("two-units")),
            (vec![(etc.as_str(), "-> /dev/null"), (usr.as_str(), "")], Err("masked")),
            (vec![(etc.as_str(), "-> /dev/null"), (snap.as_str(), "")], Ok(Unit::SNAP)),
        ] {
            let (_place, image) = image(&files);
            let found = image.unit(None);
            let found = found.as_ref().map(Unit::as_str).map_err(|failure| failure.code);
            assert_eq!(found, expected, "{files:?}");
        }
    }

    #[test]
    fn no_link_of_an_image_leads_out_of_it() {
        let outside = tempfile::tempdir().expect("a folder");
        let link = format!("-> {}", outside.path().display());
        let (_place, image) = image(&[("etc/systemd/system", &link)]);
        assert_eq!(image.units().map_err(|failure| failure.code).err(), Some("folder"));
    }
}
