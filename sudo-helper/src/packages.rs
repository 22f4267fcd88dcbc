//! Changes of packages, done by apt-get(8) and dpkg(1), one at a time.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Exit, Failure, Ran};
use crate::apt::arguments::{
    APT_GET, Allowance, DPKG, ENVIRONMENT, Request, arguments, configure_arguments, simulation_arguments,
};
use crate::apt::failure::{Failure as Reason, classify, unwaited_lock_held, update_failed_quietly};
use crate::apt::guard::guard;
use crate::apt::plan::{MAX_SIMULATION, Plan};
use crate::file_lock::{PackageLock, await_unlocked};
use crate::operation::{Operation, PackageVerb};
use crate::package_name::PackageName;
use crate::policy::{Policy, is_protected};
use crate::process::{Finished, Starter, Stopping, Task};
use crate::run_folder::RunFolder;
use crate::service::{first_line, overdue};
use crate::tail::{Tail, Tailed};

/// How long a simulation may take.
const SIMULATION: Duration = Duration::from_secs(120);
/// How long a simulation that was told to end has.
const GRACE: Duration = Duration::from_secs(10);
/// How long a caller still waits for an apt-get or dpkg that was asked to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// The locks of the lists and of the downloads, which apt-get(8) itself does not wait for.
const UNWAITED_LOCKS: [&str; 2] = ["/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"];
/// The locks that dpkg(1) does not wait for.
const DPKG_LOCKS: [&str; 2] = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"];

/// An operation on packages and what bounds it.
pub struct Change<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// What is allowed.
    pub policy: &'a Policy,
    /// How long it may take.
    pub limit: Duration,
    /// What starts programs.
    pub starter: &'a Starter,
}

/// Why there is no plan that may be carried out.
#[derive(Debug)]
pub struct Unplanned {
    failure: Failure,
    /// The simulation, when it was that which failed: callers look for apt-get's own words.
    ran: Option<Box<Ran>>,
}

impl From<Failure> for Unplanned {
    fn from(failure: Failure) -> Self {
        Self { failure, ran: None }
    }
}

impl From<Unplanned> for Failure {
    fn from(unplanned: Unplanned) -> Self {
        unplanned.failure
    }
}

impl From<Unplanned> for Answer {
    fn from(Unplanned { failure, ran }: Unplanned) -> Self {
        match ran {
            Some(ran) => Self::ran(*ran, Some(failure)),
            None => failure.into(),
        }
    }
}

impl<'a> Change<'a> {
    fn request(&self) -> Result<Request<'a>, Failure> {
        Request::of(self.operation)
            .ok_or_else(|| Failure::new(Exit::Usage, "usage", &"not an operation on packages"))
    }

    /// What apt-get will be asked, as an approver sees it.
    ///
    /// # Errors
    /// When the operation is not about packages.
    pub fn argv(&self, allowance: Allowance) -> Result<Vec<String>, Failure> {
        let words = arguments(self.request()?, allowance, self.policy.limits().lock_wait);
        Ok([APT_GET.to_owned()].into_iter().chain(words).collect())
    }

    /// What would be done, let pass by the policy; empty for what has no plan.
    ///
    /// # Errors
    /// When the simulation fails, or the plan does what the policy does not allow.
    pub fn plan(&self) -> Result<(Plan, Allowance), Unplanned> {
        let request = self.request()?;
        if !request.has_plan() {
            return Ok((Plan::default(), Allowance::default()));
        }
        let words = simulation_arguments(request);
        let argv: Vec<String> = [APT_GET.to_owned()].into_iter().chain(words).collect();
        let task = Task {
            argv: &argv,
            environment: ENVIRONMENT,
            limit: SIMULATION,
            stopping: Stopping::Kill(GRACE),
            output: MAX_SIMULATION,
        };
        let finished = self.starter.run(&task, |_| ()).map_err(|error| not_started(&error))?;
        if finished.returncode() != 0 || finished.timed_out {
            let failure = failed("apt-get -s", &finished.stderr.text);
            let capped = |output| capped(output, self.policy.limits().output_bytes);
            let (stdout, stderr) = (capped(finished.stdout), capped(finished.stderr));
            let ran = Ran::new(argv, Finished { stdout, stderr, ..finished });
            return Err(Unplanned { failure, ran: Some(Box::new(ran)) });
        }
        if finished.stdout.truncated {
            return Err(Failure::new(Exit::Failed, "plan", &"the plan of apt-get -s is too long").into());
        }
        let plan =
            Plan::parse(&finished.stdout.text).map_err(|error| Failure::new(Exit::Failed, "plan", &error))?;
        let allowed = |verb: PackageVerb| {
            move |name: &str| {
                PackageName::parse(name)
                    .is_ok_and(|name| self.policy.package_verb_allowed(verb, &name).is_ok())
            }
        };
        let allowance =
            guard(&plan, request, allowed(PackageVerb::Remove), allowed(PackageVerb::Install), is_protected)
                .map_err(|refused| Failure::new(Exit::Denied, "denied-plan", &refused))?;
        Ok((plan, allowance))
    }

    /// Does it, when it is our turn. `approved` are the lines of the plan that a person has approved:
    /// no other is carried out. `early` is given an answer when the caller need not wait any longer.
    pub fn perform(
        &self,
        folder: &RunFolder,
        approved: Option<&[String]>,
        early: &mut dyn FnMut(&Answer),
    ) -> Answer {
        self.try_perform(folder, approved, early).unwrap_or_else(Answer::from)
    }

    fn try_perform(
        &self,
        folder: &RunFolder,
        approved: Option<&[String]>,
        early: &mut dyn FnMut(&Answer),
    ) -> Result<Answer, Unplanned> {
        let lock_wait = self.policy.limits().lock_wait;
        let lock = PackageLock::take(folder, lock_wait).map_err(|error| {
            Failure::new(Exit::Failed, "lock", &format_args!("the package lock: {error}"))
        })?;
        let Some(_lock) = lock else {
            let error = format!("another change of packages has taken longer than {} s", lock_wait.as_secs());
            return Err(Failure::new(Exit::Busy, "busy", &error).into());
        };
        let begin = Instant::now();
        let (mut plan, mut allowance) = self.plan()?;
        if approved.is_some_and(|approved| approved != plan.lines()) {
            let error = "what would be done is no longer what was approved; ask again";
            return Err(Failure::new(Exit::Approval, "approval-changed", &error).into());
        }
        let mut steps = Vec::new();
        if self.request()? == Request::FixBroken {
            let deadline = Instant::now() + lock_wait;
            let free = |lock| await_unlocked(Path::new(lock), deadline).unwrap_or(true);
            if !DPKG_LOCKS.into_iter().all(free) {
                return Err(Failure::new(Exit::Busy, "busy", &"another program is changing packages").into());
            }
            let argv = [DPKG.to_owned()].into_iter().chain(configure_arguments()).collect();
            let ran = self.step(argv, begin, early)?;
            if ran.timed_out {
                return Ok(Answer::ran(ran, Some(overdue(self.limit))));
            }
            steps.push(ran);
            // What dpkg has finished, apt-get need not mend.
            (plan, allowance) = self.plan()?;
        }
        let ran = self.last_step(allowance, begin, early)?;
        let failure = self.failure(&ran);
        let mut answer = Answer::ran(ran, failure).with("plan", plan.lines());
        if !steps.is_empty() {
            answer = answer.with("earlier_steps", serde_json::to_value(steps).unwrap_or_default());
        }
        Ok(answer)
    }

    /// apt-get itself; again when it met a lock that it does not wait for.
    fn last_step(
        &self,
        allowance: Allowance,
        begin: Instant,
        early: &mut dyn FnMut(&Answer),
    ) -> Result<Ran, Failure> {
        let deadline = Instant::now() + self.policy.limits().lock_wait;
        loop {
            let ran = self.step(self.argv(allowance)?, begin, early)?;
            let again = ran.returncode != 0 && !ran.timed_out && unwaited_lock_held(&ran.stderr);
            let lock = UNWAITED_LOCKS.into_iter().find(|lock| again && ran.stderr.contains(lock));
            // Where nothing tells when the lock ends, it is not waited for.
            if !lock.is_some_and(|lock| await_unlocked(Path::new(lock), deadline).unwrap_or(false)) {
                return Ok(ran);
            }
        }
    }

    fn step(
        &self,
        argv: Vec<String>,
        begin: Instant,
        early: &mut dyn FnMut(&Answer),
    ) -> Result<Ran, Failure> {
        let task = Task {
            argv: &argv,
            environment: ENVIRONMENT,
            limit: self.limit.saturating_sub(begin.elapsed()),
            stopping: Stopping::Patience(PATIENCE),
            output: self.policy.limits().output_bytes,
        };
        let overdue = |pid| early(&still_running(self.limit, pid));
        let finished = self.starter.run(&task, overdue).map_err(|error| not_started(&error))?;
        Ok(Ran::new(argv, finished))
    }

    fn failure(&self, ran: &Ran) -> Option<Failure> {
        if ran.timed_out {
            return Some(overdue(self.limit));
        }
        let quietly = self.request() == Ok(Request::Update) && update_failed_quietly(&ran.stderr);
        (ran.returncode != 0 || quietly).then(|| failed("apt-get", &ran.stderr))
    }
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

/// What a simulation wrote, within the policy's limit.
fn capped(output: Tailed, limit: usize) -> Tailed {
    let mut tail = Tail::new(limit);
    tail.push(output.text.as_bytes());
    let Tailed { text, truncated, .. } = tail.finish();
    Tailed { text, truncated: truncated || output.truncated, lossy: output.lossy }
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
