//! Where this program is, for others to run it again.

use std::fs;
use std::path::PathBuf;

use crate::answer::{Exit, Failure};

/// The path of this program's file (proc(5)).
///
/// # Errors
/// Those of readlink(2).
pub fn own_path() -> Result<PathBuf, Failure> {
    fs::read_link("/proc/self/exe")
        .map_err(|error| Failure::new(Exit::Failed, "unusable", &format_args!("/proc/self/exe: {error}")))
}
