//! One call with root's rights: its surroundings, its caller, its record.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use nix::unistd::dup2_stdin;

use crate::answer::{Answer, Exit, Failure};
use crate::audit::{self, Decision, OneLine, OpenRequest, OpenRequests, Record};
use crate::caller::{Caller, is_root, through_sudo};
use crate::cgroup::{Forked, fork_outside};
use crate::front::Front;
use crate::pending;
use crate::process::Starter;
use crate::random_id::RequestId;
use crate::run_folder::{RUN_FOLDER, RunFolder};
use crate::slot::Slot;
use crate::surroundings;

/// The code of an answer that leaves an operation to `wait`.
pub const PENDING: &str = "pending";

/// What every call with root's rights has.
pub struct Session {
    /// Who calls.
    pub caller: Caller,
    /// What starts programs.
    pub starter: Starter,
    /// What only root sees.
    pub folder: RunFolder,
    /// The columns of the terminal that the caller's standard output is; `None` when it is none.
    pub terminal: Option<usize>,
    requests: OpenRequests,
    /// Whether the caller cannot freeze or kill us.
    outside: bool,
    /// One of the calls that the caller may have; `None` without sudo.
    slot: Result<Option<Slot>, Failure>,
}

/// One of the two processes of a call.
pub enum Entered {
    /// The one that does it.
    Session(Box<Session>),
    /// The one that sudo has started, which waits for the other.
    Front(Front),
}

/// A request of which the log knows, and that has to have an end in it.
pub struct Recorded {
    record: Record,
    begin: Instant,
}

impl Session {
    /// Makes sure that we are root, undoes what the caller had passed on, and records what earlier
    /// calls have left without an end. What sudo has started goes on in a process, session and cgroup
    /// of its own, where neither sudo nor the caller can end it. To be called from the only thread.
    ///
    /// # Errors
    /// When we are not root, or something would let an operation end half-way.
    pub fn enter() -> Result<Entered, Failure> {
        if !is_root() {
            let error = "this needs root: run it as sudo -n sudo-helper";
            return Err(Failure::new(Exit::Failed, "not-root", &error));
        }
        let caller = Caller::examine().map_err(|error| Failure::new(Exit::Failed, "bad-caller", &error))?;
        surroundings::restore().map_err(|error| Failure::new(Exit::Failed, "surroundings", &error))?;
        let call = |what: &'static str| {
            move |error: io::Error| Failure::new(Exit::Failed, "unusable", &format_args!("{what}: {error}"))
        };
        File::open("/dev/null").and_then(|null| Ok(dup2_stdin(null)?)).map_err(call("/dev/null"))?;
        let starter = Starter::new().map_err(call("signals"))?;
        // Without sudo it is root itself that calls, or systemd for a unit of ours.
        let through_sudo = through_sudo();
        let terminal = pending::terminal();
        let outside = match through_sudo.then(fork_outside).transpose().map_err(call("fork"))? {
            Some(Forked::Front(worker, ends)) => return Ok(Entered::Front(Front { worker, ends })),
            Some(Forked::Apart { outside }) => outside,
            None => true,
        };
        let folder = RunFolder::open(Path::new(RUN_FOLDER)).map_err(call(RUN_FOLDER))?;
        let requests = OpenRequests::open(&folder).map_err(call(RUN_FOLDER))?;
        if let Err(error) = requests.sweep(audit::write) {
            diagnostics::complain("sudo-helper", &format_args!("requests without an end: {error}"));
        }
        let slot = through_sudo.then(|| Slot::take(&folder, caller.uid)).transpose();
        Ok(Entered::Session(Box::new(Self { caller, starter, folder, terminal, requests, outside, slot })))
    }

    /// Whether this call may be one more of its caller's, and one that changes something.
    ///
    /// # Errors
    /// When the caller has too many, or could stop us half-way.
    pub fn admit(&self, changes: bool) -> Result<(), Failure> {
        self.slot.as_ref().map_err(Clone::clone)?;
        if self.outside || !changes {
            return Ok(());
        }
        let error = "the caller may own the cgroup that this runs in, and there is no way out of it: mount \
            cgroup2 on /sys/fs/cgroup, writable";
        Err(Failure::new(Exit::Failed, "caller-cgroup", &error))
    }

    /// One of the calls of a user, for work that goes on apart from the call that asked for it.
    ///
    /// # Errors
    /// When the user has too many.
    pub fn slot_for(&self, request: &Recorded) -> Result<Option<Slot>, Failure> {
        match &self.slot {
            Ok(None) => Slot::take(&self.folder, request.record.caller.uid).map(Some),
            _ => Ok(None),
        }
    }

    /// A request that the log does not know yet.
    ///
    /// # Errors
    /// Those of getrandom(2).
    pub fn request(&self, operation: &str) -> Result<Recorded, Failure> {
        let id = RequestId::random().map_err(|error| Failure::new(Exit::Failed, "unusable", &error))?;
        Ok(self.request_as(id, operation))
    }

    /// A request by a name that the log knows already: more is asked for about it.
    #[must_use]
    pub fn request_as(&self, id: RequestId, operation: &str) -> Recorded {
        let record = Record::request(id, self.caller.clone(), OneLine::text(operation));
        Recorded { record, begin: Instant::now() }
    }

    /// A short request that changes nothing: recorded before and after.
    #[must_use]
    pub fn recorded(&self, operation: &str, body: impl FnOnce() -> Answer) -> Answer {
        let mut request = match self.request(operation) {
            Ok(request) => request,
            Err(failure) => return failure.into(),
        };
        // What it ends with says more than what it begins with.
        let _ = request.write(None, &[]);
        let answer = body();
        request.end(answer.exit(), &answer);
        answer.to(&request.id(), None)
    }

    /// Marks a request as being carried out, until its end is recorded.
    ///
    /// # Errors
    /// When that cannot be noted: it must not begin then.
    pub fn begin(&self, request: &Recorded) -> Result<OpenRequest, Failure> {
        self.requests
            .begin(&request.record)
            .map_err(|error| Failure::new(Exit::Failed, "unusable", &format_args!("{RUN_FOLDER}: {error}")))
    }

    /// Records how a request ended that was carried out.
    pub fn finish(&self, request: &mut Recorded, answer: &Answer) {
        request.end(answer.exit(), answer);
        if let Err(error) = self.requests.end(request.id()) {
            diagnostics::complain("sudo-helper", &format_args!("{RUN_FOLDER}: {error}"));
        }
    }

    /// Takes over a request that another process of ours has marked.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn adopt(&self, id: RequestId) -> io::Result<(OpenRequest, Recorded)> {
        let (open, record) = self.requests.adopt(id)?;
        Ok((open, Recorded { record, begin: Instant::now() }))
    }
}

/// The answer to a call that could not enter. Whatever stands in its way, root's log has it.
#[must_use]
pub fn turned_away(operation: &str, failure: Failure) -> Answer {
    if !is_root() {
        return failure.into();
    }
    let Ok(id) = RequestId::random() else { return failure.into() };
    let caller = Caller::examine().unwrap_or_else(|_| Caller::unknown());
    let record = Record::request(id, caller, OneLine::text(operation));
    let mut request = Recorded { record, begin: Instant::now() };
    request.refuse(&failure);
    Answer::from(failure).to(&id, None)
}

impl Recorded {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.record.request_id
    }

    /// Records what was decided and will be run, before it is.
    ///
    /// # Errors
    /// When no log takes it.
    pub fn write(&mut self, decision: Option<Decision>, argv: &[String]) -> Result<(), Failure> {
        self.record.decision = decision;
        self.record.argv = (!argv.is_empty()).then(|| OneLine::words(argv));
        audit::write(&self.record).map_err(|error| Failure::new(Exit::Failed, "audit", &error))
    }

    /// Records that it was asked for and not done.
    pub fn refuse(&mut self, failure: &Failure) {
        // One that was recorded before has its argv already.
        if self.record.decision.is_none() && self.write(Some(Decision::Denied), &[]).is_err() {
            diagnostics::complain("sudo-helper", &"no log took the record of a refused request");
        }
        self.end(failure.exit(), &Answer::from(failure.clone()));
    }

    /// Records how it ended.
    pub fn end(&mut self, exit: Exit, answer: &Answer) {
        let waits = answer.why().is_some_and(|why| why.code() == PENDING);
        if matches!(exit, Exit::Denied | Exit::Policy | Exit::Approval) && !waits {
            self.record.decision = Some(Decision::Denied);
        }
        let returncode = answer.program().map(|ran| ran.returncode);
        let code = answer.why().map(Failure::code);
        if let Err(error) = audit::write(&self.record.result(returncode, code, self.begin.elapsed())) {
            diagnostics::complain("sudo-helper", &error);
        }
    }
}
