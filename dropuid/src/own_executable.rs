//! This program must never be privileged by its own file: it would be so for everybody.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::sys;

const SELF: &str = "/proc/self/exe";
const SET_ID_BITS: u32 = 0o6000;

/// Why the program refuses to do anything.
#[derive(Debug)]
pub enum Unsafe {
    /// The file is setuid or setgid.
    SetId,
    /// The file carries capabilities.
    Capabilities,
    /// The file cannot be examined.
    Unknown(io::Error),
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetId => {
                f.write_str("its own file is setuid or setgid, which would make anybody root; chmod it 0755")
            }
            Self::Capabilities => {
                f.write_str("its own file carries capabilities; remove them with setcap -r")
            }
            Self::Unknown(error) => write!(f, "cannot examine its own file {SELF}: {error}"),
        }
    }
}

impl std::error::Error for Unsafe {}

/// Looks at the file that this process was started from.
///
/// # Errors
/// See [`Unsafe`].
pub fn verify() -> Result<(), Unsafe> {
    // The link of proc(5) leads to the very inode, whatever its name is by now.
    if fs::metadata(SELF).map_err(Unsafe::Unknown)?.mode() & SET_ID_BITS != 0 {
        return Err(Unsafe::SetId);
    }
    match sys::has_file_capabilities(c"/proc/self/exe") {
        Ok(false) => Ok(()),
        Ok(true) => Err(Unsafe::Capabilities),
        Err(error) => Err(Unsafe::Unknown(error)),
    }
}
