//! LOG: opened, locked and made empty before the command starts, written while it runs.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fchmod};

use crate::output::Output;
use crate::place::{Place, PlaceError};
use crate::size_cap::{CappedLog, SizeCap};
use crate::sys;

/// What a new log is made with, before the umask: a transcript is its owner's business.
const NEW_MODE: u32 = 0o600;

/// How LOG is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Keep what is there.
    pub append: bool,
    /// Mode of a new file, whatever the umask.
    pub mode: Option<u32>,
    /// Follow no symbolic link at the end of the path.
    pub no_follow: bool,
    /// Keep only the head and the tail.
    pub cap: Option<SizeCap>,
}

/// Why LOG cannot be used.
#[derive(Debug)]
pub enum LogError {
    /// Its path is refused or cannot be opened.
    Place(PlaceError),
    /// Another run holds it.
    InUse(PathBuf),
    /// A cap needs a file that can be written anywhere.
    NotRegular(PathBuf),
    /// A system call failed.
    Call(PathBuf, io::Error),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(error) => error.fmt(f),
            Self::InUse(path) => write!(f, "log in use: {} is held by another run", path.display()),
            Self::NotRegular(path) => {
                write!(f, "--max-size needs a regular file, which {} is not", path.display())
            }
            Self::Call(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for LogError {}

/// LOG, open and locked, with what it held still in it.
#[derive(Debug)]
pub struct OpenLog {
    file: File,
    path: PathBuf,
    options: LogOptions,
    /// Whether another run appends to it too.
    shared: bool,
}

impl OpenLog {
    /// Opens and locks it.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn open(path: &Path, options: LogOptions) -> Result<Self, LogError> {
        let call = |error| LogError::Call(path.to_owned(), error);
        let place = Place::find(path, options.no_follow).map_err(LogError::Place)?;
        let (file, shared) = match place {
            Place::Descriptor(fd) => (sys::duplicate(fd).map_err(call)?, false),
            Place::Named(named) => {
                let (file, made) =
                    named.open(options.access(), NEW_MODE).map_err(|error| LogError::Place(error.into()))?;
                if let Some(mode) = options.mode.filter(|_| made) {
                    fchmod(&file, Mode::from_bits_truncate(mode)).map_err(|errno| call(errno.into()))?;
                }
                let shared = lock(&file, path, options.append)?;
                (file, shared)
            }
        };
        if options.cap.is_some() && !file.metadata().map_err(call)?.is_file() {
            return Err(LogError::NotRegular(path.to_owned()));
        }
        Ok(Self { file, path: path.to_owned(), options, shared })
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether another run holds the lock and appends to it too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Takes away what it held, unless that is to be kept.
    ///
    /// # Errors
    /// Those of ftruncate(2).
    pub fn begin(&self) -> Result<(), LogError> {
        let call = |error| LogError::Call(self.path.clone(), error);
        if !self.options.append && self.file.metadata().map_err(call)?.is_file() {
            self.file.set_len(0).map_err(call)?;
        }
        Ok(())
    }

    /// Makes it ready for writing.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn into_log(self) -> Result<Log, LogError> {
        let call = |error| LogError::Call(self.path.clone(), error);
        let body = match self.options.cap {
            Some(cap) => Body::Capped(CappedLog::new(self.file, cap)),
            None => Body::Whole(Output::new(self.file).map_err(call)?),
        };
        Ok(Log { body: Some(body), path: self.path, error: None, truncated: false })
    }
}

impl LogOptions {
    fn access(&self) -> OFlag {
        let access = if self.cap.is_some() { OFlag::O_RDWR } else { OFlag::O_WRONLY };
        if self.append { access | OFlag::O_APPEND } else { access }
    }
}

/// Locks a regular file without waiting; the lock tells that a run goes on, and ends with it even
/// when it is killed (flock(2)). Returns whether another run holds it, where that does not matter.
fn lock(file: &File, path: &Path, append: bool) -> Result<bool, LogError> {
    let call = |error| LogError::Call(path.to_owned(), error);
    if !file.metadata().map_err(call)?.is_file() {
        return Ok(false);
    }
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) if append => Ok(true),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(call(error)),
    }
}

#[derive(Debug)]
enum Body {
    Whole(Output),
    Capped(CappedLog),
}

/// LOG while the command runs. After an error nothing more is written to it.
#[derive(Debug)]
pub struct Log {
    body: Option<Body>,
    path: PathBuf,
    error: Option<String>,
    truncated: bool,
}

impl Log {
    /// Writes to it, and waits for it where it stalls until that is `given_up`. The first error is
    /// returned, as a sentence; later calls do nothing.
    ///
    /// # Errors
    /// Those of the file.
    pub fn push(&mut self, bytes: &[u8], given_up: &AtomicBool) -> Result<(), String> {
        let result = match &mut self.body {
            None => Ok(()),
            Some(Body::Whole(output)) => output.write_until(bytes, given_up),
            Some(Body::Capped(log)) => log.write(bytes),
        };
        result.map_err(|error| self.fail(&error))
    }

    /// Notes that something is missing in it; the sentence to tell, the first time.
    pub fn lose(&mut self, why: &str) -> Option<String> {
        let first = self.error.is_none();
        self.error.get_or_insert_with(|| why.to_owned());
        first.then(|| format!("{}: {why}; it lacks what they took", self.path.display()))
    }

    /// Completes it: what a cap left out is marked.
    ///
    /// # Errors
    /// Those of the file.
    pub fn finish(&mut self) -> Result<(), String> {
        let result = match &mut self.body {
            Some(Body::Capped(log)) => log.finish().map(|truncated| self.truncated = truncated),
            Some(Body::Whole(_)) | None => Ok(()),
        };
        result.map_err(|error| self.fail(&error))
    }

    /// What went wrong, if anything did.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether a cap left something out.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn fail(&mut self, error: &io::Error) -> String {
        self.body = None;
        let sentence =
            format!("{}: {error}; it lacks what comes now, the command goes on", self.path.display());
        self.error = Some(error.to_string());
        sentence
    }
}
