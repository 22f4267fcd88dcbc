//! The files that sudo(8) reads, and in which order.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::parser::parse;
use super::{Include, Kind, Place, Sudoers};

/// Longest file in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most files, over all.
const MAX_FILES: usize = 1024;
/// Most names in a folder.
const MAX_NAMES: usize = 4096;
/// Files that include files, as sudo(8) counts them (MAX_SUDOERS_DEPTH).
const MAX_DEPTH: usize = 128;

/// Whose files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Only what sudo(8) would read: root's, that nobody else can write.
    Root,
    /// Anybody's.
    Anybody,
}

/// The reading of a file and of what it includes.
pub(super) struct Reading {
    pub(super) found: Sudoers,
    owner: Owner,
    host: String,
    files: usize,
}

impl Reading {
    pub(super) fn new(owner: Owner) -> Self {
        let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        let mut host = host.unwrap_or_default();
        host.truncate(host.find('.').unwrap_or(host.len()));
        Self { found: Sudoers::default(), owner, host, files: 0 }
    }

    /// Reads a file and all that it includes, at the places where it does.
    pub(super) fn file(&mut self, path: &Path, depth: usize) -> Result<(), String> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(format!("more than {MAX_FILES} files; it is not read"));
        }
        let text = self.text(path)?;
        let parsed = parse(&text, path);
        self.found.faults.extend(parsed.faults);
        for mut entry in parsed.entries {
            if let Kind::Include(include) = &mut entry.kind {
                let resolved = self.resolve(&include.path, path);
                include.path = resolved.to_string_lossy().into_owned();
                let (include, place) = (include.clone(), entry.place.clone());
                self.found.entries.push(entry);
                self.include(&include, &resolved, place, depth + 1);
            } else {
                self.found.entries.push(entry);
            }
        }
        Ok(())
    }

    /// `%h` is the host's short name; a relative path starts where the file is that has it.
    fn resolve(&self, path: &str, file: &Path) -> PathBuf {
        file.parent().unwrap_or(Path::new("/")).join(path.replace("%h", &self.host))
    }

    fn include(&mut self, include: &Include, path: &Path, place: Place, depth: usize) {
        let read = if depth > MAX_DEPTH {
            Err(format!("more than {MAX_DEPTH} files that include each other"))
        } else if include.folder {
            self.folder(path, depth)
        } else {
            self.file(path, depth)
        };
        if let Err(why) = read {
            self.found.faults.push((place, format!("{}: {why}", path.display().to_string().escape_debug())));
        }
    }

    /// Reads the files of a folder in the order of the bytes of their names.
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), String> {
        let Ok(status) = fs::metadata(folder) else { return Ok(()) };
        self.require_owner(&status)?;
        let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
        let mut names: Vec<_> =
            entries.flatten().map(|entry| entry.file_name()).take(MAX_NAMES + 1).collect();
        if names.len() > MAX_NAMES {
            return Err(format!("more than {MAX_NAMES} files in the folder; none is read"));
        }
        names.sort_unstable_by(|left, right| left.as_bytes().cmp(right.as_bytes()));
        for name in names {
            let path = folder.join(&name);
            if name.as_bytes().contains(&b'.') || name.as_bytes().ends_with(b"~") {
                self.found.ignored.push(path);
            } else if fs::metadata(&path).is_ok_and(|status| status.is_file())
                && let Err(why) = self.file(&path, depth)
            {
                self.found.faults.push((Place { file: path, line: 1 }, why));
            }
        }
        Ok(())
    }

    fn text(&self, path: &Path) -> Result<String, String> {
        let say = |error: std::io::Error| error.to_string();
        // A FIFO must not hold the reader up.
        let flags = OFlag::O_NONBLOCK.bits();
        let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(say)?;
        let status = file.metadata().map_err(say)?;
        if !status.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        self.require_owner(&status)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(say)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE) {
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        } else {
            Err(format!("it is longer than {MAX_FILE} bytes"))
        }
    }

    /// What sudo(8) asks of a file or folder before it reads it (sudoers(5), "SUDOERS FILE").
    fn require_owner(&self, status: &Metadata) -> Result<(), String> {
        let writable = status.mode() & 0o002 != 0 || (status.mode() & 0o020 != 0 && status.gid() != 0);
        if self.owner == Owner::Anybody || (status.uid() == 0 && !writable) {
            return Ok(());
        }
        Err("sudo does not read it: it is not root's, or others can write it; chown root:root and chmod 0440 make it right"
            .to_owned())
    }
}
