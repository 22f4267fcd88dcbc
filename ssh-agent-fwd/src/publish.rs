//! A socket that appears under its name whole: with its owner and its mode, and listening.
//!
//! It is bound under another name in the same folder and renamed. Whoever connects finds nothing, the stale socket of
//! before, or the new one; never one that others may open for a moment. Nobody but root can change the folder or one on
//! the way to it, so that what has the name in it is root's.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, fstatat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, unlinkat};
use trusted_path::{Lock, Named, Sticky, walk};

use diagnostics::Failure;

/// How many clients may wait to be accepted; more wait in connect(2).
const BACKLOG: i32 = 128;

/// Whose the socket is, and who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Its owner.
    pub owner: u32,
    /// Its group.
    pub group: u32,
    /// Its permissions.
    pub mode: u32,
}

/// A socket under its name. Dropped, it is withdrawn.
#[derive(Debug)]
pub struct Published {
    place: Named,
    lock: PathBuf,
    device: u64,
    inode: u64,
}

impl Published {
    /// Makes a socket that listens at `path`. A stale one in its place is replaced, one that is served is respected.
    ///
    /// # Errors
    /// `listen-untrusted` for a folder that others can change, `listen-in-use` for a socket that is served,
    /// `listen-occupied` for anything else that has the name, `listen-failed` when a step fails.
    pub fn publish(path: &Path, access: Access) -> Result<(UnixListener, Self), Failure> {
        let shown = diagnostics::one_line(&path.display().to_string());
        let place = walk(path, Sticky::Refused).map_err(|error| {
            let error = diagnostics::one_line(&error.to_string());
            Failure::new("listen-untrusted", format!("{error}; put the socket in a folder of root's alone"))
        })?;
        let lock = lock_of(&place);
        let _turn = Lock::take(&lock)
            .map_err(|error| Failure::new("listen-in-use", diagnostics::one_line(&error.to_string())))?;
        examine(&place, &shown)?;
        let aside = OsString::from(format!(".ssh-agent-fwd.{}", std::process::id()));
        let made = make(&place, &aside, access);
        if made.is_err() {
            let _ = unlinkat(&place.folder, aside.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
        let (listener, stat) =
            made.map_err(|error| Failure::new("listen-failed", format!("{shown}: {error}")))?;
        Ok((listener, Self { place, lock, device: stat.st_dev, inode: stat.st_ino }))
    }

    /// Takes the name away, unless it is another socket's by now.
    fn withdraw(&self) {
        // Without its turn it may take away the socket that another instance is just putting there.
        let Ok(_turn) = Lock::take(&self.lock) else { return };
        let is_ours = |stat: FileStat| stat.st_dev == self.device && stat.st_ino == self.inode;
        if stat(&self.place).is_ok_and(is_ours) {
            let _ = unlinkat(&self.place.folder, self.place.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// One instance at a time looks at the name and takes it. The file stays: see [`Lock::take`].
fn lock_of(place: &Named) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(&place.name);
    name.push(".lock");
    place.path.with_file_name(name)
}

/// What has the name now: nothing, or a socket that nobody serves.
fn examine(place: &Named, shown: &str) -> Result<(), Failure> {
    match stat(place) {
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(Failure::new("listen-failed", format!("{shown}: {errno}"))),
        Ok(stat) if !is_socket(&stat) => {
            let error =
                format!("{shown} is there and no socket: it is not replaced; remove it or listen elsewhere");
            Err(Failure::new("listen-occupied", error))
        }
        Ok(_) => match probe(place) {
            Err(Errno::ECONNREFUSED) => Ok(()),
            // What is not clear is taken for served.
            Ok(()) | Err(_) => {
                let error = format!("{shown} is served by another process: end that one or listen elsewhere");
                Err(Failure::new("listen-in-use", error))
            }
        },
    }
}

/// Whether somebody listens there; a connection that is accepted is closed at once.
fn probe(place: &Named) -> nix::Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(socket.as_raw_fd(), &address(place, &place.name)?)
}

/// The name, through the folder that is held open: neither is it looked up again, nor need its path be short.
fn address(place: &Named, name: &OsString) -> nix::Result<UnixAddr> {
    let folder = format!("/proc/self/fd/{}", place.folder.as_raw_fd());
    UnixAddr::new(&Path::new(&folder).join(name))
}

fn make(place: &Named, aside: &OsString, access: Access) -> io::Result<(UnixListener, FileStat)> {
    let name = aside.as_os_str();
    // Left by a process of the same number that was killed: the turn is ours.
    match unlinkat(&place.folder, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &address(place, aside)?)?;
    // Until listen(2) every connection is refused. chown(2) may change what the mode means: owner first.
    let (owner, group) = (Uid::from_raw(access.owner), Gid::from_raw(access.group));
    fchownat(&place.folder, name, Some(owner), Some(group), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_bits_truncate(access.mode);
    fchmodat(&place.folder, name, mode, FchmodatFlags::FollowSymlink)?;
    listen(&socket, Backlog::new(BACKLOG)?)?;
    let stat = fstatat(&place.folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    renameat(&place.folder, name, &place.folder, place.name.as_os_str())?;
    Ok((UnixListener::from(socket), stat))
}

fn stat(place: &Named) -> nix::Result<FileStat> {
    fstatat(place.folder.as_fd(), place.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn is_socket(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFSOCK.bits()
}

#[cfg(test)]
mod tests;
