//! Changes of packages, done by apt-get(8) and dpkg(1), one at a time.

pub mod last_look;
mod planning;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Exit, Failure, Ran};
use crate::approval::Approved;
use crate::apt::arguments::{DPKG, ENVIRONMENT, Request, configure_arguments};
use crate::apt::comparison;
use crate::apt::failure::{Failure as Reason, classify, lock_held, update_failed_quietly};
use crate::consent::in_time;
use crate::file_lock::{PackageLock, await_unlocked};
use crate::operation::Operation;
use crate::policy::Policy;
use crate::process::{Starter, Stopping, Task};
use crate::run_folder::{RUN_FOLDER, RunFolder};
use crate::service::first_line;

pub use planning::Planned;

/// How long a caller still waits for an apt-get or dpkg that was asked to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often apt-get may find that it would do something else than was planned just before.
const MAX_COMPARISONS: u32 = 3;

/// An operation on packages and what bounds it.
pub struct Change<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// What is allowed.
    pub policy: &'a Policy,
    /// How long it may take, once its turn has come.
    pub limit: Duration,
    /// What starts programs.
    pub starter: &'a Starter,
}

/// What goes with doing it.
struct Doing<'a> {
    folder: &'a RunFolder,
    approved: Option<&'a Approved>,
    early: &'a mut dyn FnMut(&Answer),
    /// When others' locks are no longer waited for.
    deadline: Instant,
    /// What was done of a repair before apt-get.
    earlier_steps: Vec<Ran>,
}

impl<'a> Change<'a> {
    fn request(&self) -> Result<Request<'a>, Failure> {
        Request::of(self.operation)
            .ok_or_else(|| Failure::new(Exit::Usage, "usage", &"not an operation on packages"))
    }

    /// Does it, when it is our turn. `approved` is what a person has let pass: no other plan is carried
    /// out, and none later. `early` is given an answer when the caller need not wait any longer.
    pub fn perform(
        &self,
        folder: &RunFolder,
        approved: Option<&Approved>,
        early: &mut dyn FnMut(&Answer),
    ) -> Answer {
        let deadline = Instant::now() + self.policy.limits().lock_wait;
        let mut doing = Doing { folder, approved, early, deadline, earlier_steps: Vec::new() };
        let answer = self.in_turn(&mut doing).unwrap_or_else(Answer::from);
        if doing.earlier_steps.is_empty() {
            return answer;
        }
        answer.with("earlier_steps", serde_json::to_value(doing.earlier_steps).unwrap_or_default())
    }

    fn in_turn(&self, doing: &mut Doing<'_>) -> Result<Answer, Failure> {
        let lock_wait = self.policy.limits().lock_wait;
        let lock = PackageLock::take(doing.folder, lock_wait).map_err(|error| {
            Failure::new(Exit::Failed, "lock", &format_args!("the package lock: {error}"))
        })?;
        let Some(_lock) = lock else {
            let error = format!("another change of packages has taken longer than {} s", lock_wait.as_secs());
            return Err(Failure::new(Exit::Busy, "busy", &error));
        };
        let mut comparisons = 0;
        loop {
            self.await_locks(doing.deadline)?;
            let (ran, plan) = self.attempt(doing)?;
            let failed = ran.returncode != 0 && !ran.timed_out;
            let changed = failed && comparison::refused(&ran.stderr);
            comparisons += u32::from(changed);
            // Nothing was done: what would be done now is looked at anew.
            let again = (failed && lock_held(&ran.stderr) && Instant::now() < doing.deadline)
                || (changed && comparisons < MAX_COMPARISONS);
            if !again {
                let failure = self.failure(&ran);
                return Ok(Answer::ran(ran, failure).with("plan", plan));
            }
        }
    }

    /// Waits until no other program is changing packages, so that what is looked at then is what will
    /// be done; dpkg waits for no lock, and apt-get not for all.
    fn await_locks(&self, deadline: Instant) -> Result<(), Failure> {
        for lock in self.request()?.locks() {
            // Where nothing tells when the lock ends, apt-get tells that it is held.
            if !await_unlocked(Path::new(lock), deadline).unwrap_or(true) {
                let error = format!("another program is changing packages: it holds {lock}");
                return Err(Failure::new(Exit::Busy, "busy", &error));
            }
        }
        Ok(())
    }

    /// The last program that was run, and the plan that it had to carry out.
    fn attempt(&self, doing: &mut Doing<'_>) -> Result<(Ran, Vec<String>), Failure> {
        let begin = Instant::now();
        let mut planned = self.plan()?;
        permit(&planned, doing)?;
        if self.request()? == Request::FixBroken {
            let argv = [DPKG.to_owned()].into_iter().chain(configure_arguments()).collect();
            let ran = self.step(argv, begin, doing)?;
            if ran.timed_out || lock_held(&ran.stderr) {
                return Ok((ran, planned.lines()));
            }
            doing.earlier_steps.push(ran);
            // What dpkg has finished, apt-get need not mend.
            planned = self.plan()?;
            permit(&planned, doing)?;
        }
        last_look::leave(doing.folder, &planned.plan).map_err(|error| {
            Failure::new(Exit::Failed, "unusable", &format_args!("{RUN_FOLDER}: {error}"))
        })?;
        let ran = self.step(self.argv(&planned)?, begin, doing)?;
        Ok((ran, planned.lines()))
    }

    fn step(&self, argv: Vec<String>, begin: Instant, doing: &mut Doing<'_>) -> Result<Ran, Failure> {
        let task = Task {
            argv: &argv,
            environment: ENVIRONMENT,
            limit: self.limit.saturating_sub(begin.elapsed()),
            stopping: Stopping::Patience(PATIENCE),
            output: self.policy.limits().output_bytes,
        };
        let overdue = |pid| (doing.early)(&still_running(self.limit, pid));
        let finished = self.starter.run(&task, overdue).map_err(|error| not_started(&error))?;
        Ok(Ran::new(argv, finished))
    }

    fn failure(&self, ran: &Ran) -> Option<Failure> {
        if ran.timed_out {
            return Some(overdue(self.limit));
        }
        let quietly = self.request() == Ok(Request::Update) && update_failed_quietly(&ran.stderr);
        let program = ran.argv.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        (ran.returncode != 0 || quietly).then(|| failed(program, &ran.stderr))
    }
}

/// Whether a person has let this pass, where one has to. After the first step of a repair less than
/// the whole is left of it.
fn permit(planned: &Planned, doing: &Doing<'_>) -> Result<(), Failure> {
    let refuse = |code: &str, error: &str| Err(Failure::new(Exit::Approval, code, &error));
    let Some(approved) = doing.approved else {
        if planned.approval {
            return refuse(
                "approval-missing",
                "the policy asks for approval of what would be done now; ask again",
            );
        }
        return Ok(());
    };
    let same = if doing.earlier_steps.is_empty() {
        approved.plan == planned.lines_for_approval()
    } else {
        planned.lines().iter().all(|line| approved.plan.contains(line))
    };
    if !same {
        return refuse("approval-changed", "what would be done is no longer what was approved; ask again");
    }
    in_time(Some(approved))
}

/// The caller is answered although the program goes on: to kill it would leave packages half configured.
fn still_running(limit: Duration, pid: i32) -> Answer {
    let error = format!(
        "it took longer than {} s and goes on although it was asked to stop; its end will be in the log",
        limit.as_secs()
    );
    Answer::from(Failure::new(Exit::TimedOut, "timed-out", &error))
        .with("timed_out", true)
        .with("still_running", true)
        .with("pid", pid)
}

fn overdue(limit: Duration) -> Failure {
    let error = format!(
        "it took longer than {} s and was stopped; 'package repair' finishes what it has left half done",
        limit.as_secs()
    );
    Failure::new(Exit::TimedOut, "timed-out", &error)
}

fn failed(program: &str, stderr: &str) -> Failure {
    let reason = classify(stderr);
    let exit = if reason == Reason::Busy { Exit::Busy } else { Exit::Failed };
    let telling = stderr.lines().find(|line| line.starts_with("E: ")).unwrap_or(stderr);
    Failure::new(exit, reason.code(), &format_args!("{program}: {}", first_line(telling)))
}

fn not_started(error: &supervise::StartError) -> Failure {
    Failure::new(Exit::Failed, "not-started", error)
}
