//! The system calls that have no safe wrapper. All unsafe code of this program stands here.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;

/// Where a file's capabilities are kept (xattr(7), capabilities(7)).
const CAPABILITY_ATTRIBUTE: &CStr = c"security.capability";

/// Whether the file carries capabilities.
pub(crate) fn has_file_capabilities(path: &CStr) -> io::Result<bool> {
    // SAFETY: both strings end in NUL; a null buffer of size 0 only asks for the size (getxattr(2)).
    let size =
        unsafe { libc::getxattr(path.as_ptr(), CAPABILITY_ATTRIBUTE.as_ptr(), std::ptr::null_mut(), 0) };
    if size >= 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if matches!(error.raw_os_error(), Some(libc::ENODATA | libc::ENOTSUP)) => Ok(false),
        error => Err(error),
    }
}
