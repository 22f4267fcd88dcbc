//! The sequence of an operation: policy, record, approval, record, act, record.

use serde_json::json;

use crate::answer::{Answer, Exit, Failure};
use crate::approval::Approved;
use crate::audit::Decision;
use crate::cli::How;
use crate::consent::{Consent, in_time};
use crate::operation::Operation;
use crate::own_path::own_path;
use crate::policy::Policy;
use crate::policy_file;
use crate::prepare::{Act, Prepared, Simulation};
use crate::random_id::RequestId;
use crate::session::{Recorded, Session};
use crate::worker::{Delivered, Job};

/// What goes to the caller: the exit status and the line.
#[derive(Debug)]
pub struct Printed {
    /// The exit status.
    pub exit: Exit,
    /// One JSON object and the end of the line; for a person on a terminal a table.
    pub line: String,
    /// Whether a program was run for it.
    pub ran: bool,
}

impl Printed {
    /// What is for a person.
    #[must_use]
    pub fn table(text: String) -> Self {
        Self { exit: Exit::Success, line: text, ran: false }
    }

    /// What was delivered otherwise.
    #[must_use]
    pub fn silent(exit: Exit) -> Self {
        Self { exit, line: String::new(), ran: false }
    }
}

impl From<Answer> for Printed {
    fn from(answer: Answer) -> Self {
        Self { exit: answer.exit(), line: answer.line(), ran: answer.program().is_some() }
    }
}

impl From<Delivered> for Printed {
    fn from(delivered: Delivered) -> Self {
        Self { exit: delivered.exit, line: delivered.line, ran: delivered.ran }
    }
}

impl Session {
    /// Does an operation, or says why not.
    #[must_use]
    pub fn perform(&self, operation: &Operation, how: How) -> Printed {
        if how.dry_run {
            let what = format!("--dry-run {operation}");
            return self.recorded(&what, || self.dry_run(operation, how).unwrap_or_else(Answer::from)).into();
        }
        let request = match self.request(&operation.to_string()) {
            Ok(request) => request,
            Err(failure) => return Answer::from(failure).into(),
        };
        self.answered(request, operation, |request| {
            let policy = policy_file::load()?;
            let prepared = self.prepare(&policy, operation, how, Simulation::ForApproval)?;
            if !prepared.grant.approval {
                return self.act(&policy, prepared, None, request);
            }
            record(&policy, request, Decision::Pending, &prepared)?;
            if how.no_wait {
                let left = self.ask_and_leave(request.id(), &policy, &prepared, how)?;
                request.end(left.exit(), &left);
                return Ok(left.to(&request.id(), Some(operation)).into());
            }
            let consent = self.ask(request.id(), &policy, &prepared, how)?;
            self.act_with(consent, operation, how, request)
        })
    }

    /// Waits for the approval of an operation that was left with `--no-wait`, and does it.
    #[must_use]
    pub fn resume_and_perform(&self, id: RequestId) -> Printed {
        let (left, store, claim) = match self.resume(id) {
            Ok(resumed) => resumed,
            Err(failure) => return self.recorded(&format!("wait {id}"), || failure.into()).into(),
        };
        // Under the name of what was left: one name leads from the question to the result.
        let mut request = self.request_as(id, &format!("wait {id}: {}", left.display()));
        let how = How { no_block: left.no_block, ..How::default() };
        let operation = match Operation::parse(&left.subject.operation) {
            Ok(operation) => operation,
            Err(error) => {
                let failure = Failure::new(Exit::Failed, "unusable", &error);
                request.refuse(&failure);
                return Answer::from(failure).to(&id, None).into();
            }
        };
        self.answered(request, &operation, |request| {
            let consent = self.wait_for(store, claim)?;
            self.act_with(consent, &operation, how, request)
        })
    }

    fn prepare(
        &self,
        policy: &Policy,
        operation: &Operation,
        how: How,
        simulation: Simulation,
    ) -> Result<Prepared, Failure> {
        Prepared::new(policy, operation, how, simulation, &self.starter)
    }

    fn dry_run(&self, operation: &Operation, how: How) -> Result<Answer, Failure> {
        let policy = policy_file::load()?;
        let prepared = self.prepare(&policy, operation, how, Simulation::Always)?;
        Ok(described(&prepared).with("dry_run", true))
    }

    /// What is done for a request; when it is not, its record says why.
    fn answered(
        &self,
        mut request: Recorded,
        operation: &Operation,
        body: impl FnOnce(&mut Recorded) -> Result<Printed, Failure>,
    ) -> Printed {
        body(&mut request).unwrap_or_else(|failure| {
            request.refuse(&failure);
            Answer::from(failure).to(&request.id(), Some(operation)).into()
        })
    }

    /// Everything is asked again: what was approved may have changed while it waited.
    fn act_with(
        &self,
        consent: Consent,
        operation: &Operation,
        how: How,
        request: &mut Recorded,
    ) -> Result<Printed, Failure> {
        let policy = policy_file::load()?;
        let prepared = self.prepare(&policy, operation, how, Simulation::ForApproval)?;
        let approved = consent.spend(self, &prepared)?;
        self.act(&policy, prepared, Some(approved), request)
    }

    fn act(
        &self,
        policy: &Policy,
        prepared: Prepared,
        approved: Option<Approved>,
        request: &mut Recorded,
    ) -> Result<Printed, Failure> {
        record(policy, request, Decision::Allowed, &prepared)?;
        let _open = self.begin(request)?;
        let (limit, output) = (prepared.grant.timeout, policy.limits().output_bytes);
        let (operation, starter) = (&prepared.operation, &self.starter);
        let in_time = in_time(approved.as_ref());
        let done = in_time.and_then(|()| match prepared.act {
            Act::Packages => {
                let job = Job { request_id: request.id(), operation: operation.words(), approved };
                own_path().and_then(|path| job.delegate(self, &path)).map(Done::ByWorker)
            }
            Act::Unit(unit, state) => Ok(Done::Here(unit.perform(starter, &state, limit, output))),
            Act::Command(command) => Ok(Done::Here(command.perform(starter, limit, output))),
        });
        let answer = match done {
            // It has recorded the end.
            Ok(Done::ByWorker(delivered)) => return Ok(delivered.into()),
            Ok(Done::Here(answer)) => answer,
            Err(failure) => failure.into(),
        };
        self.finish(request, &answer);
        Ok(answer.to(&request.id(), Some(operation)).into())
    }
}

/// Who did it.
enum Done {
    ByWorker(Delivered),
    Here(Answer),
}

/// What would be done.
#[must_use]
pub fn described(prepared: &Prepared) -> Answer {
    let grant = &prepared.grant;
    let answer = Answer::success()
        .with("op", prepared.operation.to_string())
        .with("argv", prepared.argv.clone())
        .with("approval", grant.approval)
        .with("timeout_s", grant.timeout.as_secs())
        .with("rules", grant.rules.clone())
        .with("risks", grant.risks.iter().map(|risk| json!(risk)).collect::<Vec<_>>());
    match &prepared.plan {
        Some(plan) => answer.with("plan", plan.clone()),
        None => answer,
    }
}

/// Before anything is done: without a record only where the policy bears that.
fn record(
    policy: &Policy,
    request: &mut Recorded,
    decision: Decision,
    prepared: &Prepared,
) -> Result<(), Failure> {
    match request.write(Some(decision), &prepared.argv) {
        Err(failure) if policy.audit_required() => Err(failure),
        Err(failure) => {
            diagnostics::complain("sudo-helper", &failure);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
