//! The env files that the command line names, read with the ids that this process has by then.

use std::fmt;
use std::path::PathBuf;

use env_file::{Assignment, BadLine, ReadError};

use crate::cli::EnvFile;

/// A hostile file may have half a million bad lines; nobody reads more than these.
const MAX_SHOWN: usize = 100;

/// What is wrong with an env file.
#[derive(Debug)]
pub enum EnvFileError {
    /// It cannot be read.
    Read(PathBuf, ReadError),
    /// It has bad lines.
    Lines(PathBuf, Vec<BadLine>),
}

impl EnvFileError {
    /// One sentence for each fault, as many as somebody would read.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        match self {
            Self::Read(path, error) => vec![format!("{} {error}", path.display())],
            Self::Lines(path, lines) => {
                let shown = lines.iter().take(MAX_SHOWN).map(|line| format!("{} {line}", path.display()));
                let more = lines.len().saturating_sub(MAX_SHOWN);
                let rest = (more > 0).then(|| format!("{}: {more} more bad lines", path.display()));
                shown.chain(rest).collect()
            }
        }
    }
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{} {error}", path.display()),
            Self::Lines(path, lines) => {
                lines.first().map_or(Ok(()), |line| write!(f, "{} {line}", path.display()))?;
                match lines.len() {
                    0 | 1 => Ok(()),
                    count => write!(f, " ({count} bad lines; --explain lists them)"),
                }
            }
        }
    }
}

impl std::error::Error for EnvFileError {}

/// Reads one file. A missing one is empty where it may be missing.
///
/// # Errors
/// See [`EnvFileError`].
pub fn load(file: &EnvFile) -> Result<Vec<Assignment>, EnvFileError> {
    let text = match env_file::read(&file.path) {
        Err(error) if file.optional && error.is_not_found() => return Ok(Vec::new()),
        other => other.map_err(|error| EnvFileError::Read(file.path.clone(), error))?,
    };
    env_file::parse(&text).map_err(|lines| EnvFileError::Lines(file.path.clone(), lines))
}
