//! The folder of the administrator's units, of this host or of an image.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::geteuid;

use super::{Contents, Folder, UNITS};
use crate::drop_in::Present;
use crate::unit::Unit;
use diagnostics::Failure;

/// Most names that the folder may hold.
const MAX_NAMES: usize = 10_000;

/// The folder, open.
#[derive(Debug)]
pub struct Units {
    open: OwnedFd,
    path: PathBuf,
    is_image: bool,
}

impl Units {
    /// That of an image, with the path to show for it.
    #[must_use]
    pub fn of_image(open: OwnedFd, path: PathBuf) -> Self {
        Self { open, path, is_image: true }
    }

    /// That of this host.
    ///
    /// # Errors
    /// `folder` when it cannot be opened.
    pub fn of_host() -> Result<Self, Failure> {
        let open = File::open(UNITS).map_err(|error| Failure::new("folder", format!("{UNITS}: {error}")))?;
        Ok(Self { open: open.into(), path: UNITS.into(), is_image: false })
    }

    /// The unit's folder of drop-ins; `None` when there is none.
    ///
    /// # Errors
    /// As [`Folder::find`].
    pub fn find(&self, unit: &Unit) -> Result<Option<Folder>, Failure> {
        Folder::find(&self.open, &self.path, unit)
    }

    /// The unit's folder of drop-ins, made if there is none.
    ///
    /// # Errors
    /// As [`Folder::make`].
    pub fn make(&self, unit: &Unit) -> Result<Folder, Failure> {
        Folder::make(&self.open, &self.path, unit)
    }

    /// The services that have a folder of drop-ins here, by name.
    ///
    /// # Errors
    /// `folder` when it cannot be read, or holds more than 10 000 names.
    pub fn with_drop_ins(&self) -> Result<Vec<Unit>, Failure> {
        let path = || diagnostics::one_line(&self.path.display().to_string());
        let refuse = |errno: Errno| Failure::new("folder", format!("{}: {errno}", path()));
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut dir = Dir::openat(&self.open, ".", flags, Mode::empty()).map_err(refuse)?;
        let mut units = Vec::new();
        for (count, entry) in dir.iter().enumerate() {
            let entry = entry.map_err(refuse)?;
            if count >= MAX_NAMES {
                let error = format!("{} holds more than {MAX_NAMES} names", path());
                return Err(Failure::new("folder", error));
            }
            let name = entry.file_name().to_str().ok().and_then(|name| name.strip_suffix(".d"));
            units.extend(name.and_then(|name| name.parse().ok()));
        }
        units.sort_unstable_by(|one: &Unit, other| one.as_str().cmp(other.as_str()));
        Ok(units)
    }

    /// What a file of one of its folders is. Who builds an image may be somebody else than root, and so have made its
    /// files.
    #[must_use]
    pub fn present(&self, file: Option<&Contents>) -> Present {
        let own = geteuid().as_raw();
        match file {
            Some(file) if self.is_image && file.owner == own => {
                Present::of_file(Some(&Contents { owner: 0, ..file.clone() }))
            }
            file => Present::of_file(file),
        }
    }

    /// It, open.
    #[must_use]
    pub fn open(&self) -> &OwnedFd {
        &self.open
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn services_with_drop_ins_are_listed() {
        let place = tempfile::tempdir().expect("a folder");
        for name in ["b.service.d", "a.service.d", "a.service", "a.timer.d", "-.service.d", "service.d"] {
            fs::create_dir(place.path().join(name)).expect("made");
        }
        let open = File::open(place.path()).expect("open").into();
        let units = Units::of_image(open, place.path().into()).with_drop_ins().expect("listed");
        assert_eq!(units.iter().map(Unit::as_str).collect::<Vec<_>>(), ["a.service", "b.service"]);
    }
}
