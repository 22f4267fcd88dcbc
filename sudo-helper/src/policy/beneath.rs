//! Opening a file that a caller names, below a folder that the policy names.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat2, readlink};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat};
use nix::unistd::geteuid;

/// What stands behind the path of a file whose name is gone.
const TAKEN_AWAY: &[u8] = b" (deleted)";

/// Why a file is not handed out, as what an operator is told about its path.
#[derive(Debug)]
pub enum BeneathError {
    /// The folder cannot be opened, or is a symbolic link.
    Folder(io::Error),
    /// Others than we could change the folder.
    Writable,
    /// The path leads out of the folder, or onto another file system.
    Outside,
    /// A symbolic link stands in the path.
    Link,
    /// There is none.
    Missing,
    /// A folder, FIFO, socket or device.
    NotRegular,
    /// It has further names.
    Names,
    /// The kernel refused it for another reason.
    Call(io::Error),
}

impl fmt::Display for BeneathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(error) => {
                write!(f, "the folder cannot be opened ({error}); make it, or correct the policy's 'beneath'")
            }
            Self::Writable => f.write_str(
                "others than root could change the folder; make it root's, and writable by nobody else",
            ),
            Self::Outside => f.write_str("it is not within the folder, or on another file system below it"),
            Self::Link => f.write_str("a symbolic link is on the way; name the file by its own path"),
            Self::Missing => f.write_str("there is no such file; name one below the folder"),
            Self::NotRegular => {
                f.write_str("it is no regular file, and only such are handed out; name another")
            }
            Self::Names => f.write_str(
                "it has a second name (a hard link), which may be one of another folder's; name a copy of it",
            ),
            Self::Call(error) => write!(f, "it cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for BeneathError {}

impl From<Errno> for BeneathError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EXDEV => Self::Outside,
            Errno::ELOOP => Self::Link,
            Errno::ENOENT | Errno::ENOTDIR => Self::Missing,
            // A socket, or a device without a driver (open(2)).
            Errno::ENXIO | Errno::ENODEV => Self::NotRegular,
            other => Self::Call(other.into()),
        }
    }
}

/// Opens `relative` below `beneath` for reading.
///
/// The folder is ours (root's: the helper acts as nobody else), no symbolic link, and writable by
/// nobody else; its ancestors are the caller's to check. Nothing on the way down leaves it, is a link
/// or on another file system, whose daemon could keep us waiting (openat2(2), Linux 5.6). The file is
/// regular and has this one name: a hard link into the folder could otherwise show any file of the
/// same file system. FIFOs and devices are not waited for.
///
/// # Errors
/// See [`BeneathError`].
pub fn open_beneath(beneath: &Path, relative: &Path) -> Result<OwnedFd, BeneathError> {
    let reading = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = |errno: Errno| BeneathError::Folder(errno.into());
    let opened = open(beneath, reading | OFlag::O_DIRECTORY, Mode::empty()).map_err(folder)?;
    let stat = fstat(&opened).map_err(folder)?;
    let others = Mode::S_IWGRP | Mode::S_IWOTH;
    if stat.st_uid != geteuid().as_raw() || Mode::from_bits_truncate(stat.st_mode).intersects(others) {
        return Err(BeneathError::Writable);
    }
    let inside = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS
        | ResolveFlag::RESOLVE_NO_XDEV;
    let name = relative.file_name().ok_or(BeneathError::NotRegular)?;
    let way = relative.parent().filter(|way| !way.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).resolve(inside);
    let holder = openat2(&opened, way, how)?;
    let how = OpenHow::new().flags(reading | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).resolve(inside);
    let file = openat2(&holder, name, how)?;
    let stat = fstat(&file)?;
    if SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) != SFlag::S_IFREG {
        return Err(BeneathError::NotRegular);
    }
    if stat.st_nlink != 1 {
        return Err(BeneathError::Names);
    }
    if !is_its_name(&holder, name, &file)? {
        return Err(BeneathError::Missing);
    }
    Ok(file)
}

/// Whether the one name that the file has is `name` in `holder`: one that is taken away at this moment would leave a
/// file with one name elsewhere.
///
/// The kernel lowers the count before it forgets the name, and holds the folder's lock meanwhile (vfs_rename() in
/// fs/namei.c); to list the folder waits for that lock (iterate_dir() in fs/readdir.c). What is then still found by
/// the name, and was not opened by one that is gone, had no other.
fn is_its_name(holder: &OwnedFd, name: &OsStr, file: &OwnedFd) -> Result<bool, BeneathError> {
    let mut listed = Dir::from_fd(holder.try_clone().map_err(BeneathError::Call)?)?;
    listed.iter().next().transpose()?;
    let (opened, found) = (fstat(file)?, fstatat(holder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?);
    let same = (opened.st_dev, opened.st_ino) == (found.st_dev, found.st_ino);
    Ok(same && !is_taken_away(file)?)
}

/// Whether the name by which it was opened is gone (proc(5): `/proc/pid/fd`). Of a file that is called like that it is
/// said, too.
fn is_taken_away(file: &OwnedFd) -> Result<bool, BeneathError> {
    let shown = readlink(format!("/proc/self/fd/{}", file.as_raw_fd()).as_str())?;
    Ok(shown.as_bytes().ends_with(TAKEN_AWAY))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("in")).expect("made");
        fs::create_dir(folder.path().join("in/old")).expect("made");
        fs::write(folder.path().join("in/old/a.log"), "inside").expect("written");
        fs::write(folder.path().join("secret"), "outside").expect("written");
        folder
    }

    fn error(beneath: &Path, relative: &str) -> BeneathError {
        open_beneath(beneath, Path::new(relative)).expect_err(relative)
    }

    #[test]
    fn a_file_inside_is_opened() {
        let folder = folder();
        let file = open_beneath(&folder.path().join("in"), Path::new("old/a.log")).expect("opened");
        let mut text = String::new();
        File::from(file).read_to_string(&mut text).expect("read");
        assert_eq!(text, "inside");
    }

    #[test]
    fn a_name_that_was_taken_away_is_known_by_it() {
        let folder = folder();
        let [secret, link] = ["secret", "in/link"].map(|name| folder.path().join(name));
        fs::hard_link(&secret, &link).expect("linked");
        let opened = OwnedFd::from(File::open(&link).expect("opened"));
        assert!(!is_taken_away(&opened).expect("told"));
        fs::remove_file(&link).expect("removed");
        assert!(is_taken_away(&opened).expect("told"), "it has one name, and not this one");
        fs::hard_link(&secret, &link).expect("linked");
        assert!(is_taken_away(&opened).expect("told"), "another one like it changes nothing");
    }

    #[test]
    fn a_link_that_comes_and_goes_shows_nothing() {
        let folder = folder();
        let inside = folder.path().join("in");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    fs::hard_link(folder.path().join("secret"), inside.join("new")).expect("linked");
                    fs::rename(inside.join("new"), inside.join("name")).expect("renamed");
                    fs::write(inside.join("new"), "inside").expect("written");
                    fs::rename(inside.join("new"), inside.join("name")).expect("renamed");
                }
            });
            let tried = (0..60_000).filter_map(|_| open_beneath(&inside, Path::new("name")).ok());
            let texts = tried.map(|file| std::io::read_to_string(File::from(file)).expect("read"));
            let strange = texts.filter(|text| text == "outside").count();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(strange, 0);
        });
    }

    #[test]
    fn nothing_leads_out() {
        let folder = folder();
        let inside = folder.path().join("in");
        symlink("../secret", inside.join("link")).expect("a link");
        symlink("..", inside.join("up")).expect("a link");
        symlink("old", inside.join("same")).expect("a link");
        fs::hard_link(folder.path().join("secret"), inside.join("hard")).expect("a link");
        assert!(matches!(error(&inside, "../secret"), BeneathError::Outside));
        assert!(matches!(error(&inside, "/etc/passwd"), BeneathError::Outside));
        assert!(matches!(error(&inside, "link"), BeneathError::Link));
        assert!(matches!(error(&inside, "up/secret"), BeneathError::Link));
        assert!(matches!(error(&inside, "same/a.log"), BeneathError::Link));
        assert!(matches!(error(&inside, "hard"), BeneathError::Names));
        assert!(matches!(error(&inside, "none"), BeneathError::Missing));
    }

    #[test]
    fn only_regular_files_and_no_waiting() {
        let folder = folder();
        let inside = folder.path().join("in");
        nix::unistd::mkfifo(&inside.join("fifo"), Mode::S_IRWXU).expect("a fifo");
        assert!(matches!(error(&inside, "fifo"), BeneathError::NotRegular));
        let _socket = std::os::unix::net::UnixListener::bind(inside.join("socket")).expect("bound");
        assert!(matches!(error(&inside, "socket"), BeneathError::NotRegular));
        assert!(matches!(error(&inside, "old"), BeneathError::NotRegular));
    }

    #[test]
    fn a_folder_that_others_could_change_is_refused() {
        let folder = folder();
        let inside = folder.path().join("in");
        symlink("in", folder.path().join("to")).expect("a link");
        for nothing in ["to", "nothing", "secret"] {
            let error = error(&folder.path().join(nothing), "old/a.log");
            assert!(matches!(error, BeneathError::Folder(_)), "{nothing}: {error}");
        }
        for mode in [0o775, 0o757, 0o1777] {
            fs::set_permissions(&inside, Permissions::from_mode(mode)).expect("changed");
            assert!(matches!(error(&inside, "old/a.log"), BeneathError::Writable), "{mode:o}");
        }
    }
}
