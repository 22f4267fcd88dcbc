//! What the caller left open: nothing of it is used, and a socket or a file that stays open is a way in or a hold.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::libc;

use crate::sys;

/// The first number that has no meaning by itself (stdin(3)).
const FIRST: u32 = 3;
/// Where the kernel lists this process's open descriptors (proc(5)).
const OPEN: &str = "/proc/self/fd";

/// Closes every descriptor but the standard ones and the one that is named, which is handed on.
///
/// To be called before this process has opened anything.
///
/// # Errors
/// When the one that is named is not open; those of close_range(2), and without it those of reading /proc/self/fd.
pub fn close_inherited(kept: Option<RawFd>) -> io::Result<Option<OwnedFd>> {
    let kept = kept.map(supervise::handed_down).transpose()?;
    let number = kept.as_ref().and_then(|kept| u32::try_from(kept.as_raw_fd()).ok());
    match ranges(number).into_iter().try_for_each(|(first, last)| sys::close_range(first, last)) {
        // Linux before 5.9.
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => one_by_one(number)?,
        other => other?,
    }
    Ok(kept)
}

/// All but the one, from the first to the last number that there is.
fn ranges(kept: Option<u32>) -> Vec<(u32, u32)> {
    match kept {
        None => vec![(FIRST, u32::MAX)],
        Some(kept) if kept <= FIRST => vec![(kept + 1, u32::MAX)],
        Some(kept) => vec![(FIRST, kept - 1), (kept + 1, u32::MAX)],
    }
}

fn one_by_one(kept: Option<u32>) -> io::Result<()> {
    let numbers: Vec<u32> = fs::read_dir(OPEN)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number >= FIRST && Some(*number) != kept)
        .collect();
    // That of the folder itself is among them, and closed by now.
    numbers.into_iter().for_each(sys::close);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_is_kept_splits_the_range() {
        for (kept, expected) in [
            (None, vec![(3, u32::MAX)]),
            (Some(3), vec![(4, u32::MAX)]),
            (Some(7), vec![(3, 6), (8, u32::MAX)]),
        ] {
            assert_eq!(ranges(kept), expected, "{kept:?}");
        }
    }
}
