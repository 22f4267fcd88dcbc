//! The walk from / to a file, in which every component is examined before it is used.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

use crate::error::PathError;
use crate::named::Named;

/// As many symbolic links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

const STICKY: u32 = 0o1000;
pub(crate) const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Whether a folder such as /tmp may be on the way: others can add names to it, but not take ours away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sticky {
    /// It may: for files that are examined themselves.
    Allowed,
    /// It may not.
    Refused,
}

const FOLDER: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// Finds the place that `path` names, examining each component before it is used. Symbolic links on the
/// way are followed when they are root's; the last component is not looked at.
///
/// # Errors
/// See [`PathError`].
pub fn walk(path: &Path, allowed: Sticky) -> Result<Named, PathError> {
    let call = |path: &Path| {
        let path = path.to_owned();
        move |errno: Errno| PathError::Call(path, errno.into())
    };
    let absolute = std::path::absolute(path).map_err(|error| PathError::Call(path.to_owned(), error))?;
    let mut names: VecDeque<OsString> = components(&absolute);
    let name =
        names.pop_back().filter(|name| name != "..").ok_or_else(|| PathError::NoName(path.to_owned()))?;
    let mut walked = PathBuf::from("/");
    let mut folder = openat(AT_FDCWD, "/", FOLDER, Mode::empty()).map_err(call(&walked))?;
    let mut sticky = examine_folder(&folder, &walked, allowed)?;
    let mut links = 0;
    while let Some(next) = names.pop_front() {
        let place = walked.join(&next);
        let entry = openat(&folder, next.as_os_str(), FOLDER_OR_LINK, Mode::empty()).map_err(call(&place))?;
        let stat = fstat(&entry).map_err(call(&place))?;
        if kind(&stat) == SFlag::S_IFLNK {
            links += 1;
            if stat.st_uid != 0 || links > MAX_LINKS {
                return Err(PathError::Untrusted(place, "is a symbolic link that is not root's"));
            }
            let target = PathBuf::from(readlinkat(&entry, "").map_err(call(&place))?);
            if target.is_absolute() {
                walked = PathBuf::from("/");
                folder = openat(AT_FDCWD, "/", FOLDER, Mode::empty()).map_err(call(&walked))?;
            }
            components(&target).into_iter().rev().for_each(|name| names.push_front(name));
            continue;
        }
        if kind(&stat) != SFlag::S_IFDIR {
            return Err(PathError::Call(place, Errno::ENOTDIR.into()));
        }
        sticky = examine_folder(&entry, &place, allowed)?;
        (folder, walked) = (entry, place);
    }
    Ok(Named { folder, name, path: path.to_owned(), sticky, no_follow: true, trusted: true })
}

const FOLDER_OR_LINK: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

fn components(path: &Path) -> VecDeque<OsString> {
    let named = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    };
    path.components().filter_map(named).collect()
}

/// Whether others may add names here; an error when they may also take ours away.
fn examine_folder(folder: &OwnedFd, path: &Path, allowed: Sticky) -> Result<bool, PathError> {
    let stat = fstat(folder).map_err(|errno| PathError::Call(path.to_owned(), errno.into()))?;
    let writable = stat.st_mode & WRITABLE_BY_OTHERS != 0;
    let sticky = stat.st_mode & STICKY != 0;
    match (stat.st_uid, writable, sticky) {
        (0, false, _) => Ok(false),
        (0, true, true) if allowed == Sticky::Allowed => Ok(true),
        (0, true, _) => Err(PathError::Untrusted(path.to_owned(), "can be written by others than root")),
        _ => Err(PathError::Untrusted(path.to_owned(), "does not belong to root")),
    }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_component_names_nothing_new() {
        assert_eq!(components(Path::new("/a/./b/../c")), ["a", "b", "..", "c"]);
    }
}
