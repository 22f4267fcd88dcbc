//! The places that a private key is read from, each with what has to be true of it.

use std::env;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diagnostics::{Failure, one_line};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::poll::PollFlags;
use nix::sys::stat::Mode;
use nix::unistd::geteuid;
use trusted_path::{PathError, Sticky, walk};
use zeroize::Zeroizing;

use super::room;
use crate::deadline::is_ready;
use crate::erase::KeyFile;
use crate::manifest::MAX_KEY;
use crate::name::CredentialName;

/// Where systemd puts the credentials of a service (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// What others than root may do with the file of a key.
const OTHERS: u32 = 0o077;
/// What others than its owner and root may not do with a credential. Its group may read: where a service is not root's,
/// an access list lets its user in, which shows as the group's permission (acl(5)).
const CREDENTIAL_OTHERS: u32 = 0o027;
/// What others may not do with the folder of the credentials.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// How long the writer of a pipe is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file that is root's alone, in folders that nobody else can change.
pub(super) fn path(path: &Path, from: &str) -> Result<(Zeroizing<Vec<u8>>, KeyFile), Failure> {
    let refused = |error: PathError| match error {
        PathError::Call(_, error) => unreadable(from, &error),
        error => {
            let error = one_line(&error.to_string());
            untrusted(
                from,
                &format!("{error}; it has to be root's alone, in folders that only root can change"),
            )
        }
    };
    let place = walk(path, Sticky::Refused).map_err(refused)?;
    let mut file = place.open_existing(OFlag::O_RDONLY).map_err(refused)?;
    let metadata = file.metadata().map_err(|error| unreadable(from, &error))?;
    if let Some(why) = fault(&metadata) {
        return Err(untrusted(from, why));
    }
    let text = read(&mut file, from)?;
    Ok((text, KeyFile::of(place, file, &metadata)))
}

/// What is wrong with such a file, besides its owner, who was examined when it was opened.
fn fault(metadata: &Metadata) -> Option<&'static str> {
    if !metadata.is_file() {
        return Some("it is not a regular file");
    }
    if metadata.mode() & OTHERS != 0 {
        return Some("others than root may read or write it (chmod 600), and may have: a new key is safer");
    }
    (metadata.nlink() != 1)
        .then_some("it has another name, by which others may find it: remove that link first")
}

/// What a descriptor that the caller handed down has to say, to its end.
pub(super) fn descriptor(number: RawFd, from: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let handed = supervise::handed_down(number).map_err(|error| unreadable(from, &error))?;
    let text = read(&mut Patient { file: File::from(handed), until: Instant::now() + PATIENCE }, from)?;
    if text.is_empty() {
        let why = "nothing is in it: a descriptor can be read once, for one entry";
        return Err(Failure::new("key-invalid", format!("{from}: {why}")));
    }
    Ok(text)
}

/// A file in the folder of systemd's credentials.
pub(super) fn credential(name: &CredentialName, from: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let folder = env::var_os(CREDENTIALS).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = folder.ok_or_else(|| {
        let why = format!("{CREDENTIALS} names no folder: it is there in a service with LoadCredential=");
        Failure::new("key-unreadable", format!("{from}: {why}"))
    })?;
    credential_in(&folder, name, from)
}

pub(super) fn credential_in(
    folder: &Path,
    name: &CredentialName,
    from: &str,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let call = |errno: Errno| match errno {
        Errno::ELOOP => untrusted(from, "it is a symbolic link, which is not followed here"),
        errno => unreadable(from, &errno.into()),
    };
    let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let place =
        openat(AT_FDCWD, folder, flags | OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty()).map_err(call)?;
    let place = File::from(place);
    let of_folder = place.metadata().map_err(|error| unreadable(from, &error))?;
    let folder = one_line(&String::from_utf8_lossy(folder.as_os_str().as_bytes()));
    if !is_ours(&of_folder) || of_folder.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(untrusted(from, &format!("others can change the folder {folder}")));
    }
    let flags = flags | OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = File::from(openat(&place, name.as_str(), flags, Mode::empty()).map_err(call)?);
    let metadata = file.metadata().map_err(|error| unreadable(from, &error))?;
    if !metadata.is_file() || !is_ours(&metadata) || metadata.mode() & CREDENTIAL_OTHERS != 0 {
        return Err(untrusted(
            from,
            &format!("in {folder} it is no file that only its owner can read and change"),
        ));
    }
    read(&mut file, from)
}

/// Root's, or that of the user who runs this.
fn is_ours(metadata: &Metadata) -> bool {
    metadata.uid() == 0 || metadata.uid() == geteuid().as_raw()
}

/// To the end, in memory that is overwritten, in one piece.
fn read(file: &mut impl Read, from: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = room();
    text.resize(MAX_KEY + 1, 0);
    let mut length = 0;
    while length < text.len() {
        match file.read(&mut text[length..]) {
            Ok(0) => {
                text.truncate(length);
                return Ok(text);
            }
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(from, &error)),
        }
    }
    Err(Failure::new(
        "key-invalid",
        format!("{from}: it is longer than {MAX_KEY} bytes, which no private key is"),
    ))
}

/// A pipe is waited for, but not for ever.
struct Patient {
    file: File,
    until: Instant,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if is_ready(&self.file, PollFlags::POLLIN, self.until)? {
            self.file.read(buffer)
        } else {
            Err(io::Error::new(io::ErrorKind::TimedOut, "its writer does not come to an end"))
        }
    }
}

fn unreadable(from: &str, error: &io::Error) -> Failure {
    Failure::new("key-unreadable", format!("{from}: it cannot be read: {error}"))
}

fn untrusted(from: &str, why: &str) -> Failure {
    Failure::new("key-untrusted", format!("{from}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_does_not_come_to_an_end_is_not_waited_for_without_end() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let file = File::from(std::os::fd::OwnedFd::from(reader));
        let failure = read(&mut Patient { file, until: Instant::now() }, "the key").expect_err("late");
        assert_eq!(failure.error, "the key: it cannot be read: its writer does not come to an end");
    }
}
