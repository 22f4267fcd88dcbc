//! The approver's side: what waits, and a yes or a no to it.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};

use accounts::Database;
use serde_json::{Value, json};

use crate::answer::{Answer, Exit, Failure};
use crate::approval::{ApprovalError, Approver, Request, State, Store, Watch};
use crate::audit::{self, Decision, Event, OneLine, Record};
use crate::caller::WatchError;
use crate::consent::not_approved;
use crate::pending::state;
use crate::policy::Policy;
use crate::policy_file;
use crate::random_id::RequestId;
use crate::session::Session;

/// A yes or a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Approve,
    /// It will not be.
    Deny,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    /// Whether `uid` can decide so as things stand; the store makes sure of it when it takes effect.
    fn possible(self, request: &Request, uid: u32) -> Result<(), ApprovalError> {
        match (self, &request.state) {
            (Self::Approve, _) if request.subject.uid == uid => Err(ApprovalError::Own(request.id)),
            (_, State::Pending) | (Self::Deny, State::Approved(_)) => Ok(()),
            (_, state) => Err(ApprovalError::Decided(request.id, state.clone())),
        }
    }
}

/// Writes a record; unless it is `required`, one that no log takes is only complained of.
fn write(record: &Record, required: bool) -> Result<(), Failure> {
    match audit::write(record) {
        Err(error) if required => Err(Failure::new(Exit::Failed, "audit", &error)),
        Err(error) => {
            diagnostics::complain("sudo-helper", &error);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

impl Session {
    /// Decides about a request of somebody else's.
    #[must_use]
    pub fn decide(&self, verdict: Verdict, id: &str) -> Answer {
        let decided = || -> Result<Answer, Failure> {
            let id = RequestId::parse(id).map_err(|error| Failure::new(Exit::Usage, "usage", &error))?;
            let policy = policy_file::load()?;
            self.approver(&policy)?;
            let store = self.approvals()?;
            let request = self.found(&store, verdict, id).map_err(|error| not_approved(&error))?;
            let mut record = self.verdict_record(verdict, &request);
            write(&record, policy.audit_required())?;
            let by = Approver { uid: self.caller.uid, user: self.caller.user.clone().unwrap_or_default() };
            let decided = match verdict {
                Verdict::Approve => store.approve(id, by),
                Verdict::Deny => store.deny(id, by),
            };
            let request = decided.map_err(|error| {
                // Somebody else came first: the log must not end with what did not take effect.
                record.decision = None;
                record.code = Some(OneLine::text(error.code()));
                let _ = write(&record, false);
                not_approved(&error)
            })?;
            Ok(Answer::success().with_all(&described(&request)))
        };
        self.recorded(&format!("{} {}", verdict.word(), id.escape_debug()), || {
            decided().unwrap_or_else(Answer::from)
        })
    }

    /// The request that the verdict is about, if it can be given as things stand.
    fn found(&self, store: &Store, verdict: Verdict, id: RequestId) -> Result<Request, ApprovalError> {
        let request = store.pending()?.into_iter().find(|request| request.id == id);
        let request = request.ok_or(ApprovalError::Unknown(id))?;
        verdict.possible(&request, self.caller.uid).map(|()| request)
    }

    /// The verdict among the records of the request that it is about, beside those of the approver's
    /// own call. One with a code was given and did not take effect.
    fn verdict_record(&self, verdict: Verdict, request: &Request) -> Record {
        let decision = match verdict {
            Verdict::Approve => Decision::Allowed,
            Verdict::Deny => Decision::Denied,
        };
        let record = Record::request(request.id, self.caller.clone(), OneLine::text(&request.display()));
        let argv = Some(OneLine::words(&request.subject.argv));
        Record { event: Event::Approval, decision: Some(decision), argv, ..record }
    }

    /// What waits now.
    ///
    /// # Errors
    /// When the caller is no approver.
    pub fn pending(&self) -> Result<Vec<Request>, Failure> {
        self.approver(&policy_file::load()?)?;
        self.approvals()?.pending().map_err(|error| not_approved(&error))
    }

    /// Tells what waits, at each change, until the caller goes.
    ///
    /// # Errors
    /// When the caller is no approver, or the requests cannot be watched.
    pub fn watch_pending(&self, show: impl Fn(&[Request]) -> String) -> Result<(), Failure> {
        self.approver(&policy_file::load()?)?;
        let caller = match self.caller.watched() {
            Ok(caller) => caller,
            Err(WatchError::Gone) => return Ok(()),
            Err(error) => return Err(Failure::new(Exit::Failed, "unusable", &error)),
        };
        let signals =
            crate::consent::endings().map_err(|error| Failure::new(Exit::Failed, "unusable", &error))?;
        let mut readable: Vec<BorrowedFd<'_>> = caller.iter().map(AsFd::as_fd).collect();
        readable.push(signals.as_fd());
        let stdout = io::stdout();
        let watch = Watch { readable: &readable, hang_up: &[stdout.as_fd()] };
        let show = |requests: &[Request]| {
            let mut stdout = io::stdout();
            match stdout.write_all(show(requests).as_bytes()).and_then(|()| stdout.flush()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        self.approvals()?.watch(&watch, show).map_err(|error| not_approved(&error))
    }

    /// Whether the caller is one whom the policy lets decide.
    fn approver(&self, policy: &Policy) -> Result<(), Failure> {
        let database = Database::read().map_err(|error| Failure::new(Exit::Failed, "unusable", &error))?;
        for name in &policy.approval().approvers {
            match database.account(name.as_str()) {
                Ok(Some(account)) if account.uid == self.caller.uid => return Ok(()),
                Ok(_) => {}
                Err(error) => diagnostics::complain("sudo-helper", &error),
            }
        }
        let error = format!("uid {} is no approver of this machine's policy", self.caller.uid);
        Err(Failure::new(Exit::Denied, "denied", &error))
    }
}

/// A request as data.
#[must_use]
pub fn described(request: &Request) -> Value {
    let time = |time| humantime::format_rfc3339_seconds(time).to_string();
    json!({
        "id": request.id.to_string(),
        "op": request.display(),
        "argv": request.subject.argv,
        "plan": request.plan(),
        "risks": request.risks,
        "uid": request.subject.uid,
        "user": request.user,
        "created": time(request.created),
        "expires": time(request.expires),
        "detached": request.detached,
        "state": state(request),
    })
}

/// Requests for a program.
#[must_use]
pub fn as_answer(requests: &[Request]) -> Answer {
    Answer::success().with("pending", requests.iter().map(described).collect::<Vec<_>>())
}
