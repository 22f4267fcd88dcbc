//! What became of each host, for people and for programs.

use serde::Serialize;

use crate::exit::Exit;
use crate::host::Host;
use diagnostics::Failure;

/// What became of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The rule was there already, and was proven to work.
    Configured,
    /// The rule is there now, and proven to work.
    Installed,
    /// The rule is gone.
    Removed,
    /// There was no rule to remove.
    Absent,
    /// It was named with --skip, and not contacted.
    Skipped,
    /// --dry-run: it would be installed, with the password or without.
    WouldInstall {
        /// Whether sudo asks for a password there.
        password: bool,
    },
    /// --dry-run: it would be removed.
    WouldRemove,
    /// It is not as it should be; why.
    Failed(Failure),
}

impl Outcome {
    /// The stable word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Installed => "installed",
            Self::Removed => "removed",
            Self::Absent => "absent",
            Self::Skipped => "skipped",
            Self::WouldInstall { .. } => "would-install",
            Self::WouldRemove => "would-remove",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it failed, or what else there is to say.
    #[must_use]
    pub fn remark(&self) -> &str {
        match self {
            Self::Failed(failure) => &failure.error,
            Self::WouldInstall { password: true } => "with the sudo password",
            Self::WouldInstall { password: false } => "without a password",
            _ => "",
        }
    }

    /// The stable word of the reason, or of the outcome where there is none.
    #[must_use]
    pub fn code(&self) -> &'static str {
        if let Self::Failed(failure) = self { failure.code } else { self.word() }
    }
}

/// What else the operator should know of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The stable word.
    pub code: &'static str,
    /// The sentence; foreign text in it is escaped already.
    pub warning: String,
}

/// One host at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What a person calls it.
    pub alias: String,
    /// What ssh connects to.
    pub hostname: String,
    /// The account that the rule is for, where that is known.
    pub user: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// What else the operator should know.
    pub warnings: Vec<Warning>,
}

/// A row as `--json` prints it.
#[derive(Serialize)]
struct Object<'a> {
    alias: &'a str,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<bool>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Warning]>::is_empty")]
    warnings: &'a [Warning],
}

impl Row {
    /// A row without warnings.
    #[must_use]
    pub fn new(host: &Host, user: Option<&str>, outcome: Outcome) -> Self {
        Self {
            alias: host.alias.to_string(),
            hostname: host.hostname.to_string(),
            user: user.map(str::to_owned),
            outcome,
            warnings: Vec::new(),
        }
    }

    /// One JSON object on one line, without its end.
    #[must_use]
    pub fn json(&self) -> String {
        let error = if let Outcome::Failed(failure) = &self.outcome { Some(&*failure.error) } else { None };
        let password =
            if let Outcome::WouldInstall { password } = self.outcome { Some(password) } else { None };
        let object = Object {
            alias: &self.alias,
            hostname: &self.hostname,
            user: self.user.as_deref(),
            outcome: self.outcome.word(),
            password,
            code: self.outcome.code(),
            error,
            warnings: &self.warnings,
        };
        serde_json::to_string(&object).unwrap_or_default()
    }

    /// One line for a person who waits.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("{}: {}", self.alias, self.outcome.word());
        if let Outcome::Failed(failure) = &self.outcome {
            line.push_str(&format!(" ({})", failure.code));
        }
        let remarks = self.remarks();
        if !remarks.is_empty() {
            line.push_str(": ");
        }
        diagnostics::one_line(&(line + &remarks))
    }

    /// Why it failed, and what else there is to know.
    #[must_use]
    pub fn remarks(&self) -> String {
        let warnings = self.warnings.iter().map(|warning| warning.warning.as_str());
        let remarks = [self.outcome.remark()].into_iter().chain(warnings);
        remarks.filter(|remark| !remark.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// How the call ends: done only if no host has failed.
#[must_use]
pub fn exit(rows: &[Row]) -> Exit {
    if rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_))) { Exit::Failed } else { Exit::Done }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: Outcome) -> Row {
        Row {
            alias: "web1".to_owned(),
            hostname: "10.0.0.1".to_owned(),
            user: Some("agent".to_owned()),
            outcome,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_failure_has_a_code_beside_its_error() {
        let failed = row(Outcome::Failed(Failure::new("refused", "no \"door\"")));
        let object = r#"{"alias":"web1","hostname":"10.0.0.1","user":"agent","outcome":"failed","code":"refused","error":"no \"door\""}"#;
        assert_eq!(failed.json(), object);
        assert_eq!(failed.line(), "web1: failed (refused): no \"door\"");
    }

    #[test]
    fn a_success_says_what_else_there_is_to_know() {
        let mut done = row(Outcome::Installed);
        done.warnings =
            ["one", "two"].map(|text| Warning { code: "a-code", warning: text.to_owned() }).into();
        let object = r#"{"alias":"web1","hostname":"10.0.0.1","user":"agent","outcome":"installed","code":"installed","warnings":[{"code":"a-code","warning":"one"},{"code":"a-code","warning":"two"}]}"#;
        assert_eq!(done.json(), object);
        assert_eq!(done.line(), "web1: installed: one; two");
        let would = row(Outcome::WouldInstall { password: true });
        assert!(would.json().contains(r#""password":true"#));
        assert_eq!(would.line(), "web1: would-install: with the sudo password");
    }

    #[test]
    fn one_failed_host_is_a_failure() {
        let good = [
            Outcome::Configured,
            Outcome::Installed,
            Outcome::Removed,
            Outcome::Absent,
            Outcome::Skipped,
            Outcome::WouldInstall { password: false },
            Outcome::WouldRemove,
        ];
        let mut rows: Vec<Row> = good.into_iter().map(row).collect();
        assert_eq!(exit(&rows), Exit::Done);
        assert_eq!(exit(&[]), Exit::Done);
        rows.push(row(Outcome::Failed(Failure::new("closed", ""))));
        assert_eq!(exit(&rows), Exit::Failed);
    }
}
