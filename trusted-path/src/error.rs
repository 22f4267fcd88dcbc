//! Why a path is refused.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a path is refused.
#[derive(Debug)]
pub enum PathError {
    /// A system call failed on this path.
    Call(PathBuf, io::Error),
    /// Another user than root may change this component.
    Untrusted(PathBuf, &'static str),
    /// It names no file: a folder, or nothing.
    NoName(PathBuf),
    /// A FIFO without a reader: to wait for one would hold the caller up.
    NoReader(PathBuf),
    /// It holds more than this many bytes.
    TooLong(PathBuf, usize),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Untrusted(path, why) => write!(f, "{} {why}", path.display()),
            Self::NoName(path) => write!(f, "{} does not name a file", path.display()),
            Self::NoReader(path) => {
                write!(f, "{} is a FIFO that nobody reads; start its reader first", path.display())
            }
            Self::TooLong(path, limit) => write!(f, "{} is longer than {limit} bytes", path.display()),
        }
    }
}

impl std::error::Error for PathError {}
