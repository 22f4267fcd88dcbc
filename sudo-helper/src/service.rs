//! Operations on units, done by systemctl(1).

use std::time::{Duration, Instant};

use supervise::StartError;

use crate::answer::{Answer, Exit, Failure, Ran};
use crate::operation::ServiceVerb;
use crate::process::{Running, Starter, Stopping, Task};
use crate::systemctl::unit_state::{MAX_ANSWER, UnitState};
use crate::systemctl::verdict::{Settled, verdict};
use crate::systemctl::{self, failure};
use crate::unit_name::UnitName;

/// How long a unit is watched after it was started: what dies at once, dies in this time.
const SETTLE: Duration = Duration::from_secs(1);
/// How often it is looked at meanwhile; systemctl(1) tells no change by itself.
const LOOK: Duration = Duration::from_millis(250);
/// How long a question to systemd may take.
const QUESTION: Duration = Duration::from_secs(30);
/// How long a systemctl that was told to end has.
const GRACE: Duration = Duration::from_secs(10);

/// One operation on one unit, by its real name.
#[derive(Debug)]
pub struct UnitOperation {
    /// What to do.
    pub verb: ServiceVerb,
    /// The unit's own name, which an alias led to.
    pub unit: UnitName,
    /// Leave as soon as systemd has the job.
    pub no_block: bool,
    /// What does it, where that was begun before it was wanted.
    begun: Option<Running>,
}

/// A question to systemd about a unit, that was asked.
pub struct Question(Running);

impl Question {
    /// Asks.
    ///
    /// # Errors
    /// When systemctl cannot be started.
    pub fn ask(starter: &Starter, unit: &UnitName) -> Result<Self, Failure> {
        let argv = argv(systemctl::show_arguments(unit));
        starter.begin(&task(&argv, QUESTION, MAX_ANSWER)).map(Self).map_err(|error| not_started(&error))
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// When there is no systemd, or its answer cannot be read.
    pub fn answer(self) -> Result<UnitState, Failure> {
        let finished = self.0.finish(|_| ()).map_err(|error| not_started(&error.into()))?;
        let (returncode, stderr) = (finished.returncode(), &finished.stderr.text);
        if returncode != 0 {
            let failure = failure::classify(ServiceVerb::Status, returncode, stderr);
            let code = failure.map_or("failed", failure::Failure::code);
            return Err(Failure::new(Exit::Failed, code, &first_line(stderr)));
        }
        UnitState::parse(&finished.stdout.text)
            .map_err(|error| Failure::new(Exit::Failed, "systemctl", &error))
    }
}

fn look(starter: &Starter, unit: &UnitName) -> Result<UnitState, Failure> {
    Question::ask(starter, unit)?.answer()
}

impl UnitOperation {
    /// An operation that was not begun.
    #[must_use]
    pub fn new(verb: ServiceVerb, unit: UnitName, no_block: bool) -> Self {
        Self { verb, unit, no_block, begun: None }
    }

    /// Begins one that only reads ahead of [`Self::perform`], which is to get the same bounds. What
    /// cannot be begun now, is then. Dropped before, it is ended and nobody sees what it has said.
    #[must_use]
    pub fn begun(self, starter: &Starter, limit: Duration, output: usize) -> Self {
        let argv = self.argv();
        Self { begun: starter.begin(&task(&argv, limit, output)).ok(), ..self }
    }

    /// What is run for it.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        argv(systemctl::arguments(self.verb, &self.unit, self.no_block))
    }

    /// Does it. `before` is how the unit was.
    #[must_use]
    pub fn perform(
        mut self,
        starter: &Starter,
        before: &UnitState,
        limit: Duration,
        output: usize,
    ) -> Answer {
        let argv = self.argv();
        let begun = self.begun.take().map_or_else(|| starter.begin(&task(&argv, limit, output)), Ok);
        let finished = match begun.and_then(|running| Ok(running.finish(|_| ())?)) {
            Ok(finished) => finished,
            Err(error) => return not_started(&error).into(),
        };
        let ran = Ran::new(argv, finished);
        let failure = if ran.timed_out { Some(overdue(limit)) } else { self.failure(&ran) };
        if self.verb == ServiceVerb::Status {
            let active = before.is_active();
            return Answer::ran(ran, failure).with("active", active).with_all(before);
        }
        let settles = matches!(self.verb, ServiceVerb::Start | ServiceVerb::Restart) && !self.no_block;
        match failure {
            None if settles => self.settled(starter, ran),
            failure => Answer::ran(ran, failure),
        }
    }

    fn failure(&self, ran: &Ran) -> Option<Failure> {
        let failure = failure::classify(self.verb, ran.returncode, &ran.stderr)?;
        let error = format!("systemctl {} {}: {}", self.verb.word(), self.unit, first_line(&ran.stderr));
        Some(Failure::new(Exit::Failed, failure.code(), &error))
    }

    /// Looks again until the unit has stayed up, or has not.
    fn settled(&self, starter: &Starter, ran: Ran) -> Answer {
        let at_once = match look(starter, &self.unit) {
            Ok(state) => state,
            Err(failure) => return Answer::ran(ran, Some(failure)),
        };
        let end = Instant::now() + SETTLE;
        let mut state = at_once.clone();
        loop {
            let settled = verdict(&at_once, &state);
            let active = state.is_active();
            match settled {
                Settled::Died(death) => {
                    let error = format!("{} was started, but {death}", self.unit);
                    let failure = Failure::new(Exit::Failed, "died", &error);
                    return Answer::ran(ran, Some(failure)).with("active", active).with_all(&state);
                }
                Settled::Finished => return Answer::ran(ran, None).with("active", active).with_all(&state),
                Settled::Alive | Settled::Starting if Instant::now() >= end => {
                    return Answer::ran(ran, None).with("active", active).with_all(&state);
                }
                Settled::Alive | Settled::Starting => {}
            }
            std::thread::sleep(LOOK);
            state = match look(starter, &self.unit) {
                Ok(state) => state,
                Err(failure) => return Answer::ran(ran, Some(failure)),
            };
        }
    }
}

fn argv(arguments: Vec<String>) -> Vec<String> {
    [systemctl::PROGRAM.to_owned()].into_iter().chain(arguments).collect()
}

fn task(argv: &[String], limit: Duration, output: usize) -> Task<'_> {
    Task { argv, environment: systemctl::ENVIRONMENT, limit, stopping: Stopping::Kill(GRACE), output }
}

fn not_started(error: &StartError) -> Failure {
    Failure::new(Exit::Failed, "not-started", error)
}

/// It took longer than it may.
#[must_use]
pub fn overdue(limit: Duration) -> Failure {
    let error = format!("it took longer than {} s and was stopped", limit.as_secs());
    Failure::new(Exit::TimedOut, "timed-out", &error)
}

/// The beginning of what a program has complained of.
#[must_use]
pub fn first_line(text: &str) -> String {
    const SHOWN: usize = 300;
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
    line.chars()
        .take(SHOWN)
        .collect::<String>()
        .escape_debug()
        .to_string()
        .replace("\\'", "'")
        .replace("\\\"", "\"")
}
