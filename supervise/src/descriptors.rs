//! Descriptors that the caller handed down, and those that a command must not inherit.

use std::io;
use std::os::fd::{OwnedFd, RawFd};

use crate::sys;

/// Where the kernel lists this process's open descriptors (proc(5)).
const OPEN_DESCRIPTORS: &str = "/proc/self/fd";

/// The first number that has no meaning by itself (stdin(3)).
pub const FIRST_OTHER: u32 = 3;

/// A copy, closed on exec, of a descriptor that the caller handed down by its number. It may be a socket's, or that
/// of a pipe which another account made, and reads on where the caller was: opening /proc/self/fd
/// anew can do none of these (proc(5)).
///
/// # Errors
/// Those of fcntl(2), when it is not open.
pub fn handed_down(number: RawFd) -> io::Result<OwnedFd> {
    sys::duplicate(number, FIRST_OTHER.cast_signed())
}

/// Marks every descriptor close-on-exec, but for the standard ones and those in `kept`.
///
/// # Errors
/// Those of close_range(2); on kernels without it, of reading /proc/self/fd and of fcntl(2).
pub fn close_others_on_exec(kept: &[u32]) -> io::Result<()> {
    match ranges(FIRST_OTHER, kept).try_for_each(|(low, high)| sys::close_range_on_exec(low, high)) {
        // ENOSYS before Linux 5.9, EINVAL for the flag before 5.11 (close_range(2)).
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) => {
            open_numbers(FIRST_OTHER, kept)?.into_iter().try_for_each(sys::set_close_on_exec)
        }
        other => other,
    }
}

/// Closes every descriptor but the standard ones and those in `kept`: what the caller left open is a way in or a hold.
///
/// To be called before this process has opened anything, or in a child that uses nothing else of what its parent had
/// open and ends by exit.
///
/// # Errors
/// Those of close_range(2); on kernels without it, of reading /proc/self/fd.
pub fn close_others(kept: &[u32]) -> io::Result<()> {
    match ranges(FIRST_OTHER, kept).try_for_each(|(low, high)| sys::close_range(low, high)) {
        // Before Linux 5.9.
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            // That of the folder itself is among them, and closed by now.
            let numbers = open_numbers(FIRST_OTHER, kept)?.into_iter();
            numbers.filter_map(|number| RawFd::try_from(number).ok()).for_each(sys::close);
            Ok(())
        }
        other => other,
    }
}

/// The gaps between the kept descriptors, from `first` to the highest number.
fn ranges(first: u32, kept: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    let mut kept: Vec<u32> = kept.iter().copied().filter(|fd| *fd >= first).collect();
    kept.sort_unstable();
    kept.dedup();
    let lows = std::iter::once(first).chain(kept.clone().into_iter().map(|fd| fd.saturating_add(1)));
    let highs = kept.into_iter().map(|fd| fd.checked_sub(1)).chain([Some(u32::MAX)]);
    lows.zip(highs).filter_map(|(low, high)| high.filter(|high| low <= *high).map(|high| (low, high)))
}

/// Those that are open, from `first` up, but for those in `kept`.
fn open_numbers(first: u32, kept: &[u32]) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(OPEN_DESCRIPTORS)? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        numbers.extend(number.filter(|number| *number >= first && !kept.contains(number)));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn all(first: u32, kept: &[u32]) -> Vec<(u32, u32)> {
        ranges(first, kept).collect()
    }

    #[test]
    fn kept_descriptors_split_the_range() {
        assert_eq!(all(3, &[]), [(3, u32::MAX)]);
        assert_eq!(all(3, &[7]), [(3, 6), (8, u32::MAX)]);
        assert_eq!(all(3, &[3, 5, 4, 4]), [(6, u32::MAX)]);
        assert_eq!(all(3, &[0, 9]), [(3, 8), (10, u32::MAX)]);
    }

    #[test]
    fn without_close_range_every_open_descriptor_is_marked() {
        let open = std::fs::File::open("/dev/null").expect("/dev/null");
        let kept = std::fs::File::open("/dev/null").expect("/dev/null");
        let number = |file: &std::fs::File| u32::try_from(file.as_raw_fd()).expect("a descriptor");
        for file in [&open, &kept] {
            nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))
                .expect("fcntl");
        }
        let numbers = open_numbers(number(&open), &[number(&kept)]).expect("read");
        assert!(numbers.contains(&number(&open)) && !numbers.contains(&number(&kept)), "{numbers:?}");
        numbers.into_iter().try_for_each(sys::set_close_on_exec).expect("marked");
        let flags = |file| nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_GETFD).expect("fcntl");
        assert_eq!(flags(&open), libc::FD_CLOEXEC);
        assert_eq!(flags(&kept), 0);
    }
}
