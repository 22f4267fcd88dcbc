//! Why a call of the AWS CLI came to nothing.

use std::fmt;

use diagnostics::one_line;

use super::kind::{Kind, by_code, by_phrase};
use super::options::Options;
use diagnostics::Failure;

/// Most characters that are kept of what the CLI said.
const MAX_WORDS: usize = 400;
/// Most characters of an error's code.
const MAX_CODE: usize = 80;

/// What was called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The operation as `aws ssm` has it, with hyphens.
    pub operation: &'static str,
    /// As whom and where.
    pub options: &'a Options,
}

/// An error of a call, with all that is needed to say what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// Its kind.
    pub kind: Kind,
    /// The code of the API, escaped; empty when it is none of the API's.
    pub code: String,
    /// What the CLI or the API said, escaped and bounded.
    pub words: String,
    /// The operation as `aws ssm` has it.
    operation: &'static str,
    /// As [`Options::for_shell`] has them.
    options: String,
}

impl AwsError {
    /// An error of a kind that is known.
    pub(super) fn of(call: &Call<'_>, kind: Kind, words: &str) -> Self {
        Self {
            kind,
            code: String::new(),
            words: bounded(words, MAX_WORDS),
            operation: call.operation,
            options: call.options.for_shell(),
        }
    }

    /// An error as another module's decisions meet it.
    #[cfg(test)]
    pub(in crate::fleet) fn example(kind: Kind) -> Self {
        Self::of(&Call { operation: "send-command", options: &Options::default() }, kind, "no")
    }

    /// What the CLI told on standard error when it ended with this status.
    pub(super) fn read(call: &Call<'_>, status: Option<i32>, stderr: &str) -> Self {
        if let Some(answer) = Answer::find(stderr) {
            let error = Self::of(call, answer.kind(call.operation), answer.words());
            return Self { code: bounded(answer.code, MAX_CODE), ..error };
        }
        let phrase = by_phrase(stderr);
        // Exit codes of version 2: 252 usage, 253 configuration or credentials.
        let (kind, words) = phrase.unwrap_or_else(|| {
            let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
            let kind = match status {
                Some(252 | 2) => Kind::Usage,
                Some(253) => Kind::Credentials,
                _ => Kind::Other,
            };
            (kind, last.unwrap_or_default())
        });
        match (words, status) {
            ("", Some(status)) => {
                Self::of(call, kind, &format!("it ended with status {status} and without a word"))
            }
            ("", None) => Self::of(call, kind, "a signal ended it"),
            (words, _) => Self::of(call, kind, words),
        }
    }

    /// What to do.
    fn help(&self) -> String {
        let check = format!("`aws sts get-caller-identity{}`", self.options);
        match self.kind {
            Kind::AccessDenied => {
                format!("{check} tells as whom; their policy has to allow ssm:{}", camel(self.operation))
            }
            Kind::Credentials if self.words.contains("SSO") || self.words.contains("Token has expired") => {
                format!("run `aws sso login{}` first", self.options)
            }
            Kind::Credentials if self.words.starts_with("Enter MFA code") => {
                format!("run {check} first, which asks for the code and keeps the session")
            }
            Kind::Credentials => format!("{check} has to work first"),
            Kind::TimedOut => format!("run {check} first: it may wait for a code (MFA) or for the network"),
            Kind::InvalidInstanceId => {
                "it is no node of this account and region, or its agent is not online".into()
            }
            Kind::InvocationDoesNotExist | Kind::InvalidCommandId => {
                "AWS does not know of it, perhaps not yet".into()
            }
            Kind::Throttled => "too many calls in this account; try again later".into(),
            Kind::NotImplemented => "this endpoint does not have the operation".into(),
            Kind::Server => "the service failed; try again later".into(),
            Kind::Unreachable => "look at the network, the region and the proxy".into(),
            Kind::Usage => {
                "look at the region, the options and the CLI's configuration (`aws configure list`)".into()
            }
            Kind::NotStarted => "AWS was not asked; mend this and try again".into(),
            Kind::Other => format!("see whether {check} works"),
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aws ssm {}{}: ", self.operation, self.options)?;
        match (self.code.as_str(), self.words.trim_end_matches(['.', ':', ' '])) {
            ("", words) => f.write_str(words)?,
            (code, "") => f.write_str(code)?,
            (code, words) => write!(f, "{code}: {words}")?,
        }
        write!(f, ": {}", self.help())
    }
}

impl std::error::Error for AwsError {}

impl From<&AwsError> for Failure {
    fn from(error: &AwsError) -> Self {
        let code = match error.kind {
            Kind::AccessDenied => "aws-access-denied",
            Kind::InvalidInstanceId => "aws-invalid-instance",
            Kind::InvocationDoesNotExist => "aws-no-invocation",
            Kind::InvalidCommandId => "aws-no-command",
            Kind::Throttled => "aws-throttled",
            Kind::Credentials => "aws-credentials",
            Kind::NotImplemented => "aws-not-implemented",
            Kind::Server => "aws-server",
            Kind::Unreachable => "aws-unreachable",
            Kind::Usage => "aws-usage",
            Kind::TimedOut => "aws-timed-out",
            Kind::NotStarted => "aws-not-started",
            Kind::Other => "aws",
        };
        Self::new(code, error)
    }
}

/// An error of the API, as botocore words it:
/// `An error occurred (CODE) when calling the NAME operation (reached max retries: 4): MESSAGE`.
struct Answer<'a> {
    code: &'a str,
    /// The operation, which may be one of another service that gives credentials.
    operation: &'a str,
    message: &'a str,
}

impl<'a> Answer<'a> {
    fn find(text: &'a str) -> Option<Self> {
        let (_, rest) = text.split_once("An error occurred (")?;
        let (code, rest) = rest.split_once(") when calling the ")?;
        let (operation, rest) = rest.split_once(" operation")?;
        let rest = match rest.strip_prefix(" (reached max retries") {
            Some(rest) => rest.split_once(')')?.1,
            None => rest,
        };
        Some(Self { code, operation, message: rest.trim_start_matches(':').trim() })
    }

    /// A proxy, or a stand-in of AWS, speaks in HTML.
    fn is_page(&self) -> bool {
        let start = self.message.get(..9).unwrap_or(self.message).to_ascii_lowercase();
        start.starts_with("<!doctype") || start.starts_with("<html")
    }

    fn kind(&self, called: &str) -> Kind {
        if self.operation != camel(called) {
            // AssumeRole, GetRoleCredentials, CreateToken: how the CLI comes by credentials.
            return Kind::Credentials;
        }
        by_code(self.code).unwrap_or(match self.code.parse::<u16>() {
            // moto has no other answer to what it does not implement.
            Ok(500 | 501) if self.is_page() => Kind::NotImplemented,
            Ok(429) => Kind::Throttled,
            Ok(403) => Kind::AccessDenied,
            Ok(500..600) => Kind::Server,
            _ => Kind::Other,
        })
    }

    fn words(&self) -> &'a str {
        if self.is_page() { "a page of HTML, which is no answer of SSM's" } else { self.message }
    }
}

/// `send-command` as the API has it: `SendCommand`.
fn camel(operation: &str) -> String {
    let capital = |word: &str| -> String {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    operation.split('-').map(capital).collect()
}

/// On one line, escaped, cut.
fn bounded(words: &str, most: usize) -> String {
    let spaced = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut kept: String = spaced.chars().take(most).collect();
    if kept.len() < spaced.len() {
        kept.push('…');
    }
    one_line(&kept)
}

#[cfg(test)]
mod tests;
