//! Where a file of ours is: a descriptor that the caller gave us, or a name in a folder that is held open.

use std::fmt;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use trusted_path::{Named, PathError, Sticky, walk};

/// As many symbolic links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

const STICKY: u32 = 0o1000;

/// Why a place for a record is refused.
#[derive(Debug)]
pub struct PlaceError(PathError);

impl From<PathError> for PlaceError {
    fn from(error: PathError) -> Self {
        Self(error)
    }
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        match self.0 {
            PathError::Untrusted(..) => f.write_str("; root writes its records only where nobody else can"),
            _ => Ok(()),
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
            return Ok(walk(path, Sticky::Allowed).map(Self::Named)?);
        }
        let real = if no_follow { path.to_owned() } else { followed(path) };
        let name = real.file_name().ok_or_else(|| PathError::NoName(path.to_owned()))?.to_owned();
        let parent = real.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder =
            openat(AT_FDCWD, parent, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
                .map_err(|errno| PathError::Call(parent.to_owned(), errno.into()))?;
        let sticky = fstat(&folder).is_ok_and(|stat| stat.st_mode & STICKY != 0);
        Ok(Self::Named(Named { folder, name, path: path.to_owned(), sticky, no_follow, trusted: false }))
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
}
