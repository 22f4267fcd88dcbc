//! What a file system keeps of a file that was overwritten.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use nix::libc::{major, minor};
use nix::sys::statfs::{
    EXT4_SUPER_MAGIC, FsType, MSDOS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC, fstatfs,
};

/// linux/magic.h; nix has no name for it.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);
/// Longest table of mounts that is read, in bytes.
const MAX_MOUNTS: u64 = 4 << 20;
/// The mount option of ext4 by which content goes through the journal (ext4(5)).
const DATA_JOURNAL: &str = "data=journal";

/// What a file is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// Memory.
    Memory,
    /// A disk, where content is overwritten in its place.
    InPlace,
    /// A disk whose journal has had the content, too.
    Journal,
    /// Layers, of which only the upper one can be changed.
    Layers,
    /// A disk where new content goes to another place, or something unknown.
    Elsewhere,
}

impl Medium {
    /// What this file is kept in.
    ///
    /// # Errors
    /// Those of fstatfs(2) and fstat(2), and of reading the table of mounts.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(match fstatfs(file)?.filesystem_type() {
            TMPFS_MAGIC | RAMFS_MAGIC => Self::Memory,
            OVERLAYFS_SUPER_MAGIC => Self::Layers,
            EXT4_SUPER_MAGIC if has_data_journal(&mounts()?, file.metadata()?.dev()) => Self::Journal,
            EXT4_SUPER_MAGIC | XFS_SUPER_MAGIC | MSDOS_SUPER_MAGIC => Self::InPlace,
            _ => Self::Elsewhere,
        })
    }

    /// What is left of a file in it that was overwritten and removed.
    pub(super) const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Memory => None,
            Self::InPlace => Some(
                "copies may be left where its disk, a snapshot or a backup has put them: only a key that was never on \
                 a disk has none",
            ),
            Self::Journal => Some(
                "the file system's journal has had its content, too (data=journal), and keeps it for a while: take it \
                 for readable by whoever has the disk",
            ),
            Self::Layers => Some(
                "a lower layer of the overlay, such as a container's image, may still have it: take it for readable by \
                 whoever has that layer, and hand keys over by a pipe or in a tmpfs",
            ),
            Self::Elsewhere => Some(
                "its file system may have put the zeros in another place: take it for readable by whoever has the disk",
            ),
        }
    }
}

fn mounts() -> io::Result<String> {
    let mut text = Vec::new();
    File::open("/proc/self/mountinfo")?.take(MAX_MOUNTS).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Whether a mount of this device says so (proc_pid_mountinfo(5): field 3, and the last one).
fn has_data_journal(mounts: &str, device: u64) -> bool {
    let device = format!("{}:{}", major(device), minor(device));
    mounts.lines().filter(|line| line.split(' ').nth(2) == Some(device.as_str())).any(|line| {
        line.rsplit(' ').next().is_some_and(|options| options.split(',').any(|option| option == DATA_JOURNAL))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "29 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n\
                          30 29 254:1 / /a rw - ext4 /dev/vdb rw,data=journal,x\n\
                          31 29 254:2 / /data=journal rw - ext4 data=journal rw,nodata=journal\n";

    #[test]
    fn a_journal_of_data_is_found_by_its_device() {
        for (minor, journal) in [(0, false), (1, true), (2, false), (3, false)] {
            assert_eq!(has_data_journal(MOUNTS, nix::libc::makedev(254, minor)), journal, "{minor}");
        }
    }

    #[test]
    fn memory_alone_keeps_nothing() {
        assert_eq!(Medium::Memory.warning(), None);
        for medium in [Medium::InPlace, Medium::Journal, Medium::Layers, Medium::Elsewhere] {
            assert!(medium.warning().is_some(), "{medium:?}");
        }
    }
}
