//! A file of the user's as it was found.

use std::fs::File;
use std::io::Read;

use diagnostics::Failure;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::geteuid;

use super::home::{SshFolder, refused};

/// Largest file, in bytes; ssh(1) reads either of them line by line at every start.
const MAX_FILE: u64 = 4 << 20;
const PERMISSIONS: u32 = 0o7777;

/// A file's bytes, and which file it was.
pub(super) struct Text {
    pub bytes: Vec<u8>,
    stat: FileStat,
}

impl Text {
    /// Reads a regular file of the user's; `None` when there is none. Nothing is waited for: neither a FIFO's writer
    /// nor the holder of a lease (fcntl(2)).
    ///
    /// # Errors
    /// `ssh-file` for anything else of that name.
    pub(super) fn read(folder: &SshFolder, name: &str) -> Result<Option<Self>, Failure> {
        let path = folder.path_of(name);
        let refused = |why: &str| refused("ssh-file", &path, &why);
        let flags =
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = match openat(folder, name, flags, Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(refused("a symbolic link is not followed: put a file there")),
            Err(Errno::ENXIO) => return Err(refused(NOT_REGULAR)),
            Err(Errno::EWOULDBLOCK) => return Err(refused("another process holds a lease on it")),
            other => File::from(other.map_err(|errno| refused(errno.desc()))?),
        };
        let stat = fstat(&file).map_err(|errno| refused(errno.desc()))?;
        examine(&stat).map_err(|why| refused(&why))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| refused(&error.to_string()))?;
        // It may have grown since.
        if bytes.len() as u64 > MAX_FILE { Err(refused(&too_long())) } else { Ok(Some(Self { bytes, stat })) }
    }

    /// Whether nobody but its owner may read it.
    pub(super) fn is_private(&self) -> bool {
        self.stat.st_mode & PERMISSIONS == (Mode::S_IRUSR | Mode::S_IWUSR).bits()
    }
}

/// Whether there is still what was found: the same file, unchanged, or none.
pub(super) fn is_still(found: Option<&Text>, folder: &SshFolder, name: &str) -> bool {
    match (fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW), found) {
        (Ok(now), Some(found)) => identity(&now) == identity(&found.stat),
        (Err(Errno::ENOENT), None) => true,
        _ => false,
    }
}

/// What changes with every change of a file.
fn identity(stat: &FileStat) -> [i128; 6] {
    [
        stat.st_dev.into(),
        stat.st_ino.into(),
        stat.st_size.into(),
        i128::from(stat.st_mode),
        stat.st_ctime.into(),
        stat.st_ctime_nsec.into(),
    ]
}

const NOT_REGULAR: &str = "this is not a regular file: put a file there";

fn too_long() -> String {
    format!("this is longer than {MAX_FILE} bytes, the most that is read")
}

fn examine(stat: &FileStat) -> Result<(), String> {
    if SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) != SFlag::S_IFREG {
        return Err(NOT_REGULAR.to_owned());
    }
    if stat.st_uid != geteuid().as_raw() {
        return Err(format!("this file belongs to uid {}, not to uid {}", stat.st_uid, geteuid()));
    }
    if stat.st_nlink != 1 {
        return Err(
            "this file has another name, which would keep the old text: copy it to a file of one name"
                .to_owned(),
        );
    }
    if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > MAX_FILE { Err(too_long()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::super::home::Home;
    use super::*;

    type Change = fn(&Path);

    #[test]
    fn a_file_that_is_another_one_or_has_changed_is_not_what_was_found() {
        let changes: [(Change, bool); 6] = [
            (|_| {}, true),
            (|path| fs::write(path, "text").expect("written"), false),
            (|path| fs::set_permissions(path, PermissionsExt::from_mode(0o640)).expect("set"), false),
            (|path| fs::remove_file(path).expect("removed"), false),
            (|path| fs::rename(path.with_file_name("other"), path).expect("renamed"), false),
            (|path| fs::remove_file(path).and_then(|()| symlink("other", path)).expect("a link"), false),
        ];
        for (index, (change, expected)) in changes.into_iter().enumerate() {
            let home = tempfile::tempdir().expect("a home");
            let folder = Home::open(home.path()).expect("ours").expect("there").ssh_or_made().expect("made");
            let path = folder.path_of("config");
            for name in ["config", "other"] {
                fs::write(folder.path_of(name), "text").expect("written");
            }
            let found = Text::read(&folder, "config").expect("read").expect("there");
            assert_eq!(found.bytes, b"text");
            change(&path);
            assert_eq!(is_still(Some(&found), &folder, "config"), expected, "{index}");
        }
    }

    #[test]
    fn a_file_that_was_made_meanwhile_is_not_what_was_found() {
        let home = tempfile::tempdir().expect("a home");
        let folder = Home::open(home.path()).expect("ours").expect("there").ssh_or_made().expect("made");
        assert!(Text::read(&folder, "config").expect("read").is_none());
        assert!(is_still(None, &folder, "config"));
        fs::write(folder.path_of("config"), "").expect("written");
        assert!(!is_still(None, &folder, "config"));
    }
}
