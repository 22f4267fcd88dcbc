//! The files of the watch in a folder of units, of this host or of an image: all of them as wanted, or as they were.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::readlinkat;
use nix::unistd::{UnlinkatFlags, fsync, geteuid, symlinkat, unlinkat};

use super::units::{SERVICE, TIMER, WANTED_BY, Watch};
use crate::transaction::{Contents, Entry, Folder, UNITS, Units};
use diagnostics::Failure;

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The service.
    pub service: Option<Contents>,
    /// The timer.
    pub timer: Option<Contents>,
    /// Whether the timer is started at boot.
    pub is_enabled: bool,
}

impl Found {
    /// What a watch has there.
    #[must_use]
    pub fn of(watch: &Watch) -> Self {
        let [service, timer] = [watch.service(), watch.timer()].map(|text| Some(Contents::public(text)));
        Self { service, timer, is_enabled: true }
    }

    /// Whether there is anything.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// The watch that is there; `None` when there is none, or not all of it.
    #[must_use]
    pub fn watch(&self) -> Option<Watch> {
        self.service.as_ref().and_then(|file| Watch::of_service(&file.bytes))
    }
}

/// The files of the watch in this folder.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a>(&'a Units);

impl<'a> Files<'a> {
    /// In this folder.
    #[must_use]
    pub fn new(units: &'a Units) -> Self {
        Self(units)
    }

    /// Where the service is, or would be.
    #[must_use]
    pub fn path(self) -> PathBuf {
        self.0.path().join(SERVICE)
    }

    fn entry(self, name: &'a str) -> Entry<'a> {
        Entry::new(self.0.open(), self.0.path(), name)
    }

    /// What is there, all of it ours.
    ///
    /// # Errors
    /// `foreign-file` when one is not as this program has written it; `folder` when it cannot be told.
    pub fn find(self) -> Result<Found, Failure> {
        let foreign = |name: &str| {
            let path = diagnostics::one_line(&self.0.path().join(name).display().to_string());
            let error =
                format!("{path} is left alone: ssm-keepalive has not written it so; move or remove it");
            Failure::new("foreign-file", error)
        };
        let [service, timer] = [self.read(SERVICE)?, self.read(TIMER)?];
        if service.as_ref().is_some_and(|file| Watch::of_service(&file.bytes).is_none()) {
            return Err(foreign(SERVICE));
        }
        if timer.as_ref().is_some_and(|file| !Watch::wrote_timer(&file.bytes)) {
            return Err(foreign(TIMER));
        }
        let Some(wants) = self.wants()? else { return Ok(Found { service, timer, is_enabled: false }) };
        match readlinkat(wants.open(), TIMER) {
            Ok(target) if Path::new(&target).file_name() == Some(TIMER.as_ref()) => {
                Ok(Found { service, timer, is_enabled: true })
            }
            Err(Errno::ENOENT) => Ok(Found { service, timer, is_enabled: false }),
            _ => Err(foreign(&format!("{WANTED_BY}/{TIMER}"))),
        }
    }

    fn read(self, name: &'a str) -> Result<Option<Contents>, Failure> {
        let file = self.entry(name).read()?;
        // Who builds an image may be somebody else than root, and so have made its files.
        let own = geteuid().as_raw();
        Ok(file.map(|file| if file.owner == own { Contents { owner: 0, ..file } } else { file }))
    }

    fn wants(self) -> Result<Option<Folder>, Failure> {
        Folder::find_named(self.0.open(), self.0.path(), WANTED_BY.to_owned())
    }

    /// Has them be so; what is so already is not written. The timer is enabled last, and disabled first.
    ///
    /// # Errors
    /// `folder` when a step fails.
    pub fn put(self, wanted: &Found) -> Result<(), Failure> {
        let found = self.find()?;
        if !wanted.is_enabled {
            self.disable()?;
        }
        for (name, has, wants) in
            [(SERVICE, &found.service, &wanted.service), (TIMER, &found.timer, &wanted.timer)]
        {
            self.entry(name).sweep()?;
            if has != wants {
                self.entry(name).set(wants.as_ref())?;
            }
        }
        if wanted.is_enabled && !found.is_enabled { self.enable() } else { Ok(()) }
    }

    fn enable(self) -> Result<(), Failure> {
        let wants = Folder::make_named(self.0.open(), self.0.path(), WANTED_BY.to_owned())?;
        let target = Path::new(UNITS).join(TIMER);
        symlinkat(&target, wants.open(), TIMER)
            .and_then(|()| fsync(wants.open()))
            .map_err(|e| failed(&wants, e))
    }

    fn disable(self) -> Result<(), Failure> {
        let Some(wants) = self.wants()? else { return Ok(()) };
        match unlinkat(wants.open(), TIMER, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => fsync(wants.open()).map_err(|errno| failed(&wants, errno))?,
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(failed(&wants, errno)),
        }
        wants.remove_if_empty().map(drop)
    }
}

fn failed(folder: &Folder, errno: Errno) -> Failure {
    let path = diagnostics::one_line(&folder.path().join(TIMER).display().to_string());
    Failure::new("folder", format!("{path}: {errno}"))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::unit::Unit;
    use crate::watch::program::Program;

    fn units(place: &tempfile::TempDir) -> Units {
        let open = File::open(place.path()).expect("open").into();
        Units::of_image(open, place.path().into())
    }

    fn watch(asleep_for: &str) -> Watch {
        let ([program, _], [_, unit]) = (Program::usual(), Unit::known());
        Watch { program, unit, asleep_for: asleep_for.parse().expect("a span") }
    }

    #[test]
    fn all_files_come_change_and_go() {
        let place = tempfile::tempdir().expect("a folder");
        let units = units(&place);
        let files = Files::new(&units);
        assert_eq!(files.find(), Ok(Found::default()));
        for asleep_for in ["10m", "2s"] {
            files.put(&Found::of(&watch(asleep_for))).expect("put");
            let found = files.find().expect("ours");
            assert_eq!((found.watch(), found.is_enabled), (Some(watch(asleep_for)), true));
            let link = fs::read_link(place.path().join(WANTED_BY).join(TIMER)).expect("a link");
            assert_eq!(link, Path::new(UNITS).join(TIMER));
        }
        files.put(&Found::default()).expect("gone");
        assert_eq!(fs::read_dir(place.path()).expect("read").count(), 0);
    }

    #[test]
    fn what_is_somebody_else_s_is_left_alone() {
        for name in [SERVICE.to_owned(), TIMER.to_owned(), format!("{WANTED_BY}/{TIMER}")] {
            for link in [None, Some("/dev/null")] {
                let place = tempfile::tempdir().expect("a folder");
                let units = units(&place);
                let path = place.path().join(&name);
                fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                match link {
                    Some(target) => symlink(target, &path).expect("a link"),
                    None => fs::write(&path, "[Unit]\n").expect("written"),
                }
                let files = Files::new(&units);
                for wanted in [Found::of(&watch("10m")), Found::default()] {
                    let put = files.put(&wanted).map_err(|failure| failure.code);
                    assert_eq!(put, Err("foreign-file"), "{name} {link:?}");
                }
                assert_eq!(fs::symlink_metadata(&path).expect("there").is_symlink(), link.is_some());
            }
        }
    }

    #[test]
    fn what_a_killed_run_has_left_is_completed_or_removed() {
        for missing in [SERVICE.to_owned(), TIMER.to_owned(), format!("{WANTED_BY}/{TIMER}")] {
            for wanted in [Found::of(&watch("10m")), Found::default()] {
                let place = tempfile::tempdir().expect("a folder");
                let units = units(&place);
                let files = Files::new(&units);
                files.put(&Found::of(&watch("2s"))).expect("put");
                fs::remove_file(place.path().join(&missing)).expect("removed");
                fs::write(place.path().join(format!(".{SERVICE}.7.tmp")), "").expect("written");
                files.put(&wanted).expect("put");
                assert_eq!(files.find(), Ok(wanted.clone()), "{missing}");
                let left = fs::read_dir(place.path()).expect("read").count();
                assert_eq!(left, if wanted.is_any() { 3 } else { 0 }, "{missing}");
            }
        }
    }
}
