//! A visit to one host: the survey, and what root is asked there.

use std::time::Duration;

use crate::cli::ClusterAction;
use crate::failure::Failure;
use crate::host::{Host, LoginName};
use crate::remote::{
    Action, Change, ChangeFacts, Elevation, FactsError, FileName, Nonce, ProgramPath, Sha256Hex, Survey,
    SurveyFacts, UserName,
};
use crate::ssh::{self, HostKeys, Options};

use super::decision::{Asked, Ready, Step, ended, examine, legacy, step};
use super::outcome::{Outcome, Row};
use super::password::Password;
use super::schedule::Told;

/// How long a host may take to say what it is.
const SURVEY: Duration = Duration::from_secs(20);
/// How long root may take there: two runs of visudo(8), the proof, and a lock that another run holds.
const CHANGE: Duration = Duration::from_secs(90);
/// Most complaints about other files that are told of a host.
const COMPLAINTS: usize = 5;
/// What sudo(8) gives when it runs nothing, as for a wrong password.
const SUDO_REFUSED: i32 = 1;

/// What is the same on all hosts.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The user's ssh.
    pub options: Options,
    /// The program that the rule names.
    pub helper: ProgramPath,
    /// The account of the rule; each login when there is none.
    pub grantee: Option<UserName>,
    /// What is to be done.
    pub asked: Asked,
}

/// A host where root is still to be asked.
#[derive(Debug)]
pub struct Waiting<'a> {
    /// The host.
    pub host: &'a Host,
    /// What is known of it.
    pub ready: Ready,
    options: Options,
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
    /// Asks a host what it is and, where that needs no password, root there what is in place.
    #[must_use]
    pub fn survey<'a>(&self, host: &'a Host) -> Surveyed<'a> {
        let options = self.options.for_host(host);
        let user = self.grantee.as_ref().map(UserName::as_str);
        let ready = self.preflight(host, &options);
        let ready = ready.and_then(|facts| examine(&facts, &self.helper, self.asked.replace_legacy));
        let ready = ready.and_then(|ready| for_whom_it_was_asked(ready, user));
        let ready = match ready {
            Ok(ready) => ready,
            Err(failure) => return Surveyed::Ended(Row::new(host, user, Outcome::Failed(failure))),
        };
        let mut waiting = Waiting { host, ready, options };
        let status = match waiting.ready.elevation {
            Elevation::Password => None,
            Elevation::Passwordless => match self.ask(&waiting, Action::Status, None).answer {
                Ok(status) => Some(status),
                Err(failure) => return Surveyed::Ended(waiting.row(Outcome::Failed(failure))),
            },
        };
        if let Some(status) = &status {
            waiting.warn(status, self.asked.replace_legacy);
        }
        match step(self.asked, &waiting.ready.wanted, status.as_ref()) {
            Step::Done(outcome) => Surveyed::Ended(waiting.row(outcome)),
            Step::Act => Surveyed::Waiting(waiting),
        }
    }

    fn preflight(&self, host: &Host, options: &Options) -> Result<SurveyFacts, Failure> {
        let nonce = nonce()?;
        let survey = Survey { nonce: &nonce, helper: &self.helper, grantee: self.grantee.as_ref() };
        let command = survey.command().map_err(|error| Failure::new("command", error))?;
        let ran = ssh::run(host, options, &command, &begin(&nonce), b"", SURVEY).reach.ran()?;
        SurveyFacts::parse(&ran.stdout, &nonce).map_err(|error| no_answer(&error, &ran.words()))
    }

    /// Has root do what is asked for. Where the connection dies once root is at work, a second one finishes
    /// that, or learns that it is finished.
    #[must_use]
    pub fn act(&self, mut waiting: Waiting<'_>, password: Option<&Password>) -> (Row, Told) {
        let action = match self.asked.action {
            ClusterAction::Install => Action::Install,
            ClusterAction::Remove => Action::Remove,
            ClusterAction::Status => Action::Status,
        };
        let mut reply = self.ask(&waiting, action, password);
        let told = reply.told;
        // A password is sent again only where it is known to be right.
        if reply.lost && (told == Told::Right || password.is_none()) {
            reply = self.ask(&waiting, action, password);
        }
        let outcome = match reply.answer {
            Ok(answer) => {
                waiting.warn(&answer, self.asked.replace_legacy);
                ended(self.asked.action, &waiting.ready.wanted, &answer)
            }
            Err(failure) => Outcome::Failed(failure),
        };
        (waiting.row(outcome), told)
    }

    /// One question to root. The password is the whole standard input of sudo there.
    fn ask(&self, waiting: &Waiting<'_>, action: Action, password: Option<&Password>) -> Reply {
        let asked = self.question(waiting, action, password);
        asked.unwrap_or_else(|failure| Reply { answer: Err(failure), told: Told::Nothing, lost: false })
    }

    fn question(
        &self,
        waiting: &Waiting<'_>,
        action: Action,
        password: Option<&Password>,
    ) -> Result<Reply, Failure> {
        let bad = |error: &dyn std::fmt::Display| Failure::new("command", error);
        let wanted = &waiting.ready.wanted;
        let nonce = nonce()?;
        let change = Change {
            action,
            sudo: &waiting.ready.sudo,
            elevation: waiting.ready.elevation,
            nonce: &nonce,
            file: &FileName::parse(&wanted.file_name()).map_err(|error| bad(&error))?,
            user: &UserName::parse(&wanted.user).map_err(|error| bad(&error))?,
            uid: wanted.uid,
            helper: &self.helper,
            text: &wanted.render(),
            sha256: &Sha256Hex::parse(&wanted.sha256()).map_err(|error| bad(&error))?,
            replace_legacy: self.asked.replace_legacy,
        };
        let command = change.command().map_err(|error| bad(&error))?;
        let input = password.map_or(&b""[..], Password::line);
        let options = match password {
            // A key that nobody has kept since the first connection may be anybody's.
            Some(_) => &Options { host_keys: HostKeys::Known, ..waiting.options.clone() },
            None => &waiting.options,
        };
        let session = ssh::run(waiting.host, options, &command, &begin(&nonce), input, CHANGE);
        Ok(Reply::of(session, &nonce, password.is_some()))
    }
}

/// What came of a question to root.
struct Reply {
    answer: Result<ChangeFacts, Failure>,
    told: Told,
    /// The connection died, or the answer was cut off: root may be at work.
    lost: bool,
}

impl Reply {
    fn of(session: ssh::Session, nonce: &Nonce, by_password: bool) -> Self {
        let told = if by_password && session.began { Told::Right } else { Told::Nothing };
        let ran = match session.reach.ran() {
            Ok(ran) => ran,
            Err(failure) => {
                let sentence =
                    format!("{failure}; what root did there is not known: run this again, which ends it");
                return Self { answer: Err(Failure::new(failure.code, sentence)), told, lost: true };
            }
        };
        match ChangeFacts::parse(&ran.stdout, nonce) {
            Ok(answer) => Self { answer: Ok(answer), told, lost: false },
            Err(FactsError::NoAnswer) if by_password && ran.status == Some(SUDO_REFUSED) => Self {
                answer: Err(Failure::new(
                    "password-refused",
                    format!("sudo refused the password, or this login: {}", ran.words()),
                )),
                told: Told::Wrong,
                lost: false,
            },
            Err(error) => {
                let lost = error == FactsError::CutOff;
                Self { answer: Err(no_answer(&error, &ran.words())), told, lost }
            }
        }
    }
}

fn no_answer(error: &FactsError, words: &str) -> Failure {
    Failure::new("no-answer", format!("{error} ({words})"))
}

impl Waiting<'_> {
    /// How the visit ended.
    #[must_use]
    pub fn row(self, outcome: Outcome) -> Row {
        let mut row = Row::new(self.host, Some(&self.ready.wanted.user), outcome);
        row.warnings = self.ready.warnings;
        row
    }

    /// Keeps what root has seen beside our rule.
    fn warn(&mut self, answer: &ChangeFacts, replace_legacy: bool) {
        let old = answer.legacy.iter().filter(|_| !replace_legacy).map(|name| legacy(name));
        let foreign = answer.foreign.iter().take(COMPLAINTS);
        let foreign =
            foreign.map(|line| format!("visudo complains of another file: {}", diagnostics::one_line(line)));
        for warning in old.chain(foreign) {
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

#[cfg(test)]
mod tests {
    use supervise::bounded::Ran;

    use super::*;
    use crate::ssh::{Reach, Session};

    fn nonce() -> Nonce {
        Nonce::parse("0123456789abcdef").expect("a nonce")
    }

    fn reply(status: i32, stdout: &str, by_password: bool) -> Reply {
        let ran =
            Ran { status: Some(status), stdout: stdout.into(), stderr: b"sorry".to_vec(), timed_out: false };
        let began = stdout.contains("begin");
        Reply::of(Session { reach: Reach::Reached(ran), began }, &nonce(), by_password)
    }

    fn code(reply: &Reply) -> &'static str {
        reply.answer.as_ref().err().map_or("answered", |failure| failure.code)
    }

    #[test]
    fn silence_and_sudos_own_status_are_a_wrong_password() {
        let wrong = reply(1, "", true);
        assert_eq!((code(&wrong), wrong.told, wrong.lost), ("password-refused", Told::Wrong, false));
        let none_sent = reply(1, "", false);
        assert_eq!((code(&none_sent), none_sent.told), ("no-answer", Told::Nothing));
        let no_shell = reply(127, "", true);
        assert_eq!((code(&no_shell), no_shell.told), ("no-answer", Told::Nothing));
    }

    #[test]
    fn an_answer_that_was_cut_off_proves_the_password_and_is_asked_for_again() {
        for stdout in ["", "code=\n", "state=installed\ncode=6f6b\n"] {
            let cut = reply(255, &format!("sudoers-install 0123456789abcdef begin\n{stdout}"), true);
            assert_eq!((code(&cut), cut.told, cut.lost), ("no-answer", Told::Right, true), "{stdout}");
        }
    }

    #[test]
    fn a_connection_that_died_leaves_the_state_unknown() {
        let session = Session { reach: Reach::Closed("gone".to_owned()), began: false };
        let reply = Reply::of(session, &nonce(), true);
        assert_eq!((code(&reply), reply.told, reply.lost), ("closed", Told::Nothing, true));
        assert!(reply.answer.expect_err("none").error.contains("run this again"));
    }
}
