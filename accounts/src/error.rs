//! Why it is not known whether there is such an account.

use std::fmt;
use std::io;

use supervise::bounded::NoAnswer;

use crate::database::MAX_FILE;
use crate::getent::GETENT;

/// Why a database gave no answer.
#[derive(Debug)]
pub enum DatabaseError {
    /// A file could not be read.
    Read(&'static str, io::Error),
    /// A file is not root's alone to write.
    NotTrusted(&'static str),
    /// A file is larger than it may be.
    TooLarge(&'static str),
    /// A file has a line of that name, but none that is of its form.
    Line(&'static str, String),
    /// getent could not be run or did not end as it should.
    Getent(NoAnswer),
    /// getent ended with an unexpected status.
    GetentStatus(u8),
    /// getent's answer is not what was asked for.
    GetentAnswer(&'static str, String),
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(file, error) => write!(f, "cannot read {file}: {error}"),
            Self::NotTrusted(file) => {
                write!(
                    f,
                    "{file} is not a regular file that only root can write; set its owner and mode right"
                )
            }
            Self::TooLarge(file) => write!(f, "{file} is larger than {MAX_FILE} bytes"),
            Self::Line(file, name) => {
                write!(f, "the line of '{}' in {file} is not valid; correct it", name.escape_debug())
            }
            Self::Getent(error) => write!(f, "{GETENT}, needed for what is not in the local files: {error}"),
            Self::GetentStatus(status) => write!(f, "{GETENT} ended with status {status}"),
            Self::GetentAnswer(database, key) => {
                let key = key.escape_debug();
                write!(f, "{GETENT} {database} {key} gave an answer that cannot be used")
            }
        }
    }
}

impl std::error::Error for DatabaseError {}
