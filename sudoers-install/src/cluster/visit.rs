//! A visit to one host: the survey, and what root is asked there, in one session where that can be.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::cli::ClusterAction;
use crate::host::{Host, LoginName};
use crate::remote::{
    Action, Change, ChangeFacts, Elevation, FileName, Nonce, ProgramPath, Sha256Hex, Survey, SurveyFacts,
    UserName,
};
use crate::ssh::{NewKeys, Opened, Options, Question, ReadySession, Session};
use diagnostics::Failure;

use super::decision::{Asked, Ready, ended, examine, old_rules, other_files, shown};
use super::outcome::{Outcome, Row};
use super::password::Password;
use super::reply::{Reply, no_answer};
use super::schedule::Told;

/// How long a host may take to say what it is.
const SURVEY: Duration = Duration::from_secs(20);
/// How long root may take there: two runs of visudo(8), the proof, and a lock that another run holds.
const CHANGE: Duration = Duration::from_secs(90);
/// Most sessions that wait for a password at a time; each takes four descriptors, of which a process has 1024 as a
/// rule. Hosts beyond get a second session.
pub const HELD: usize = 128;

/// What is the same on all hosts.
#[derive(Debug)]
pub struct Plan {
    /// The user's ssh.
    pub options: Options,
    /// The program that the rule names.
    pub helper: ProgramPath,
    /// The account of the rule; each login when there is none.
    pub grantee: Option<UserName>,
    /// What is to be done.
    pub asked: Asked,
    /// How many sessions have been kept waiting.
    pub held: AtomicUsize,
}

/// A host where root is still to be asked.
#[derive(Debug)]
pub struct Waiting<'a> {
    /// The host.
    pub host: &'a Host,
    /// What is known of it.
    pub ready: Ready,
    /// That of the survey, where it waits.
    session: Option<Session>,
    /// Where root is asked next.
    handed: Option<Box<Handed>>,
}

/// A session that has its question to root.
#[derive(Debug)]
struct Handed {
    session: ReadySession,
    /// With which the answer is framed.
    nonce: Nonce,
}

/// A host after the survey.
#[derive(Debug)]
pub enum Surveyed<'a> {
    /// Nothing more is to be done.
    Ended(Row),
    /// Root is to be asked.
    Waiting(Waiting<'a>),
}

impl Waiting<'_> {
    /// Whether the password would, or could, be typed into the account that gets the rule.
    #[must_use]
    pub fn would_tell_the_grantee(&self) -> bool {
        self.ready.would_tell_the_grantee(self.host.login.as_ref().map(LoginName::as_str))
    }
}

/// What a login says of itself can be made up by its start-up files: the rule is for nobody else than asked.
fn for_whom_it_was_asked(ready: Ready, user: Option<&str>) -> Result<Ready, Failure> {
    if ready.wanted.user == user.unwrap_or(&ready.login) {
        return Ok(ready);
    }
    let error =
        "the host answers for another account than it was asked about: look at the login's start-up files";
    Err(Failure::new("no-answer", error))
}

impl Plan {
    /// Asks a host what it is and, where nothing is to be changed and that needs no password, root there what
    /// is in place.
    #[must_use]
    pub fn survey<'a>(&self, host: &'a Host) -> Surveyed<'a> {
        let user = self.grantee.as_ref().map(UserName::as_str);
        let surveyed = self.preflight(host, NewKeys::AsAccepted).and_then(|(facts, session)| {
            let ready = examine(&facts, &self.helper, self.asked)?;
            Ok((for_whom_it_was_asked(ready, user)?, session))
        });
        let (ready, session) = match surveyed {
            Ok(surveyed) => surveyed,
            Err(failure) => return Surveyed::Ended(Row::new(host, user, Outcome::Failed(failure))),
        };
        let mut waiting = Waiting { host, ready, session, handed: None };
        if self.asked.dry_run {
            let outcome = self.show(&mut waiting).unwrap_or_else(Outcome::Failed);
            return Surveyed::Ended(waiting.row(outcome));
        }
        if self.held.fetch_add(1, Ordering::Relaxed) >= HELD {
            waiting.session = None;
        }
        Surveyed::Waiting(waiting)
    }

    fn show(&self, waiting: &mut Waiting<'_>) -> Result<Outcome, Failure> {
        let status = match waiting.ready.elevation {
            Elevation::Password => None,
            Elevation::Passwordless => Some(self.ask(waiting, Action::Status, None)?.answer?),
        };
        if let Some(status) = &status {
            waiting.warn(status, self.asked.replace_legacy);
        }
        Ok(shown(self.asked, &waiting.ready.wanted, status.as_ref()))
    }

    /// What a host is, and the session that told it, if that waits.
    fn preflight(&self, host: &Host, new_keys: NewKeys) -> Result<(SurveyFacts, Option<Session>), Failure> {
        let nonce = nonce()?;
        let survey = Survey { nonce: &nonce, helper: &self.helper, grantee: self.grantee.as_ref() };
        let command = survey.command().map_err(|error| Failure::new("command", error))?;
        match Session::open(host, &self.options, new_keys, &command, nonce.as_str(), SURVEY) {
            Opened::Waiting(session) => {
                let facts = SurveyFacts::parse(session.answer(), &nonce);
                Ok((facts.map_err(|error| no_answer(&error, "it waits"))?, Some(session)))
            }
            Opened::Over(reach) => {
                let ran = reach.ran()?;
                let facts = SurveyFacts::parse(&ran.stdout, &nonce);
                Ok((facts.map_err(|error| no_answer(&error, &ran.words()))?, None))
            }
        }
    }

    /// Brings a host to where only the password is missing, in a new session where that of the survey is over.
    #[must_use]
    pub fn prepare<'a>(&self, mut waiting: Waiting<'a>) -> Surveyed<'a> {
        match self.hand_over(&mut waiting, self.action(), true) {
            Ok(handed) => waiting.handed = Some(Box::new(handed)),
            Err(failure) => return Surveyed::Ended(waiting.row(Outcome::Failed(failure))),
        }
        Surveyed::Waiting(waiting)
    }

    fn action(&self) -> Action {
        match self.asked.action {
            ClusterAction::Install => Action::Install,
            ClusterAction::Remove => Action::Remove,
            ClusterAction::Status => Action::Status,
        }
    }

    /// Has root do what is asked for. Where the connection dies once root is at work, a second one finishes
    /// that, or learns that it is finished.
    #[must_use]
    pub fn act(&self, mut waiting: Waiting<'_>, password: Option<&Password>) -> (Row, Told) {
        let mut asked = self.ask(&mut waiting, self.action(), password);
        let told = asked.as_ref().map_or(Told::Nothing, |reply| reply.told);
        // A password is sent again only where it is known to be right.
        let again = |reply: &Reply| reply.lost && (told == Told::Right || password.is_none());
        if asked.as_ref().is_ok_and(again)
            && let Ok(reply) = self.ask(&mut waiting, self.action(), password)
        {
            asked = Ok(reply);
        }
        let outcome = match asked.and_then(|reply| reply.answer) {
            Ok(answer) => {
                // What was to go and is there is told, too.
                waiting.warn(&answer, false);
                ended(self.asked.action, &waiting.ready.wanted, &answer)
            }
            Err(failure) => Outcome::Failed(failure),
        };
        (waiting.row(outcome), told)
    }

    /// One question to root, in the session that has it or one that is given it now. The password is the whole
    /// standard input of sudo there. Without a reply root was not asked.
    fn ask(
        &self,
        waiting: &mut Waiting<'_>,
        action: Action,
        password: Option<&Password>,
    ) -> Result<Reply, Failure> {
        let Handed { session, nonce } = match waiting.handed.take() {
            Some(handed) => *handed,
            None => self.hand_over(waiting, action, password.is_some())?,
        };
        let answered = session.ask(password.map_or(&b""[..], Password::line), CHANGE).ok_or_else(gone)?;
        Ok(Reply::of(answered, &nonce, password))
    }

    /// Gives a question to the session that waits or, where that is over or may not be told a password, a new one.
    fn hand_over(
        &self,
        waiting: &mut Waiting<'_>,
        action: Action,
        by_password: bool,
    ) -> Result<Handed, Failure> {
        let nonce = nonce()?;
        let command = self.command(waiting, action, &nonce)?;
        let question = Question { command, begin: begin(&nonce), input: by_password };
        let held = waiting.session.take();
        let may_be_told = |session: &Session| !by_password || session.is_with_known_key();
        if let Some(session) = held.filter(may_be_told).and_then(|session| session.hand_over(&question)) {
            return Ok(Handed { session, nonce });
        }
        let new_keys = if by_password { NewKeys::Refused } else { NewKeys::AsAccepted };
        let (_, session) = self.preflight(waiting.host, new_keys)?;
        let session = session.and_then(|session| session.hand_over(&question)).ok_or_else(gone)?;
        Ok(Handed { session, nonce })
    }

    fn command(&self, waiting: &Waiting<'_>, action: Action, nonce: &Nonce) -> Result<String, Failure> {
        let bad = |error: &dyn std::fmt::Display| Failure::new("command", error);
        let wanted = &waiting.ready.wanted;
        let change = Change {
            action,
            sudo: &waiting.ready.sudo,
            elevation: waiting.ready.elevation,
            nonce,
            file: &FileName::parse(&wanted.file_name()).map_err(|error| bad(&error))?,
            user: &UserName::parse(&wanted.user).map_err(|error| bad(&error))?,
            uid: wanted.uid,
            helper: &self.helper,
            text: &wanted.render(),
            sha256: &Sha256Hex::parse(&wanted.sha256()).map_err(|error| bad(&error))?,
            replace_legacy: self.asked.replace_legacy,
        };
        change.command().map_err(|error| bad(&error))
    }
}

fn gone() -> Failure {
    Failure::new("closed", "the session ended before root could be asked: run this again")
}

impl Waiting<'_> {
    /// Whether the session of the survey waits.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.session.is_some()
    }

    /// How the visit ended.
    #[must_use]
    pub fn row(self, outcome: Outcome) -> Row {
        let mut row = Row::new(self.host, Some(&self.ready.wanted.user), outcome);
        row.warnings = self.ready.warnings;
        row
    }

    /// Keeps what root has seen beside our rule.
    fn warn(&mut self, answer: &ChangeFacts, replace_legacy: bool) {
        let old = if replace_legacy { Vec::new() } else { old_rules(&answer.legacy) };
        for warning in old.into_iter().chain(other_files(&answer.foreign)) {
            if !self.ready.warnings.contains(&warning) {
                self.ready.warnings.push(warning);
            }
        }
    }
}

fn nonce() -> Result<Nonce, Failure> {
    Nonce::fresh().map_err(|error| Failure::new("random", format!("/dev/urandom cannot be read: {error}")))
}

/// The first line of an answer.
fn begin(nonce: &Nonce) -> String {
    format!("sudoers-install {nonce} begin")
}
