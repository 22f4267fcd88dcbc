//! The folder of requests, as it is for one process at a time.
//!
//! `ID.json` is a request's record, written whole under another name and renamed. `ID.bell` is its
//! bell. Whatever a process does here it does under the lock, so that whoever has the lock and finds
//! anything else knows that it was left by a process that was killed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};

use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, OFlag, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::approval::bell::{Bell, Presence};
use crate::approval::request::Request;
use crate::file_lock::lock_within;
use crate::random_id::RequestId;
use crate::run_folder::RunFolder;

/// Largest record in bytes.
pub(super) const MAX_RECORD: usize = 128 << 10;
/// How long the lock is waited for. It is held for moments, but by a process that may be stopped:
/// by whoever owns its control group, say.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);
/// Most names that are looked at; requests are far fewer.
const MAX_NAMES: usize = 1024;
const LOCK: &str = "lock";
const RECORD: &str = ".json";
const BELL: &str = ".bell";
const NEW: &str = ".new";

/// What a name in the folder stands for.
enum Name {
    Lock,
    Record(RequestId),
    Bell(RequestId),
    Stray,
}

impl Name {
    fn parse(name: &str) -> Self {
        let id = |suffix| name.strip_suffix(suffix).and_then(|id| RequestId::parse(id).ok());
        match (id(RECORD), id(BELL)) {
            (Some(id), _) => Self::Record(id),
            (_, Some(id)) => Self::Bell(id),
            _ if name == LOCK => Self::Lock,
            _ => Self::Stray,
        }
    }
}

/// The folder while nobody else is at it.
pub(super) struct Locked<'a> {
    folder: &'a RunFolder,
    _lock: Flock<File>,
}

impl<'a> Locked<'a> {
    /// Takes the lock.
    ///
    /// # Errors
    /// Those of openat(2) and flock(2), and TimedOut.
    pub(super) fn within(folder: &'a RunFolder, limit: Duration) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(folder, LOCK, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        let late =
            || format!("another sudo-helper has held its lock for {} s; fuser(1) names it", limit.as_secs());
        let lock = lock_within(file, limit)?;
        let lock = lock.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, late()))?;
        Ok(Self { folder, _lock: lock })
    }

    /// The requests that still wait. What has ended, what its requester has left and what is no
    /// record is removed.
    pub(super) fn sweep(&self, now: Duration) -> io::Result<Vec<Request>> {
        let mut requests = Vec::new();
        let mut bells = Vec::new();
        for name in self.names()? {
            match Name::parse(&name) {
                Name::Lock => {}
                Name::Stray => self.unlink(&name)?,
                Name::Bell(id) => bells.push(id),
                Name::Record(id) => match self.read(&id, now)? {
                    Some(request) if !request.is_over(now) && self.is_attended(&request)? => {
                        requests.push(request);
                    }
                    _ => self.remove(&id)?,
                },
            }
        }
        bells.retain(|id| !requests.iter().any(|request| request.id == *id));
        bells.iter().try_for_each(|id| self.remove(id))?;
        Ok(requests)
    }

    /// A request's record; `None` when there is none, or something that is none.
    pub(super) fn read(&self, id: &RequestId, now: Duration) -> io::Result<Option<Request>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = match openat(self.folder, record(id).as_str(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let stat = fstat(&file)?;
        let ours = SFlag::S_IFREG.bits() | (Mode::S_IRUSR | Mode::S_IWUSR).bits();
        if stat.st_mode != ours || stat.st_uid != geteuid().as_raw() || stat.st_nlink != 1 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(MAX_RECORD as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_RECORD {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&bytes).ok().filter(|request: &Request| request.is_sound(id, now)))
    }

    /// Writes a request's record, whole or not at all.
    pub(super) fn write(&self, id: &RequestId, bytes: &[u8]) -> io::Result<()> {
        let new = format!("{id}{NEW}");
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(self.folder, new.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        let written = file.write_all(bytes);
        let renamed =
            written.and_then(|()| Ok(renameat(self.folder, new.as_str(), self.folder, record(id).as_str())?));
        renamed.or_else(|error| self.unlink(&new).and(Err(error)))
    }

    /// Makes a new request's bell, and waits at it.
    pub(super) fn make_bell(&self, id: &RequestId) -> io::Result<Bell> {
        Bell::make(self.folder, &bell(id))
    }

    /// A request's bell, to wait at it or to ring it.
    pub(super) fn hold_bell(&self, id: &RequestId) -> io::Result<Bell> {
        Bell::hold(self.folder, &bell(id))
    }

    /// That of the process that waits for a request; `None` when none does.
    pub(super) fn presence(&self, id: &RequestId) -> io::Result<Option<Presence>> {
        Presence::at(self.folder, &bell(id))
    }

    /// Ends a request. The record goes first: a bell alone stands for nothing.
    pub(super) fn remove(&self, id: &RequestId) -> io::Result<()> {
        self.unlink(&record(id))?;
        self.unlink(&bell(id))
    }

    fn is_attended(&self, request: &Request) -> io::Result<bool> {
        Ok(request.detached || self.presence(&request.id)?.is_some())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        // The folder that is held open, whatever its path names by now.
        let path = format!("/proc/self/fd/{}", self.folder.as_fd().as_raw_fd());
        let names = std::fs::read_dir(path)?.take(MAX_NAMES);
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        match unlinkat(self.folder, name, UnlinkatFlags::NoRemoveDir) {
            // A folder is nothing of ours, and is never read.
            Ok(()) | Err(Errno::ENOENT | Errno::EISDIR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn record(id: &RequestId) -> String {
    format!("{id}{RECORD}")
}

fn bell(id: &RequestId) -> String {
    format!("{id}{BELL}")
}
