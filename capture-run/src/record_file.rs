//! STATUS and --result: small files that are read while they change, so they change whole.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, geteuid};
use trusted_path::{Named, PathError};

use crate::place::{Place, PlaceError};
use crate::sys;

/// What a new file is made with, before the umask: as a shell's redirection does.
const NEW_MODE: u32 = 0o666;

/// A file that holds one small record.
#[derive(Debug)]
pub struct RecordFile {
    file: File,
    path: PathBuf,
    replaced: Option<Replaced>,
}

/// A file that is replaced by a new one of the same mode and owner.
#[derive(Debug)]
struct Replaced {
    place: Named,
    mode: Mode,
    owner: (Uid, Gid),
}

impl RecordFile {
    /// Opens it, or makes it, which proves that it can be written; what it holds stays for now.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn open(path: &Path, no_follow: bool) -> Result<Self, PlaceError> {
        let call = |error| PlaceError::from(PathError::Call(path.to_owned(), error));
        match Place::find(path, no_follow)? {
            Place::Descriptor(fd) => {
                let file = sys::duplicate(fd).map_err(call)?;
                Ok(Self { file, path: path.to_owned(), replaced: None })
            }
            Place::Named(place) => {
                let (file, _) = place.open(OFlag::O_WRONLY, NEW_MODE)?;
                let replaced = Replaced::of(place, &file).map_err(call)?;
                Ok(Self { file, path: path.to_owned(), replaced })
            }
        }
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a stale record away.
    ///
    /// # Errors
    /// Those of ftruncate(2).
    pub fn empty(&self) -> io::Result<()> {
        if self.file.metadata()?.is_file() { self.file.set_len(0) } else { Ok(()) }
    }

    /// Writes the record: all of it appears, or nothing.
    ///
    /// # Errors
    /// When it can neither be replaced nor written in place.
    pub fn write(&self, record: &[u8]) -> io::Result<()> {
        match &self.replaced {
            Some(replaced) => replaced.write(record).or_else(|_| self.write_in_place(record)),
            None => self.write_in_place(record),
        }
    }

    /// One write for the whole record, over what may stand there.
    fn write_in_place(&self, record: &[u8]) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        if !metadata.is_file() {
            return (&self.file).write_all(record);
        }
        if metadata.len() > record.len() as u64 {
            self.file.set_len(0)?;
        }
        let written = self.file.write_at(record, 0)?;
        if written < record.len() {
            // Half a number is another number.
            self.file.set_len(0)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.sync_all()
    }
}

impl Replaced {
    /// `None` where a replacement could not have the same owner and mode, or would break a link.
    fn of(place: Named, file: &File) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        let own = geteuid().is_root() || metadata.uid() == geteuid().as_raw();
        if !kind.is_file() || kind.is_fifo() || metadata.nlink() != 1 || !own {
            return Ok(None);
        }
        let mode = Mode::from_bits_truncate(metadata.mode() & NEW_MODE);
        let owner = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
        Ok(Some(Self { place, mode, owner }))
    }

    fn write(&self, record: &[u8]) -> io::Result<()> {
        self.place.replace(record, self.mode, self.owner)
    }
}
