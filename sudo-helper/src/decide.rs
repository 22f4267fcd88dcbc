//! The approver's side: what waits, and a yes or a no to it.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};

use serde_json::{Value, json};

use crate::accounts;
use crate::answer::{Answer, Exit, Failure};
use crate::approval::{Approver, Request, State, Watch};
use crate::audit::{self, Decision, Event, OneLine, Record};
use crate::caller::WatchError;
use crate::consent::not_approved;
use crate::policy::Policy;
use crate::policy_file;
use crate::random_id::RequestId;
use crate::session::Session;
use crate::table::{printable, table};

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
}

impl Session {
    /// Decides about a request of somebody else's.
    #[must_use]
    pub fn decide(&self, verdict: Verdict, id: &str) -> Answer {
        let decided = || -> Result<Answer, Failure> {
            let id = RequestId::parse(id).map_err(|error| Failure::new(Exit::Usage, "usage", &error))?;
            self.approver(&policy_file::load()?)?;
            let by = Approver { uid: self.caller.uid, user: self.caller.user.clone().unwrap_or_default() };
            let store = self.approvals()?;
            let request = match verdict {
                Verdict::Approve => store.approve(id, by),
                Verdict::Deny => store.deny(id, by),
            };
            let request = request.map_err(|error| not_approved(&error))?;
            self.record_verdict(verdict, &request);
            Ok(Answer::success().with_all(&described(&request)))
        };
        self.recorded(&format!("{} {}", verdict.word(), id.escape_debug()), || {
            decided().unwrap_or_else(Answer::from)
        })
    }

    /// Records the verdict among the records of the request that it is about, beside those of the
    /// approver's own call.
    fn record_verdict(&self, verdict: Verdict, request: &Request) {
        let decision = match verdict {
            Verdict::Approve => Decision::Allowed,
            Verdict::Deny => Decision::Denied,
        };
        let record = Record::request(request.id, self.caller.clone(), OneLine::text(&request.display()));
        let record = Record { event: Event::Approval, decision: Some(decision), ..record };
        // What it stands for is recorded again before it is done, and not done where that must not fail.
        if let Err(error) = audit::write(&record) {
            diagnostics::complain("sudo-helper", &error);
        }
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
        for name in &policy.approval().approvers {
            match accounts::uid_of(name) {
                Ok(Some(uid)) if uid == self.caller.uid => return Ok(()),
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
        "argv": request.subject.argv.iter().map(|word| printable(word)).collect::<Vec<_>>(),
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

fn state(request: &Request) -> &'static str {
    match request.state {
        State::Pending => "pending",
        State::Approved(_) => "approved",
        State::Denied(_) => "denied",
    }
}

/// Requests for a person: whole, with their plans below them.
#[must_use]
pub fn as_table(requests: &[Request]) -> String {
    if requests.is_empty() {
        return "nothing waits for approval\n".to_owned();
    }
    let mut rows = Vec::new();
    for request in requests {
        let until = humantime::format_rfc3339_seconds(request.expires).to_string();
        let who = format!("{} ({})", request.user, request.subject.uid);
        rows.push(vec![request.id.to_string(), state(request).to_owned(), who, until, request.display()]);
        let below = |line: String| vec![String::new(), String::new(), String::new(), String::new(), line];
        rows.extend(request.plan().into_iter().map(|line| below(format!("  {line}"))));
        rows.extend(request.risks.iter().map(|risk| below(format!("  ! {risk}"))));
    }
    table(&["ID", "STATE", "WHO", "UNTIL", "OPERATION"], &rows)
}

/// Requests for a program.
#[must_use]
pub fn as_answer(requests: &[Request]) -> Answer {
    Answer::success().with("pending", requests.iter().map(described).collect::<Vec<_>>())
}

/// Whether standard output is for a person.
#[must_use]
pub fn for_a_person(json: bool) -> bool {
    !json && io::stdout().is_terminal()
}
