//! What root does on a host: the transaction, or a look at where it stands.

use super::command_line::{BadWord, command_line, script_words, without_comments};
use super::facts::{Facts, FactsError};
use super::operand::{FileName, Nonce, ProgramPath, Sha256Hex, UserName};

const SCRIPT: &str = concat!(
    include_str!("facts.sh"),
    include_str!("account.sh"),
    include_str!("helper.sh"),
    include_str!("folder.sh"),
    include_str!("root.sh")
);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Put the rule in place, or change nothing.
    Install,
    /// Remove it, when it is ours.
    Remove,
    /// Tell what is in place, and change nothing.
    Status,
}

/// How root is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elevation {
    /// By the password, one line that is the whole standard input.
    Password,
    /// Without one; nothing is to be sent on standard input.
    Passwordless,
}

/// What root is to do on a host.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// What.
    pub action: Action,
    /// Where sudo(8) is, by the survey.
    pub sudo: &'a ProgramPath,
    /// How root is had.
    pub elevation: Elevation,
    /// Of this question.
    pub nonce: &'a Nonce,
    /// Our file in /etc/sudoers.d.
    pub file: &'a FileName,
    /// The account of the rule.
    pub user: &'a UserName,
    /// Its uid; the host refuses when it is another.
    pub uid: u32,
    /// The program that the rule names.
    pub helper: &'a ProgramPath,
    /// What the file is to hold, byte for byte; what [`Action::Status`] compares with.
    pub text: &'a str,
    /// The SHA-256 of `text`, of which the host makes sure.
    pub sha256: &'a Sha256Hex,
    /// Remove the rules of systems-manager-helper once the new one is proven.
    pub replace_legacy: bool,
}

impl Change<'_> {
    /// The command line for the login shell of the host.
    ///
    /// # Errors
    /// See [`BadWord`]: a control character in `text`, or a text that is too long.
    pub fn command(&self) -> Result<String, BadWord> {
        let script = without_comments(SCRIPT);
        let uid = self.uid.to_string();
        let operands = [
            match self.action {
                Action::Install => "install",
                Action::Remove => "remove",
                Action::Status => "status",
            },
            self.nonce.as_str(),
            self.file.as_str(),
            self.user.as_str(),
            &uid,
            self.helper.as_str(),
            self.text,
            self.sha256.as_str(),
            if self.replace_legacy { "replace-legacy" } else { "keep-legacy" },
        ];
        // Its own words in English, so that they can be told apart.
        let mut words = vec!["/usr/bin/env", "LC_ALL=C", self.sudo.as_str(), "-k"];
        match self.elevation {
            Elevation::Password => words.extend(["-S", "-p", ""]),
            Elevation::Passwordless => words.push("-n"),
        }
        words.push("--");
        words.extend(script_words(&script, &operands));
        command_line(&words)
    }
}

/// How a [`Change`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The rule is in place and proven.
    Installed,
    /// It was so already, and is proven.
    Unchanged,
    /// The file is gone.
    Removed,
    /// There was none.
    Absent,
    /// The new state was in place and failed; the previous one is back.
    Reverted,
    /// Nothing was changed.
    Refused,
    /// The answer to [`Action::Status`].
    Status,
}

/// What a host answers to a [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFacts {
    /// How it ended.
    pub state: State,
    /// `ok`, or why not, a stable word. Of the host: `root`, `tools`, `folder-*`, `busy`, `interrupted`. Of the
    /// account: `no-account`, `other-uid`, `ambiguous-user`. Of the helper's path: `helper-*`. Of the file: `foreign-file`, `changed`
    /// (status only), `absent` (status only), `write`, `other-text`, `visudo`, `previous-*`, `not-reverted`. Of its
    /// effect: `not-proven`, `proof-killed` (a signal ended it: nothing is known), `not-included` (nothing includes the folder). For `*` see the words of [`super::HelperFault`].
    pub code: String,
    /// What is behind that, in the words of the programs that said it; empty for `ok`.
    pub words: String,
    /// The SHA-256 of what is in the file now; `None` when there is none.
    pub sha256: Option<Sha256Hex>,
    /// A run that was killed has left the file valid and not proven; the next one ends that.
    pub pending: bool,
    /// The probe as the user of the rule; `None` when it was not asked.
    pub probe: Option<bool>,
    /// Complaints of visudo(8) about other files, one a line.
    pub foreign: Vec<String>,
    /// The files systems-manager-* that are there at the end.
    pub legacy: Vec<String>,
}

impl ChangeFacts {
    /// Reads the answer.
    ///
    /// # Errors
    /// See [`FactsError`].
    pub fn parse(stdout: &[u8], nonce: &Nonce) -> Result<Self, FactsError> {
        Facts::whole(stdout, nonce, Self::read)
    }

    fn read(facts: &mut Facts) -> Result<Self, FactsError> {
        Ok(Self {
            state: facts.word(
                "state",
                &[
                    ("installed", State::Installed),
                    ("unchanged", State::Unchanged),
                    ("removed", State::Removed),
                    ("absent", State::Absent),
                    ("reverted", State::Reverted),
                    ("refused", State::Refused),
                    ("status", State::Status),
                ],
            )?,
            code: facts.plain("code")?,
            words: facts.text("words")?,
            sha256: facts.sha256("sha256")?,
            pending: facts.flag("pending")?,
            probe: facts.word("probe", &[("yes", Some(true)), ("no", Some(false)), ("unasked", None)])?,
            foreign: facts.lines("foreign")?,
            legacy: facts.lines("legacy")?,
        })
    }
}

#[cfg(test)]
mod tests;
