//! The sequence of an operation: policy, record, approval, record, act, record.

use std::path::PathBuf;

use serde_json::json;

use crate::answer::{Answer, Exit, Failure};
use crate::audit::Decision;
use crate::cli::How;
use crate::consent::Consent;
use crate::operation::Operation;
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
        self.requested(&operation.to_string(), operation, |request| {
            let policy = policy_file::load()?;
            let prepared = self.prepare(&policy, operation, how, Simulation::ForApproval)?;
            if !prepared.grant.approval {
                return self.act(&policy, prepared, request);
            }
            record(&policy, request, Decision::Pending, &prepared)?;
            if how.no_wait {
                let left = self.ask_and_leave(request.id(), &policy, &prepared)?;
                request.end(left.exit(), &left);
                return Ok(left.to(&request.id(), Some(operation)).into());
            }
            let consent = self.ask(request.id(), &policy, &prepared)?;
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
        let operation = match Operation::parse(&left.subject.operation) {
            Ok(operation) => operation,
            Err(error) => return Answer::from(Failure::new(Exit::Failed, "unusable", &error)).into(),
        };
        // A request of its own in the log, which names the one that it is for.
        self.requested(&format!("wait {id}: {operation}"), &operation, |request| {
            let consent = self.wait_for(store, claim)?;
            self.act_with(consent, &operation, How::default(), request)
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

    /// Has a request recorded, by its words, around what is done for it.
    fn requested(
        &self,
        words: &str,
        operation: &Operation,
        body: impl FnOnce(&mut Recorded) -> Result<Printed, Failure>,
    ) -> Printed {
        let mut request = match self.request(words) {
            Ok(request) => request,
            Err(failure) => return Answer::from(failure).into(),
        };
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
        consent.spend(self, &prepared)?;
        self.act(&policy, prepared, request)
    }

    fn act(&self, policy: &Policy, prepared: Prepared, request: &mut Recorded) -> Result<Printed, Failure> {
        record(policy, request, Decision::Allowed, &prepared)?;
        let open = self.begin(request)?;
        let (limit, output) = (prepared.grant.timeout, policy.limits().output_bytes);
        let answer = match &prepared.act {
            Act::Packages => {
                let job = Job {
                    request_id: request.id(),
                    operation: prepared.operation.words(),
                    approved: prepared.plan.clone(),
                };
                let done = own_path().and_then(|path| job.delegate(self, &path));
                match done {
                    Ok(delivered) => return Ok(delivered.into()),
                    Err(failure) => Answer::from(failure),
                }
            }
            Act::Unit(unit, state) => unit.perform(&self.starter, state, limit, output),
            Act::Command(command) => command.perform(&self.starter, limit, output),
        };
        request.end(answer.exit(), &answer);
        let _ = open.end();
        Ok(answer.to(&request.id(), Some(&prepared.operation)).into())
    }
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

/// Where this program is, for a unit to run it again.
fn own_path() -> Result<PathBuf, Failure> {
    std::fs::read_link("/proc/self/exe")
        .map_err(|error| Failure::new(Exit::Failed, "unusable", &format_args!("/proc/self/exe: {error}")))
}
