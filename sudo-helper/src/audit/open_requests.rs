//! Requests that are being carried out: what is still here when its program is gone was broken off.

use std::fs::File;
use std::io;

use super::AuditError;
use super::record::Record;
use crate::living_file;
use crate::random_id::RequestId;
use crate::run_folder::RunFolder;

/// The folder in the run folder.
const FOLDER: &str = "open";
/// Largest record: its texts are bounded and take less, JSON's escapes included.
const MAX_RECORD: u64 = 256 << 10;
/// Most requests that are recorded as aborted in one run.
const MAX_SWEPT: usize = 32;

/// The folder of the requests that are being carried out: a file each, locked while its program lives.
#[derive(Debug)]
pub struct OpenRequests(RunFolder);

/// A request that is being carried out, as long as this is kept.
#[derive(Debug)]
pub struct OpenRequest(#[expect(dead_code, reason = "its lock ends with it")] File);

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
        living_file::make(&self.0, record.request_id, &serde_json::to_vec(record)?).map(OpenRequest)
    }

    /// Takes over a request that another process of ours has begun: it is being carried out as long as
    /// one of the two lives.
    ///
    /// # Errors
    /// ENOENT when its end is recorded already, or about to be.
    pub fn adopt(&self, id: RequestId) -> io::Result<(OpenRequest, Record)> {
        let file = living_file::join(&self.0, id)?;
        let record = read(&file).ok_or(io::ErrorKind::InvalidData)?;
        Ok((OpenRequest(file), record))
    }

    /// Forgets a request, once its result is recorded. What is dropped without this is recorded as
    /// aborted at the next start.
    ///
    /// # Errors
    /// Those of unlinkat(2).
    pub fn end(&self, id: RequestId) -> io::Result<()> {
        living_file::remove(&self.0, id)
    }

    /// Has `log` record each request as aborted whose program has ended without a result, and
    /// forgets those that it took. Returns how many these were.
    ///
    /// # Errors
    /// The folder cannot be read, or `log` does not take a record: it stays for a later run.
    pub fn sweep(&self, mut log: impl FnMut(&Record) -> Result<(), AuditError>) -> io::Result<usize> {
        let mut swept = 0;
        for (id, file) in living_file::left_behind(&self.0, MAX_SWEPT)? {
            // What is no record was not made by us.
            if let Some(record) = read(&file) {
                log(&record.aborted()).map_err(io::Error::other)?;
                swept += 1;
            }
            self.end(id)?;
        }
        Ok(swept)
    }
}

fn read(file: &File) -> Option<Record> {
    serde_json::from_slice(&living_file::contents(file, MAX_RECORD).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::thread;

    use nix::errno::Errno;

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
        let _open = bed.requests.begin(&record()).expect("begun");
        bed.requests.end(record().request_id).expect("ended");
        assert_eq!(files(&bed), 0);
        assert_eq!(sweep(&bed), []);
    }

    #[test]
    fn what_was_broken_off_is_recorded_once() {
        let bed = bed();
        let alive = another();
        let _living = bed.requests.begin(&alive).expect("begun");
        drop(bed.requests.begin(&record()).expect("begun"));
        let logged = sweep(&bed);
        assert_eq!(logged, [record().aborted()]);
        assert_eq!(logged[0].event, Event::Aborted);
        assert_eq!(sweep(&bed), [], "the living one is left alone");
        bed.requests.end(alive.request_id).expect("ended");
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
    fn a_request_lives_as_long_as_one_of_the_two_who_carry_it_out() {
        let bed = bed();
        let begun = bed.requests.begin(&record()).expect("begun");
        let (adopted, same) = bed.requests.adopt(record().request_id).expect("adopted");
        assert_eq!(same, record());
        drop(begun);
        assert_eq!(sweep(&bed), []);
        drop(adopted);
        assert_eq!(sweep(&bed), [record().aborted()]);
        let gone = bed.requests.adopt(record().request_id).expect_err("ended");
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
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
    fn what_is_no_record_is_removed_and_what_is_not_ours_is_left() {
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
                            let record = another();
                            let _open = requests.begin(&record).expect("begun");
                            let (_adopted, same) = requests.adopt(record.request_id).expect("still there");
                            assert_eq!(same, record);
                            requests.end(record.request_id).expect("still there");
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
