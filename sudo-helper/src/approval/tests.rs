//! Requests on a folder of their own, with threads and processes that race.

mod decisions;
mod records;
mod waiting;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);
/// A requester.
const AGENT: u32 = 1000;
/// Nothing tells that the caller is gone.
const ALWAYS_THERE: Watch<'static> = Watch { readable: &[], hang_up: &[] };

struct Bed {
    store: Store,
    run: TempDir,
}

impl Bed {
    fn new() -> Self {
        let run = tempfile::tempdir().expect("a folder");
        Self { store: store_in(run.path().join("run")), run }
    }

    fn requests(&self) -> PathBuf {
        self.run.path().join("run").join(FOLDER)
    }

    /// What is in the folder besides the lock.
    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.requests()).expect("a folder");
        let names = names.map(|entry| entry.expect("a name").file_name().into_string().expect("text"));
        names.filter(|name| name != "lock").collect()
    }

    /// Waits until there are so many. A process that another test starts holds what we have dropped
    /// until it executes its program.
    fn until(&self, count: usize) {
        let there = |requests: &[Request]| match requests.len() {
            length if length == count => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        self.store.watch(&ALWAYS_THERE, there).expect("watched");
    }

    fn submit(&self) -> Claim {
        self.store.submit(&asking(AGENT, LONG)).expect("submitted")
    }

    fn submit_detached(&self) -> RequestId {
        self.store.submit_detached(&asking(AGENT, LONG)).expect("submitted").id
    }
}

fn store_in(run: PathBuf) -> Store {
    Store::open(&RunFolder::open(&run).expect("a folder")).expect("a store")
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn subject(uid: u32) -> Subject {
    Subject {
        uid,
        operation: words("package install docker.io"),
        argv: words("/usr/bin/apt-get install -- docker.io"),
        plan: vec!["Inst docker.io 20.10".to_owned(), "Inst runc 1.1".to_owned()],
    }
}

fn asking(uid: u32, timeout: Duration) -> NewRequest {
    let id = RequestId::random().expect("an id");
    let risks = vec!["docker is root".to_owned()];
    NewRequest { id, subject: subject(uid), no_block: false, user: "agent".into(), risks, timeout }
}

fn alice() -> Approver {
    Approver { uid: 2000, user: "alice".into() }
}

fn bob() -> Approver {
    Approver { uid: 2001, user: "bob".into() }
}

/// What `wait ID` does.
fn fetch(store: &Store, id: RequestId) -> Result<(Request, Approver), ApprovalError> {
    let claim = store.claim(id, AGENT)?;
    match store.await_decision(&claim, &ALWAYS_THERE)? {
        Outcome::Approved => store.take(claim, &subject(AGENT)),
        _ => Err(ApprovalError::NotApproved(id)),
    }
}
