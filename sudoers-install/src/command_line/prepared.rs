//! Whether an account could put a link in the place of a file that a command names.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The first folder above the file, by its path or by where links lead, in which the account can make
/// names; what cannot be examined is left to those who made it.
///
/// An entry of acl(5) for the account shows only where its group is the folder's.
pub(super) fn writable_folder(file: &Path, uid: u32, groups: &[u32]) -> Option<PathBuf> {
    let folder = file.parent()?;
    let real = folder.canonicalize().ok();
    let folders = [Some(folder), real.as_deref()].into_iter().flatten().flat_map(Path::ancestors);
    let writable = |folder: &&Path| folder.metadata().is_ok_and(|found| may_write(&found, uid, groups));
    folders.filter(|folder| folder.is_absolute()).find(writable).map(Path::to_owned)
}

/// An owner may give itself what it lacks.
fn may_write(found: &Metadata, uid: u32, groups: &[u32]) -> bool {
    let group = groups.contains(&found.gid()) && found.mode() & 0o020 != 0;
    found.uid() == uid || group || found.mode() & 0o002 != 0
}
