//! Files that decide what root does, or that root's records are in: found, opened and replaced where
//! nobody else can interfere.
//!
//! Every component of the path is opened and examined on the way, so that nobody else can have put
//! another file in its place (path_resolution(7), open(2) O_NOFOLLOW). Open first, then fstat.

#![forbid(unsafe_code)]

mod error;
mod lock;
mod named;
mod walk;

pub use error::PathError;
pub use lock::{Lock, LockError};
pub use named::Named;
pub use walk::{Sticky, walk};

use std::io::{self, Read};
use std::path::Path;

use nix::fcntl::OFlag;

/// Reads a whole file of root's that only root can have written: a regular file of at most `limit`
/// bytes, none of whose folders anybody else may write.
///
/// # Errors
/// See [`PathError`].
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, PathError> {
    let place = walk(path, Sticky::Refused)?;
    let file = place.open_existing(OFlag::O_RDONLY)?;
    let call = |error| PathError::Call(path.to_owned(), error);
    if !file.metadata().map_err(call)?.is_file() {
        return Err(PathError::Untrusted(path.to_owned(), "is not a regular file"));
    }
    let mut text = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut text).map_err(call)?;
    if text.len() > limit { Err(PathError::TooLong(path.to_owned(), limit)) } else { Ok(text) }
}

/// As many symbolic links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Makes sure that nobody but root can change what a path stands for: not the file or folder, not a folder on
/// the way, and, where its last component is a symbolic link, neither the link nor what it leads to.
///
/// # Errors
/// See [`PathError`].
pub fn verify(path: &Path) -> Result<(), PathError> {
    let mut place = walk(path, Sticky::Refused)?;
    for _ in 0..MAX_LINKS {
        let Some(target) = place.link()? else { return Ok(()) };
        place = walk(&place.path.parent().unwrap_or(Path::new("/")).join(target), Sticky::Refused)?;
    }
    let error = io::Error::from_raw_os_error(nix::errno::Errno::ELOOP as i32);
    Err(PathError::Call(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::path::PathBuf;

    use super::*;

    /// A folder of root's below one that is not sticky; `None` without root.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn folder() -> Option<tempfile::TempDir> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: not root");
            return None;
        }
        Some(tempfile::tempdir_in("/run").expect("a folder"))
    }

    fn file(folder: &tempfile::TempDir, name: &str) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, "text").expect("written");
        path
    }

    fn refused(path: &Path) -> String {
        let read = read(path, 10).expect_err("refused").to_string();
        assert_eq!(verify(path).expect_err("refused").to_string(), read);
        read
    }

    #[test]
    fn a_file_of_roots_is_read_up_to_its_limit() {
        let Some(folder) = folder() else { return };
        let path = file(&folder, "a");
        assert_eq!(read(&path, 4).expect("read"), b"text");
        assert!(matches!(read(&path, 3), Err(PathError::TooLong(_, 3))));
        assert!(matches!(read(folder.path(), 3), Err(PathError::NoName(_))));
        verify(&path).expect("trusted");
        verify(folder.path()).expect("trusted");
    }

    #[test]
    fn whoever_else_could_change_it_is_named() {
        let Some(folder) = folder() else { return };
        let path = file(&folder, "a");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).expect("set");
        assert!(refused(&path).contains("a can be written by others"));
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("set");
        chown(&path, Some(1000), None).expect("given away");
        assert!(refused(&path).contains("a does not belong to root"));
        chown(&path, Some(0), None).expect("taken back");
        for mode in [0o777, 0o775, 0o1777] {
            fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).expect("set");
            assert!(refused(&path).contains("can be written by others"), "{mode:o}");
        }
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
        chown(folder.path(), Some(1000), None).expect("given away");
        assert!(refused(&path).contains("does not belong to root"));
    }

    #[test]
    fn a_link_is_not_read_but_may_stand_for_a_program() {
        let Some(folder) = folder() else { return };
        let (path, link) = (file(&folder, "a"), folder.path().join("link"));
        symlink("a", &link).expect("a link");
        assert!(read(&link, 10).is_err());
        verify(&link).expect("trusted");
        chown(&path, Some(1000), None).expect("given away");
        assert!(verify(&link).is_err());
        let around = folder.path().join("around");
        symlink("around", &around).expect("a link");
        assert!(verify(&around).is_err());
    }
}
