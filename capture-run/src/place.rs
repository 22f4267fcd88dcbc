//! Where a file of ours is: a folder that is held open, and a name in it.
//!
//! As root every component of the path is opened and examined on the way, so that nobody else can
//! have put another file in its place (path_resolution(7), open(2) O_NOFOLLOW).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};

/// As many symbolic links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why a path is refused.
#[derive(Debug)]
pub enum PlaceError {
    /// A system call failed on this path.
    Call(PathBuf, io::Error),
    /// Another user than root may change this component.
    Untrusted(PathBuf, &'static str),
    /// It names no file: a folder, or nothing.
    NoName(PathBuf),
    /// A FIFO without a reader: to wait for one would hold the command up.
    NoReader(PathBuf),
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Untrusted(path, why) => {
                write!(f, "{} {why}; root writes its records only where nobody else can", path.display())
            }
            Self::NoName(path) => write!(f, "{} does not name a file", path.display()),
            Self::NoReader(path) => {
                write!(f, "{} is a FIFO that nobody reads; start its reader first", path.display())
            }
        }
    }
}

impl std::error::Error for PlaceError {}

/// A place for a file.
#[derive(Debug)]
pub enum Place {
    /// A descriptor that the caller gave us, named as /dev/fd/N.
    Descriptor(RawFd),
    /// A name in a folder.
    Named(Named),
}

/// A name in a folder that is held open.
#[derive(Debug)]
pub struct Named {
    /// The folder.
    pub folder: OwnedFd,
    /// The last component.
    pub name: OsString,
    /// The whole path, for messages.
    pub path: PathBuf,
    /// Whether other users may add names to the folder, but not take away ours.
    pub sticky: bool,
    /// Whether the path was examined, and its last component must be no link either.
    pub trusted: bool,
}

impl Place {
    /// Finds the place that `path` names. As root nobody else may be able to change it. Otherwise
    /// symbolic links are followed unless `no_follow`.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn find(path: &Path, no_follow: bool) -> Result<Self, PlaceError> {
        if let Some(fd) = descriptor(path) {
            return Ok(Self::Descriptor(fd));
        }
        if nix::unistd::geteuid().is_root() {
            return trusted(path).map(Self::Named);
        }
        let real = if no_follow { path.to_owned() } else { followed(path) };
        let name = real.file_name().ok_or_else(|| PlaceError::NoName(path.to_owned()))?.to_owned();
        let parent = real.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = openat(AT_FDCWD, parent, FOLDER, Mode::empty())
            .map_err(|errno| PlaceError::Call(parent.to_owned(), errno.into()))?;
        let sticky = fstat(&folder).is_ok_and(|stat| stat.st_mode & STICKY != 0);
        Ok(Self::Named(Named { folder, name, path: path.to_owned(), sticky, trusted: no_follow }))
    }
}

/// Where symbolic links lead, also to a file that is yet to be made, as a shell's redirection would.
fn followed(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    for _ in 0..MAX_LINKS {
        match (std::fs::canonicalize(&place), std::fs::read_link(&place)) {
            (Ok(real), _) => return real,
            (Err(_), Ok(target)) => place = place.parent().unwrap_or(Path::new("")).join(target),
            (Err(_), Err(_)) => break,
        }
    }
    place
}

const FOLDER: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// `/dev/fd/N` and its like are the descriptor itself: opening them again would need rights to the
/// file behind it, and is impossible for a socket.
fn descriptor(path: &Path) -> Option<RawFd> {
    let text = path.to_str()?;
    match text {
        "/dev/stdout" => Some(1),
        "/dev/stderr" => Some(2),
        _ => {
            let number = text.strip_prefix("/dev/fd/").or_else(|| text.strip_prefix("/proc/self/fd/"))?;
            number.parse().ok().filter(|fd| *fd >= 0)
        }
    }
}

/// Walks the path from / as root, examining each component before it is used.
fn trusted(path: &Path) -> Result<Named, PlaceError> {
    let call = |path: &Path| {
        let path = path.to_owned();
        move |errno: Errno| PlaceError::Call(path, errno.into())
    };
    let absolute = std::path::absolute(path).map_err(|error| PlaceError::Call(path.to_owned(), error))?;
    let mut names: VecDeque<OsString> = components(&absolute);
    let name =
        names.pop_back().filter(|name| name != "..").ok_or_else(|| PlaceError::NoName(path.to_owned()))?;
    let mut walked = PathBuf::from("/");
    let mut folder = openat(AT_FDCWD, "/", FOLDER, Mode::empty()).map_err(call(&walked))?;
    let mut sticky = examine_folder(&folder, &walked)?;
    let mut links = 0;
    while let Some(next) = names.pop_front() {
        let place = walked.join(&next);
        let entry = openat(&folder, next.as_os_str(), FOLDER_OR_LINK, Mode::empty()).map_err(call(&place))?;
        let stat = fstat(&entry).map_err(call(&place))?;
        if kind(&stat) == SFlag::S_IFLNK {
            links += 1;
            if stat.st_uid != 0 || links > MAX_LINKS {
                return Err(PlaceError::Untrusted(place, "is a symbolic link that is not root's"));
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
            return Err(PlaceError::Call(place, Errno::ENOTDIR.into()));
        }
        sticky = examine_folder(&entry, &place)?;
        (folder, walked) = (entry, place);
    }
    Ok(Named { folder, name, path: path.to_owned(), sticky, trusted: true })
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
fn examine_folder(folder: &OwnedFd, path: &Path) -> Result<bool, PlaceError> {
    let stat = fstat(folder).map_err(|errno| PlaceError::Call(path.to_owned(), errno.into()))?;
    let writable = stat.st_mode & WRITABLE_BY_OTHERS != 0;
    let sticky = stat.st_mode & STICKY != 0;
    match (stat.st_uid, writable, sticky) {
        (0, false, _) => Ok(false),
        (0, true, true) => Ok(true),
        (0, true, false) => Err(PlaceError::Untrusted(path.to_owned(), "can be written by others than root")),
        _ => Err(PlaceError::Untrusted(path.to_owned(), "does not belong to root")),
    }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

impl Named {
    /// Opens the file, or makes it with `mode` (less the umask) when it is not there. An existing
    /// file is never opened with O_CREAT: in a sticky folder that fails for another's file
    /// (fs.protected_regular). Returns whether it was made.
    ///
    /// # Errors
    /// Those of openat(2), and when the file is not root's although it must be.
    pub fn open(&self, access: OFlag, mode: u32) -> Result<(File, bool), PlaceError> {
        let call = |errno: Errno| PlaceError::Call(self.path.clone(), errno.into());
        let no_follow = if self.trusted { OFlag::O_NOFOLLOW } else { OFlag::empty() };
        let flags = access | no_follow | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        match openat(&self.folder, self.name.as_os_str(), flags, Mode::empty()) {
            Ok(fd) => {
                let file = File::from(fd);
                self.examine(&file)?;
                Ok((file, false))
            }
            Err(Errno::ENOENT) => {
                let create = flags | OFlag::O_CREAT | OFlag::O_EXCL;
                let fd = openat(&self.folder, self.name.as_os_str(), create, Mode::from_bits_truncate(mode));
                fd.map(|fd| (File::from(fd), true)).map_err(call)
            }
            Err(Errno::ELOOP) => Err(PlaceError::Untrusted(
                self.path.clone(),
                "is a symbolic link, which is not followed here",
            )),
            // fifo(7): opening for writing without a reader fails like this when O_NONBLOCK is set.
            Err(Errno::ENXIO) => Err(PlaceError::NoReader(self.path.clone())),
            Err(errno) => Err(call(errno)),
        }
    }

    fn examine(&self, file: &File) -> Result<(), PlaceError> {
        let metadata = file.metadata().map_err(|error| PlaceError::Call(self.path.clone(), error))?;
        let refuse = |why| Err(PlaceError::Untrusted(self.path.clone(), why));
        if metadata.is_dir() {
            return Err(PlaceError::NoName(self.path.clone()));
        }
        if !nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        match (metadata.is_file(), self.sticky) {
            (false, true) => refuse("is not a regular file, in a folder that everybody can write"),
            (false, false) => Ok(()),
            (true, _) if metadata.uid() != 0 => refuse("does not belong to root"),
            (true, _) if metadata.mode() & WRITABLE_BY_OTHERS != 0 => {
                refuse("can be written by others than root")
            }
            (true, true) if metadata.nlink() != 1 => {
                refuse("has another name, in a folder that everybody can write")
            }
            (true, _) => Ok(()),
        }
    }

    /// Makes a new file beside this one that nobody else can open, under a name of its own.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn beside(&self) -> io::Result<(File, OsString)> {
        const ATTEMPTS: u32 = 100;
        for attempt in 0..ATTEMPTS {
            let name = self.temporary_name(attempt);
            let flags =
                OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
            match openat(&self.folder, name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
                // Left by a run of the same pid that was killed.
                Err(Errno::EEXIST) => {}
                other => return other.map(|fd| (File::from(fd), name)).map_err(io::Error::from),
            }
        }
        Err(Errno::EEXIST.into())
    }

    fn temporary_name(&self, attempt: u32) -> OsString {
        // NAME_MAX is 255 bytes: a long name is cut.
        let stem = &self.name.as_bytes()[..self.name.len().min(200)];
        let mut name = OsString::from(".");
        name.push(OsStr::from_bytes(stem));
        name.push(format!(".{}-{attempt}.tmp", std::process::id()));
        name
    }

    /// Makes what was done in the folder durable.
    ///
    /// # Errors
    /// Those of openat(2) and fsync(2).
    pub fn sync_folder(&self) -> io::Result<()> {
        let folder = openat(
            &self.folder,
            ".",
            OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        nix::unistd::fsync(folder.as_fd()).map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_recognised_by_name() {
        assert_eq!(descriptor(Path::new("/dev/fd/3")), Some(3));
        assert_eq!(descriptor(Path::new("/proc/self/fd/12")), Some(12));
        assert_eq!(descriptor(Path::new("/dev/stdout")), Some(1));
        for other in ["/dev/fd/x", "/dev/fd/-1", "/dev/fd", "/dev/null", "3"] {
            assert_eq!(descriptor(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_dot_component_names_nothing_new() {
        assert_eq!(components(Path::new("/a/./b/../c")), ["a", "b", "..", "c"]);
    }
}
