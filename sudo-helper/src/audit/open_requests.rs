//! Requests that are being carried out: what is still here when its program is gone was broken off.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::AuditError;
use super::record::Record;
use crate::random_id::RequestId;
use crate::run_folder::RunFolder;

/// The folder in the run folder.
const FOLDER: &str = "open";
/// Largest record: its texts are bounded and take less, JSON's escapes included.
const MAX_RECORD: u64 = 256 << 10;
/// Most files that are looked at in one run; most of them belong to programs that live.
const MAX_LOOKED_AT: usize = 1024;
/// Most requests that are recorded as aborted in one run.
const MAX_SWEPT: usize = 32;
/// How often the folder's lock is tried for, and the pause between; its holders are quick.
const LOCK_TRIES: u32 = 400;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The folder of the requests that are being carried out: a file each, locked while its program lives.
///
/// A file is made and locked under a shared lock of the folder, and files are looked for under an
/// exclusive one: so a file that can be locked is one whose program has ended.
#[derive(Debug)]
pub struct OpenRequests(RunFolder);

/// A request that is being carried out.
#[derive(Debug)]
pub struct OpenRequest {
    folder: File,
    id: RequestId,
    /// Holds the lock of flock(2), which also a forked child keeps.
    _locked: File,
}

impl OpenRequests {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// See [`RunFolder::folder`].
    pub fn open(run: &RunFolder) -> io::Result<Self> {
        run.folder(FOLDER).map(Self)
    }

    /// Notes a request before anything is done for it.
    ///
    /// # Errors
    /// The file cannot be made, EEXIST for an id that is in use included.
    pub fn begin(&self, record: &Record) -> io::Result<OpenRequest> {
        let folder = self.folder()?;
        lock_shared(&folder)?;
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let name = record.request_id.to_string();
        let mut file = File::from(openat(&folder, name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        file.try_lock_shared().map_err(io::Error::from)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        folder.unlock()?;
        Ok(OpenRequest { folder, id: record.request_id, _locked: file })
    }

    /// Takes over a request that another process of ours has begun: it is being carried out as long as
    /// one of the two lives.
    ///
    /// # Errors
    /// ENOENT when its end is recorded already.
    pub fn adopt(&self, id: RequestId) -> io::Result<(OpenRequest, Record)> {
        let folder = self.folder()?;
        lock_shared(&folder)?;
        let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(&folder, id.to_string().as_str(), flags, Mode::empty())?);
        file.try_lock_shared().map_err(io::Error::from)?;
        let record = read(&mut file).ok_or(io::ErrorKind::InvalidData)?;
        folder.unlock()?;
        Ok((OpenRequest { folder, id, _locked: file }, record))
    }

    /// Has `log` record each request as aborted whose program has ended without a result, and
    /// forgets those that it took. Returns how many these were.
    ///
    /// # Errors
    /// The folder cannot be read, or `log` does not take a record: it stays for a later run.
    pub fn sweep(&self, mut log: impl FnMut(&Record) -> Result<(), AuditError>) -> io::Result<usize> {
        let folder = self.folder()?;
        let ended = match folder.try_lock() {
            Ok(()) => self.ended(&folder)?,
            // Somebody begins a request or sweeps: a later run does what is left.
            Err(TryLockError::WouldBlock) => return Ok(0),
            Err(TryLockError::Error(error)) => return Err(error),
        };
        folder.unlock()?;
        let mut swept = 0;
        for (id, mut file) in ended {
            // A file that is not whole was left before its request was recorded or begun.
            if let Some(record) = read(&mut file) {
                log(&record.aborted()).map_err(io::Error::other)?;
                swept += 1;
            }
            forget(&folder, id)?;
        }
        Ok(swept)
    }

    /// The files that can be locked, locked.
    fn ended(&self, folder: &File) -> io::Result<Vec<(RequestId, File)>> {
        let mut ended = Vec::new();
        let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
        for entry in fs::read_dir(path)?.take(MAX_LOOKED_AT) {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| RequestId::parse(name).ok()) else { continue };
            let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let file = match openat(folder, name.as_os_str(), flags, Mode::empty()) {
                Ok(file) => File::from(file),
                Err(Errno::ENOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            // One without a name is that of a sweep that has just finished with it.
            if file.try_lock().is_ok() && file.metadata()?.nlink() > 0 {
                ended.push((id, file));
            }
            if ended.len() == MAX_SWEPT {
                break;
            }
        }
        Ok(ended)
    }

    /// The folder, opened anew: a lock belongs to what one open(2) made.
    fn folder(&self) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(File::from(openat(self.0.as_fd(), ".", flags, Mode::empty())?))
    }
}

impl OpenRequest {
    /// Forgets the request, once its result is recorded. What is dropped without this is recorded
    /// as aborted at the next start.
    ///
    /// # Errors
    /// Those of unlinkat(2).
    pub fn end(self) -> io::Result<()> {
        forget(&self.folder, self.id)
    }
}

fn forget(folder: &File, id: RequestId) -> io::Result<()> {
    Ok(unlinkat(folder, id.to_string().as_str(), UnlinkatFlags::NoRemoveDir)?)
}

fn read(file: &mut File) -> Option<Record> {
    let mut json = Vec::new();
    file.take(MAX_RECORD).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

fn lock_shared(folder: &File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match folder.try_lock_shared() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
    Err(Errno::EAGAIN.into())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::audit::record::tests::record;
    use crate::audit::{Event, OneLine};
    use crate::caller::Parent;

    struct Bed {
        _parent: tempfile::TempDir,
        path: PathBuf,
        requests: OpenRequests,
    }

    fn bed() -> Bed {
        let parent = tempfile::tempdir().expect("a folder");
        let run = RunFolder::open(&parent.path().join("run")).expect("made");
        let requests = OpenRequests::open(&run).expect("made");
        Bed { path: parent.path().join("run/open"), _parent: parent, requests }
    }

    fn another() -> Record {
        Record { request_id: RequestId::random().expect("an id"), ..record() }
    }

    fn sweep(bed: &Bed) -> Vec<Record> {
        let mut logged = Vec::new();
        let log = |record: &Record| {
            logged.push(record.clone());
            Ok(())
        };
        bed.requests.sweep(log).expect("swept");
        logged
    }

    fn files(bed: &Bed) -> usize {
        fs::read_dir(&bed.path).expect("read").count()
    }

    #[test]
    fn a_request_that_ended_leaves_nothing() {
        let bed = bed();
        bed.requests.begin(&record()).expect("begun").end().expect("ended");
        assert_eq!(files(&bed), 0);
        assert_eq!(sweep(&bed), []);
    }

    #[test]
    fn what_was_broken_off_is_recorded_once() {
        let bed = bed();
        let living = bed.requests.begin(&another()).expect("begun");
        drop(bed.requests.begin(&record()).expect("begun"));
        let logged = sweep(&bed);
        assert_eq!(logged, [record().aborted()]);
        assert_eq!(logged[0].event, Event::Aborted);
        assert_eq!(sweep(&bed), [], "the living one is left alone");
        living.end().expect("ended");
        assert_eq!(files(&bed), 0);
    }

    #[test]
    fn the_largest_record_that_a_caller_can_provoke_is_read_back() {
        let bed = bed();
        let mut large = record();
        let hostile = || "\u{1}".repeat(256);
        large.caller.user = Some(hostile());
        large.caller.parents = vec![Parent { pid: u32::MAX, exe: Some(hostile()) }; 16];
        large.operation = OneLine::text(&"\\".repeat(5000));
        large.argv = Some(large.operation.clone());
        drop(bed.requests.begin(&large).expect("begun"));
        assert_eq!(sweep(&bed), [large.aborted()]);
    }

    #[test]
    fn an_id_in_use_is_refused() {
        let bed = bed();
        let _living = bed.requests.begin(&record()).expect("begun");
        let twice = bed.requests.begin(&record()).expect_err("in use");
        assert_eq!(twice.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_record_that_no_log_takes_stays() {
        let bed = bed();
        drop(bed.requests.begin(&record()).expect("begun"));
        let error = || AuditError { journal: Errno::ENOENT.into(), syslog: Errno::ENOENT.into() };
        assert!(bed.requests.sweep(|_| Err(error())).is_err());
        assert_eq!(sweep(&bed).len(), 1);
    }

    #[test]
    fn what_is_not_whole_is_removed_and_what_is_not_ours_is_left() {
        let bed = bed();
        fs::write(bed.path.join(record().request_id.to_string()), b"{\"event\"").expect("written");
        fs::write(bed.path.join("other"), b"").expect("written");
        assert_eq!(sweep(&bed), []);
        assert_eq!(files(&bed), 1);
    }

    #[test]
    fn one_run_is_bounded() {
        let bed = bed();
        for _ in 0..=MAX_SWEPT {
            drop(bed.requests.begin(&another()).expect("begun"));
        }
        assert_eq!(sweep(&bed).len(), MAX_SWEPT);
        assert_eq!(sweep(&bed).len(), 1);
    }

    #[test]
    fn a_request_that_begins_during_a_sweep_is_never_taken_for_ended() {
        let bed = bed();
        let (requests, rounds) = (&bed.requests, 200);
        thread::scope(|scope| {
            let beginners: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(move || {
                        for _ in 0..rounds {
                            requests.begin(&another()).expect("begun").end().expect("still there");
                        }
                    })
                })
                .collect();
            while !beginners.iter().all(thread::ScopedJoinHandle::is_finished) {
                requests.sweep(|record| panic!("{} lives", record.request_id)).expect("swept");
            }
        });
        assert_eq!(files(&bed), 0);
    }
}
