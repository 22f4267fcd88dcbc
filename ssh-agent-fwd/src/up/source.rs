//! The manifest's text: from standard input, or from a file that nobody but its owner can read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use diagnostics::{Failure, one_line};
use nix::fcntl::OFlag;
use trusted_path::{Sticky, walk};

use crate::manifest::Manifest;

/// The operand that stands for standard input.
const STDIN: &str = "-";
/// What others than its owner may do with a file.
const OTHERS: u32 = 0o077;

/// Whether the manifest comes from standard input.
#[must_use]
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// Reads the manifest. A file is root's, in folders of root's, when this process is.
///
/// # Errors
/// `manifest-unreadable`, `manifest-untrusted` for a file that others can read or change, `manifest-invalid`.
pub fn read(path: &Path) -> Result<Manifest, Failure> {
    if is_stdin(path) {
        return Manifest::read(&mut io::stdin().lock());
    }
    let mut file = if nix::unistd::geteuid().is_root() { open_roots(path)? } else { open_own(path)? };
    examine(&file, path)?;
    Manifest::read(&mut file)
}

fn open_roots(path: &Path) -> Result<File, Failure> {
    let refused = |error: trusted_path::PathError| {
        let help = "a manifest is a file of root's, in folders that nobody else can change; or say - and give it on \
                    standard input";
        Failure::new("manifest-untrusted", format!("{}; {help}", one_line(&error.to_string())))
    };
    walk(path, Sticky::Refused).and_then(|place| place.open_existing(OFlag::O_RDONLY)).map_err(refused)
}

fn open_own(path: &Path) -> Result<File, Failure> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    File::options().read(true).custom_flags(flags.bits()).open(path).map_err(|error| unreadable(path, &error))
}

/// It may hold keys.
fn examine(file: &File, path: &Path) -> Result<(), Failure> {
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    let is_own = metadata.is_file() && metadata.uid() == nix::unistd::geteuid().as_raw();
    if is_own && metadata.mode() & OTHERS == 0 {
        return Ok(());
    }
    let shown = one_line(&path.to_string_lossy());
    let why = "is no regular file of yours that nobody else can read: it may hold keys; chmod 600, or say -";
    Err(Failure::new("manifest-untrusted", format!("{shown} {why}")))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new("manifest-unreadable", format!("{}: {error}", one_line(&path.to_string_lossy())))
}
