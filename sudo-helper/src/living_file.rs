//! Files in root's folders that stand for a program that lives: they are locked as long as it does.
//!
//! A file gets its name only when it is locked and whole (open(2), O_TMPFILE). So one that has a name
//! and no lock is one whose program has ended, and no look at a folder needs a lock of the folder, in
//! which a program that is stopped could stop all others.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use crate::random_id::RequestId;
use crate::run_folder::RunFolder;

/// Most files that are looked at in one go; most of them belong to programs that live.
const MAX_LOOKED_AT: usize = 1024;

/// Makes a file that counts as long as the descriptor that is returned is open: here, or in a forked
/// child.
///
/// # Errors
/// Those of openat(2), write(2) and linkat(2), EEXIST for an id that is in use included.
pub(crate) fn make(folder: &RunFolder, id: RequestId, contents: &[u8]) -> io::Result<File> {
    let flags = OFlag::O_RDWR | OFlag::O_TMPFILE | OFlag::O_CLOEXEC;
    let mut file = File::from(openat(folder, ".", flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    file.try_lock_shared().map_err(io::Error::from)?;
    file.write_all(contents)?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(AT_FDCWD, unnamed.as_str(), folder, id.to_string().as_str(), AtFlags::AT_SYMLINK_FOLLOW)?;
    Ok(file)
}

/// Opens another program's file: it counts as long as one of the two lives.
///
/// # Errors
/// ENOENT when there is none, or its program has ended and somebody is at that.
pub(crate) fn join(folder: &RunFolder, id: RequestId) -> io::Result<File> {
    let file = open(folder, &id.to_string())?;
    let joined = file.try_lock_shared().is_ok() && has_name(&file)?;
    if joined { Ok(file) } else { Err(Errno::ENOENT.into()) }
}

/// At most `most` files whose programs have ended. Nobody else gets them while these are open.
///
/// # Errors
/// Those of reading the folder and of openat(2).
pub(crate) fn left_behind(folder: &RunFolder, most: usize) -> io::Result<Vec<(RequestId, File)>> {
    let mut left = Vec::new();
    let path = format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd());
    for entry in fs::read_dir(path)?.take(MAX_LOOKED_AT) {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| RequestId::parse(name).ok()) else { continue };
        let file = match open(folder, &id.to_string()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        // One without a name is that of somebody who has just finished with it.
        if file.try_lock().is_ok() && has_name(&file)? {
            left.push((id, file));
        }
        if left.len() == most {
            break;
        }
    }
    Ok(left)
}

/// What is in a file, up to `limit` bytes.
///
/// # Errors
/// Those of read(2).
pub(crate) fn contents(file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes the name away: whoever does that has what the file stood for.
///
/// # Errors
/// Those of unlinkat(2).
pub(crate) fn remove(folder: &RunFolder, id: RequestId) -> io::Result<()> {
    Ok(unlinkat(folder, id.to_string().as_str(), UnlinkatFlags::NoRemoveDir)?)
}

fn open(folder: &RunFolder, name: &str) -> io::Result<File> {
    let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(File::from(openat(folder, name, flags, Mode::empty())?))
}

fn has_name(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.nlink() > 0)
}
