//! The values that `--mask` and `--mask-file` hide.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use env_file::{BadLine, ReadError};

use crate::mask::{MIN_VALUE, Secrets};

/// The automaton that finds the values takes about a hundred times their size.
const MAX_BYTES: usize = 8 * 1024;

/// Why a value cannot be hidden. None of these holds a value.
#[derive(Debug)]
pub enum SecretsError {
    /// The variable is not set.
    Unset(OsString),
    /// The value of this variable is so short that it would hide ordinary text.
    TooShort(OsString),
    /// The file cannot be read.
    Read(PathBuf, ReadError),
    /// A line of the file is not valid.
    Line(PathBuf, Option<BadLine>),
    /// All values together are too large.
    TooLarge,
}

impl fmt::Display for SecretsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(name) => write!(f, "--mask {}: that variable is not set", name.display()),
            Self::TooShort(name) => {
                write!(f, "the value of {} is under {MIN_VALUE} bytes and cannot be masked", name.display())
            }
            Self::Read(path, error) => write!(f, "--mask-file {} {error}", path.display()),
            Self::Line(path, Some(line)) => write!(f, "--mask-file {} {line}", path.display()),
            Self::Line(path, None) => write!(f, "--mask-file {} is not valid", path.display()),
            Self::TooLarge => write!(f, "the values to be masked are more than {MAX_BYTES} bytes"),
        }
    }
}

impl std::error::Error for SecretsError {}

/// Gathers the values of the variables and of the files.
///
/// # Errors
/// See [`SecretsError`].
pub fn gather(names: &[OsString], files: &[PathBuf]) -> Result<Secrets, SecretsError> {
    let mut gathered = Gathered { secrets: Secrets::new(), bytes: 0 };
    for name in names {
        let value = std::env::var_os(name).ok_or_else(|| SecretsError::Unset(name.clone()))?;
        gathered.add(name.clone(), value.as_bytes())?;
    }
    for path in files {
        let text = env_file::read(path).map_err(|error| SecretsError::Read(path.clone(), error))?;
        let bad = |lines: Vec<BadLine>| SecretsError::Line(path.clone(), lines.into_iter().next());
        for assignment in env_file::parse(&text).map_err(bad)? {
            gathered.add(assignment.name.as_str().into(), assignment.value.as_bytes())?;
        }
    }
    Ok(gathered.secrets)
}

struct Gathered {
    secrets: Secrets,
    bytes: usize,
}

impl Gathered {
    fn add(&mut self, name: OsString, value: &[u8]) -> Result<(), SecretsError> {
        self.bytes += value.len();
        if self.bytes > MAX_BYTES {
            return Err(SecretsError::TooLarge);
        }
        self.secrets.add(value).map_err(|_| SecretsError::TooShort(name))
    }
}
