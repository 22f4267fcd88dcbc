//! Opening a file that a caller names, below a folder that the policy names.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::geteuid;

/// Opens `relative` below `beneath` for reading.
///
/// The folder is ours (root's: the helper acts as nobody else), no symbolic link, and writable by
/// nobody else; its ancestors are the caller's to check. Nothing on the way down leaves it or is a
/// link (openat2(2)). The file is regular and has this one name: a hard link into the folder could
/// otherwise show any file of the same file system. FIFOs and devices are not waited for.
///
/// # Errors
/// EPERM for a folder that others could change; EXDEV, ELOOP and ENOENT of openat2(2), and ENOSYS
/// before Linux 5.6; EINVAL for what is no regular file; EMLINK for one with several names.
pub fn open_beneath(beneath: &Path, relative: &Path) -> io::Result<OwnedFd> {
    let reading = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let folder = open(beneath, reading | OFlag::O_DIRECTORY, Mode::empty())?;
    let stat = fstat(&folder)?;
    let others = Mode::S_IWGRP | Mode::S_IWOTH;
    if stat.st_uid != geteuid().as_raw() || Mode::from_bits_truncate(stat.st_mode).intersects(others) {
        return Err(Errno::EPERM.into());
    }
    let inside =
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(reading | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).resolve(inside);
    let file = openat2(&folder, relative, how)?;
    let stat = fstat(&file)?;
    if SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) != SFlag::S_IFREG {
        return Err(Errno::EINVAL.into());
    }
    if stat.st_nlink != 1 {
        return Err(Errno::EMLINK.into());
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("in")).expect("made");
        fs::create_dir(folder.path().join("in/old")).expect("made");
        fs::write(folder.path().join("in/old/a.log"), "inside").expect("written");
        fs::write(folder.path().join("secret"), "outside").expect("written");
        folder
    }

    fn errno(beneath: &Path, relative: &str) -> Option<i32> {
        open_beneath(beneath, Path::new(relative)).expect_err(relative).raw_os_error()
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
    fn nothing_leads_out() {
        let folder = folder();
        let inside = folder.path().join("in");
        symlink("../secret", inside.join("link")).expect("a link");
        symlink("..", inside.join("up")).expect("a link");
        symlink("old", inside.join("same")).expect("a link");
        fs::hard_link(folder.path().join("secret"), inside.join("hard")).expect("a link");
        assert_eq!(errno(&inside, "../secret"), Some(libc::EXDEV));
        assert_eq!(errno(&inside, "/etc/passwd"), Some(libc::EXDEV));
        assert_eq!(errno(&inside, "link"), Some(libc::ELOOP));
        assert_eq!(errno(&inside, "up/secret"), Some(libc::ELOOP));
        assert_eq!(errno(&inside, "same/a.log"), Some(libc::ELOOP));
        assert_eq!(errno(&inside, "hard"), Some(libc::EMLINK));
        assert_eq!(errno(&inside, "none"), Some(libc::ENOENT));
    }

    #[test]
    fn only_regular_files_and_no_waiting() {
        let folder = folder();
        let inside = folder.path().join("in");
        nix::unistd::mkfifo(&inside.join("fifo"), Mode::S_IRWXU).expect("a fifo");
        assert_eq!(errno(&inside, "fifo"), Some(libc::EINVAL));
        assert_eq!(errno(&inside, "old"), Some(libc::EINVAL));
    }

    #[test]
    fn a_folder_that_others_could_change_is_refused() {
        let folder = folder();
        let inside = folder.path().join("in");
        symlink("in", folder.path().join("to")).expect("a link");
        assert!(open_beneath(&folder.path().join("to"), Path::new("old/a.log")).is_err());
        for mode in [0o775, 0o757, 0o1777] {
            fs::set_permissions(&inside, Permissions::from_mode(mode)).expect("changed");
            assert_eq!(errno(&inside, "old/a.log"), Some(libc::EPERM), "{mode:o}");
        }
    }
}
