//! Files that decide what root does, or that root's records are in: found, opened and replaced where
//! nobody else can interfere.
//!
//! Every component of the path is opened and examined on the way, so that nobody else can have put
//! another file in its place (path_resolution(7), open(2) O_NOFOLLOW). Open first, then fstat.

#![forbid(unsafe_code)]

mod error;
mod named;
mod walk;

pub use error::PathError;
pub use named::Named;
pub use walk::{Sticky, walk};

use std::io::Read;
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
