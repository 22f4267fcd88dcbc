//! What the caller left open: nothing of it is used, and a socket or a file that stays open is a way in or a hold.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Closes every descriptor but the standard ones and the one that is named, which is handed on.
///
/// To be called before this process has opened anything.
///
/// # Errors
/// When the one that is named is not open; those of [`supervise::close_others`].
pub fn close_inherited(kept: Option<RawFd>) -> io::Result<Option<OwnedFd>> {
    let kept = kept.map(supervise::handed_down).transpose()?;
    close_all_but(&kept.iter().collect::<Vec<_>>())?;
    Ok(kept)
}

/// Closes every descriptor but the standard ones and these.
///
/// # Errors
/// Those of [`supervise::close_others`].
pub fn close_all_but(kept: &[&impl AsRawFd]) -> io::Result<()> {
    let numbers: Vec<u32> = kept.iter().filter_map(|kept| u32::try_from(kept.as_raw_fd()).ok()).collect();
    supervise::close_others(&numbers)
}
