//! What is to be done on a host, from what it has said of itself.

use std::path::PathBuf;

use crate::account::{Account, check_name};
use crate::cli::ClusterAction;
use crate::drop_in::DropIn;
use crate::helper::Helper;
use crate::proof::KILLED;
use crate::quoted::{TEXTS, cut, quoted};
use crate::remote::{ChangeFacts, Elevation, HelperFault, HelperState, ProgramPath, State, SurveyFacts};
use diagnostics::Failure;

use super::outcome::{Outcome, Warning};

/// The word of root's script for "as it should be".
const OK: &str = "ok";
/// Its word for "there is no file".
const ABSENT: &str = "absent";
/// Its word, and ours, for a file of which the previous state could not be put back.
const NOT_REVERTED: &str = "not-reverted";
/// The words of root's on which it depends what is said or done.
pub const MEANT: [&str; 3] = [OK, ABSENT, NOT_REVERTED];

/// A host on which root can be asked for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The account that was logged in to, by its own word.
    pub login: String,
    /// Its uid, by its own word.
    pub uid: u32,
    /// Where sudo(8) is.
    pub sudo: ProgramPath,
    /// How root is had.
    pub elevation: Elevation,
    /// The rule that is to be there.
    pub wanted: DropIn,
    /// What the operator should know of it.
    pub warnings: Vec<Warning>,
}

impl Ready {
    /// Whether the password would be typed into an account that is not trusted with it: what that account's
    /// start-up files say runs before sudo does. They can also answer for it: so what it says must agree with
    /// `login`, which the inventory names.
    #[must_use]
    pub fn would_tell_the_grantee(&self, login: Option<&str>) -> bool {
        let known_to_be_another = login == Some(self.login.as_str())
            && self.login != self.wanted.user
            && self.uid != self.wanted.uid;
        self.elevation == Elevation::Password && !known_to_be_another
    }
}

/// What is missing on a host, or how it can be worked on.
///
/// # Errors
/// What is to be installed or repaired there first.
pub fn examine(facts: &SurveyFacts, helper: &ProgramPath, asked: Asked) -> Result<Ready, Failure> {
    let not_ready = |code, error: &str| Err(Failure::new(code, error));
    let Some(sudo) = facts.sudo.clone() else {
        return not_ready("no-sudo", "there is no sudo: install the package sudo there");
    };
    if facts.visudo.is_none() {
        return not_ready(
            "no-visudo",
            "there is no visudo, which every change is checked with: install it there",
        );
    }
    let Some((user, uid)) = &facts.grantee else {
        return not_ready(
            "unknown-user",
            "the account that is to get the rule does not exist there: create it first",
        );
    };
    // A longer name is none either, and is not to fill the row.
    check_name(cut(user))?;
    if *uid == 0 {
        return not_ready("user-root", "the rule would be for root, who needs none: give --user USER");
    }
    if let HelperState::Bad(fault, at) = &facts.helper {
        return Err(bad_helper(*fault, at, helper));
    }
    let account = Account { uid: *uid, gid: *uid, name: user.clone() };
    // A rule that is there all the same can go.
    if asked.action != ClusterAction::Remove {
        account.require_no_other(facts.known.as_deref().map(cut), facts.alike.as_deref().map(cut))?;
    }
    // What is in it is between root there and the helper.
    let helper = Helper { path: PathBuf::from(helper.as_str()), sha256: String::new() };
    let wanted = DropIn::helper(&account, &helper);
    let elevation = if facts.passwordless_root { Elevation::Passwordless } else { Elevation::Password };
    let mut warnings = Vec::new();
    if facts.passwordless_root && facts.uid != 0 {
        let warning = format!(
            "{} may run any command as root there without a password (NOPASSWD: ALL): take that rule away",
            quoted(&facts.login)
        );
        warnings.push(Warning { code: "nopasswd-all", warning });
    }
    if !asked.replace_legacy {
        warnings.extend(old_rules(&facts.legacy));
    }
    Ok(Ready { login: facts.login.clone(), uid: facts.uid, sudo, elevation, wanted, warnings })
}

/// What is said of old rules that are still there.
#[must_use]
pub fn old_rules(names: &[String]) -> Vec<Warning> {
    let sentence = |name: &str| {
        format!(
            "the old rule {name} still leads to root: --replace-legacy removes it when it is the same user's and \
             the new one is proven; by hand: rm /etc/sudoers.d/{name}"
        )
    };
    told("legacy-rule", names, sentence, "old rules")
}

/// What is said of visudo's complaints about other files.
#[must_use]
pub fn other_files(complaints: &[String]) -> Vec<Warning> {
    let sentence = |line: &str| format!("visudo complains of another file: {line}");
    told("other-file", complaints, sentence, "complaints of visudo")
}

/// A host may have any number of them.
fn told(code: &'static str, texts: &[String], sentence: impl Fn(&str) -> String, what: &str) -> Vec<Warning> {
    let named = texts.iter().take(TEXTS).map(|text| sentence(&quoted(text)));
    let more = Some(texts.len().saturating_sub(TEXTS)).filter(|more| *more > 0);
    let more = more.map(|more| format!("and {more} more {what}"));
    named.chain(more).map(|warning| Warning { code, warning }).collect()
}

fn bad_helper(fault: HelperFault, at: &str, helper: &ProgramPath) -> Failure {
    let at = quoted(at);
    let code = if fault == HelperFault::Missing { "helper-missing" } else { "helper-untrusted" };
    let what = match fault {
        HelperFault::Missing => "is not there",
        HelperFault::Symlink => "is a symbolic link",
        HelperFault::Kind => "is not what it should be, a folder or a regular file",
        HelperFault::Owner => "does not belong to root",
        HelperFault::Writable => "can be written by others than root",
        HelperFault::Links => "has more than one name",
        HelperFault::Mode => "cannot be executed",
    };
    Failure::new(
        code,
        format!(
            "{at} {what}: install the package sudo-helper there, or name another with --helper (now {helper})"
        ),
    )
}

/// What the operator asks for, as far as it decides.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// What is to be done.
    pub action: ClusterAction,
    /// Only shown.
    pub dry_run: bool,
    /// With the old rules removed.
    pub replace_legacy: bool,
}

/// What would be done, from what root has said is in place; `None` where that cannot be asked without a password.
#[must_use]
pub fn shown(asked: Asked, wanted: &DropIn, status: Option<&ChangeFacts>) -> Outcome {
    let Some(status) = status else {
        return match asked.action {
            ClusterAction::Install => Outcome::WouldInstall { password: true },
            ClusterAction::Remove => Outcome::WouldRemove,
            ClusterAction::Status => Outcome::Failed(Failure::new(
                "needs-password",
                "only root can read what is in place, and sudo asks for a password",
            )),
        };
    };
    match (asked.action, standing(wanted, status)) {
        (ClusterAction::Status, state) => reported(state),
        (ClusterAction::Install, Ok(())) if !asked.replace_legacy || status.legacy.is_empty() => {
            Outcome::Configured
        }
        (ClusterAction::Install, _) => Outcome::WouldInstall { password: false },
        (ClusterAction::Remove, _) if status.code == ABSENT && !status.pending => Outcome::Absent,
        (ClusterAction::Remove, _) => Outcome::WouldRemove,
    }
}

fn reported(state: Result<(), Failure>) -> Outcome {
    state.map_or_else(Outcome::Failed, |()| Outcome::Configured)
}

/// Whether the rule is in place as wanted and works; else what is amiss.
fn standing(wanted: &DropIn, status: &ChangeFacts) -> Result<(), Failure> {
    let amiss = |code, error: &str| Err(Failure::new(code, error));
    match &status.sha256 {
        _ if status.state != State::Status => Err(refused(status)),
        None if status.code == ABSENT => amiss("not-configured", "there is no rule of ours"),
        Some(sha256) if sha256.as_str() != wanted.sha256() => {
            amiss("differs", "the rule is not as it should be: install writes it anew, if it is ours")
        }
        Some(_) if status.pending => {
            amiss("pending", "a killed run has left the rule valid and not proven: install ends that")
        }
        Some(_) if status.code == OK && status.probe == Some(true) => Ok(()),
        Some(_) if status.code == KILLED => amiss(KILLED, &said(status)),
        _ => amiss("not-effective", &format!("{}: {}", status.code.escape_debug(), said(status))),
    }
}

/// What root's answer to an action means.
#[must_use]
pub fn ended(action: ClusterAction, wanted: &DropIn, answer: &ChangeFacts) -> Outcome {
    match (action, answer.state) {
        (ClusterAction::Install, State::Installed) => Outcome::Installed,
        (ClusterAction::Install, State::Unchanged) => Outcome::Configured,
        (ClusterAction::Remove, State::Removed) => Outcome::Removed,
        (ClusterAction::Remove, State::Absent) => Outcome::Absent,
        (ClusterAction::Status, State::Status) => reported(standing(wanted, answer)),
        _ => Outcome::Failed(refused(answer)),
    }
}

fn refused(answer: &ChangeFacts) -> Failure {
    let (code, kept) = match answer.state {
        _ if answer.code == NOT_REVERTED => (
            NOT_REVERTED,
            "the previous state could not be put back, and a rule that is not proven may be in place: \
             look at /etc/sudoers.d there, mend what is in the way, and run again",
        ),
        State::Reverted => ("reverted", "the previous state is back"),
        _ => ("not-changed", "nothing was changed"),
    };
    Failure::new(code, format!("{}: {}; {kept}", answer.code.escape_debug(), said(answer)))
}

fn said(answer: &ChangeFacts) -> String {
    let words = answer.words.trim();
    if words.is_empty() { "no more is known".to_owned() } else { quoted(words) }
}

#[cfg(test)]
mod tests;
