//! What can be asked of a host without root and without a password.

use super::command_line::{BadWord, command_line, script_words, without_comments};
use super::facts::{Facts, FactsError};
use super::operand::{Nonce, ProgramPath, UserName};

const SCRIPT: &str = concat!(
    include_str!("facts.sh"),
    include_str!("account.sh"),
    include_str!("helper.sh"),
    include_str!("survey.sh")
);

/// A question about a host, asked by the login itself.
#[derive(Debug, Clone, Copy)]
pub struct Survey<'a> {
    /// Of this question.
    pub nonce: &'a Nonce,
    /// The program that the rule is to name.
    pub helper: &'a ProgramPath,
    /// The account that is to get the rule; the login when there is none.
    pub grantee: Option<&'a UserName>,
}

impl Survey<'_> {
    /// The command line for the login shell of the host. After the answer it waits for the command line to run
    /// next, as survey.sh says; it ends where there is none.
    ///
    /// # Errors
    /// See [`BadWord`]; no operand can cause one.
    pub fn command(&self) -> Result<String, BadWord> {
        let script = without_comments(SCRIPT);
        let grantee = self.grantee.map_or("", UserName::as_str);
        let words = script_words(&script, &[self.nonce.as_str(), self.helper.as_str(), grantee]);
        command_line(&words)
    }
}

/// What a host answers to a [`Survey`]. The login could have said anything: it decides what to do next and
/// what to tell the operator, never what root does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyFacts {
    /// The account that was logged in to.
    pub login: String,
    /// Its uid.
    pub uid: u32,
    /// The account that is to get the rule, and its uid; `None` when the host knows no such account.
    pub grantee: Option<(String, u32)>,
    /// Another name by which sudo knows that uid.
    pub known: Option<String>,
    /// Another account, whose name differs from that one's in capitals alone.
    pub alike: Option<String>,
    /// Where sudo(8) is.
    pub sudo: Option<ProgramPath>,
    /// Where visudo(8) is.
    pub visudo: Option<ProgramPath>,
    /// The program that the rule is to name.
    pub helper: HelperState,
    /// Root can be had without a password: a rule allows any command.
    pub passwordless_root: bool,
    /// The files systems-manager-* in /etc/sudoers.d, when that can be read.
    pub legacy: Vec<String>,
}

/// The helper on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperState {
    /// Root's, and nobody else's to write.
    Good,
    /// Not to be named in a rule: why, and the element of the path at fault.
    Bad(HelperFault, String),
}

/// What is wrong with an element of the helper's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperFault {
    /// It is not there.
    Missing,
    /// It is a symbolic link.
    Symlink,
    /// It is no regular file, or no folder on the way to it.
    Kind,
    /// It is not root's.
    Owner,
    /// Others than root may write it.
    Writable,
    /// The file has more than one name.
    Links,
    /// The file cannot be executed.
    Mode,
}

impl SurveyFacts {
    /// Reads the answer.
    ///
    /// # Errors
    /// See [`FactsError`].
    pub fn parse(stdout: &[u8], nonce: &Nonce) -> Result<Self, FactsError> {
        Facts::whole(stdout, nonce, Self::read)
    }

    fn read(facts: &mut Facts) -> Result<Self, FactsError> {
        let grantee = facts.text("grantee")?;
        let grantee_uid = facts.optional_number("grantee_uid")?;
        Ok(Self {
            login: facts.text("login")?,
            uid: facts.number("uid")?,
            grantee: grantee_uid.map(|uid| (grantee, uid)),
            known: Some(facts.text("known")?).filter(|name| !name.is_empty()),
            alike: Some(facts.text("alike")?).filter(|name| !name.is_empty()),
            sudo: facts.path("sudo")?,
            visudo: facts.path("visudo")?,
            helper: helper(facts)?,
            passwordless_root: facts.flag("passwordless")?,
            legacy: facts.lines("legacy")?,
        })
    }
}

fn helper(facts: &mut Facts) -> Result<HelperState, FactsError> {
    let at = facts.text("helper_at")?;
    let fault = facts.word(
        "helper",
        &[
            ("good", None),
            ("missing", Some(HelperFault::Missing)),
            ("symlink", Some(HelperFault::Symlink)),
            ("kind", Some(HelperFault::Kind)),
            ("owner", Some(HelperFault::Owner)),
            ("writable", Some(HelperFault::Writable)),
            ("links", Some(HelperFault::Links)),
            ("mode", Some(HelperFault::Mode)),
        ],
    )?;
    Ok(fault.map_or(HelperState::Good, |fault| HelperState::Bad(fault, at)))
}
