//! The argument grammar.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use diagnostics::{invalid_option, nearest};
use lexopt::prelude::*;

use crate::apt::comparison;
use crate::operation::{BadOperation, Operation};

/// What `--help` prints: one screen.
pub const HELP: &str = "\
Usage: sudo-helper [OPTIONS] OPERATION
Allow-listed operations as root for callers that nobody trusts; JSON answers.
  service {status|start|stop|restart|reload|enable|disable} NAME
  package {install|remove} NAME...
  package {update|upgrade|autoremove|autoclean|repair}
  run NAME [KEY=VALUE]...         what the policy itself defines
      --dry-run                   print what would be done, and do nothing
      --no-block                  service: do not wait for the unit
      --no-wait                   under approval: answer at once, with an id
      --compat-exit               0 also when the operation failed

  list                            what is allowed, and its risks
  explain [--policy FILE] OP...   whether OP is allowed, and why
  pending [--watch]               what waits for approval
  approve ID; deny ID             decide; for the policy's approvers
  wait ID                         run what was approved (after --no-wait)
      --json                      list, pending: JSON on a terminal too
  default-policy                  print a policy to begin with
  check-policy [FILE]             say what is wrong with it
  probe NONCE; ssh                for an installer; as a forced command
  -h, --help; -V, --version       print this, or the version

Exit status: 0 done; 1 failed, or not root; 2 usage; 3 denied; 4 no usable
policy; 6 timed out; 7 busy; 8 not approved. More: man sudo-helper
";

/// The longest argument that is looked at.
pub const MAX_ARGUMENT: usize = 16 * 1024;
/// The most arguments.
pub const MAX_ARGUMENTS: usize = 128;

/// How much of a word that is quoted in an error is shown.
const SHOWN: usize = 80;

/// What to do with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct How {
    /// Only print what would be done.
    pub dry_run: bool,
    /// Leave as soon as systemd has the job.
    pub no_block: bool,
    /// Leave an approval to `wait`.
    pub no_wait: bool,
}

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `--help`.
    Help,
    /// `--version`.
    Version,
    /// `default-policy`.
    DefaultPolicy,
    /// `check-policy [FILE]`.
    CheckPolicy(Option<PathBuf>),
    /// `explain [--policy FILE] OP…`.
    Explain(Option<PathBuf>, Operation),
    /// `ssh`.
    Ssh,
    /// `probe NONCE`.
    Probe(String),
    /// `list`.
    List,
    /// An operation.
    Perform(Operation, How),
    /// `pending [--watch]`.
    Pending {
        /// Go on telling.
        watch: bool,
    },
    /// `approve ID`.
    Approve(String),
    /// `deny ID`.
    Deny(String),
    /// `wait ID`.
    Wait(String),
    /// What a unit of ours runs: a job that root has left for it.
    Worker(String),
    /// What apt-get runs: a look at what it is about to do.
    ComparePlan,
}

/// One call of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What is asked for.
    pub request: Request,
    /// 0 also when the operation failed.
    pub compat_exit: bool,
    /// No table, on a terminal either.
    pub json: bool,
}

/// What is wrong with the arguments.
#[derive(Debug)]
pub enum UsageError {
    /// Refused by the option parser.
    Option(lexopt::Error),
    /// Not an operation.
    Operation(BadOperation),
    /// Not one of our words.
    Unknown(String, Option<&'static str>),
    /// An operand is missing.
    Missing(&'static str),
    /// An operand too many.
    Extra(String),
    /// An option that this request does not take.
    Misplaced(&'static str),
    /// An argument that is no text.
    NotText,
    /// An argument that is longer, or more of them, than any request needs.
    TooMuch,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(lexopt::Error::UnexpectedOption(option)) => {
                f.write_str(&invalid_option(&shown(option), HELP))
            }
            Self::Option(error) => write!(f, "{}", shown(&error.to_string())),
            Self::Operation(error) => write!(f, "{}", shown(&error.to_string())),
            Self::Unknown(word, None) => write!(f, "'{}' is not known; try --help", shown(word)),
            Self::Unknown(word, Some(near)) => {
                write!(f, "'{}' is not known; '{near}' is; try --help", shown(word))
            }
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Extra(word) => write!(f, "'{}' is a word too many", shown(word)),
            Self::Misplaced(option) => write!(f, "{option} does not go with this request"),
            Self::NotText => f.write_str("an argument is not UTF-8"),
            Self::TooMuch => write!(
                f,
                "at most {MAX_ARGUMENTS} arguments, each of at most {MAX_ARGUMENT} bytes, are looked at"
            ),
        }
    }
}

impl std::error::Error for UsageError {}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        Self::Option(error)
    }
}

impl From<BadOperation> for UsageError {
    fn from(error: BadOperation) -> Self {
        Self::Operation(error)
    }
}

/// The caller's words in an error: escaped, and not more of them than a line takes.
fn shown(text: &str) -> String {
    let end = text.char_indices().nth(2 * SHOWN).map_or(text.len(), |(end, _)| end);
    let more = if end < text.len() { "…" } else { "" };
    format!("{}{more}", text[..end].escape_debug().to_string().replace("\\'", "'"))
}

/// What people ask for.
const REQUESTS: [&str; 13] = [
    "service",
    "package",
    "run",
    "list",
    "explain",
    "pending",
    "approve",
    "deny",
    "wait",
    "default-policy",
    "check-policy",
    "probe",
    "ssh",
];

/// Reads the arguments, without the program's name.
///
/// # Errors
/// See [`UsageError`].
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Call, UsageError> {
    let arguments: Vec<OsString> = arguments.into_iter().take(MAX_ARGUMENTS + 1).collect();
    if arguments.len() > MAX_ARGUMENTS || arguments.iter().any(|argument| argument.len() > MAX_ARGUMENT) {
        return Err(UsageError::TooMuch);
    }
    let mut given = Given::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Call::plain(Request::Help)),
            Short('V') | Long("version") => return Ok(Call::plain(Request::Version)),
            Long("dry-run") => given.how.dry_run = true,
            Long("no-block") => given.how.no_block = true,
            Long("no-wait") => given.how.no_wait = true,
            Long("compat-exit") => given.compat_exit = true,
            Long("json") => given.json = true,
            Long("watch") => given.watch = true,
            Long("policy") => given.policy = Some(parser.value()?.into()),
            Value(word) => given.words.push(word.into_string().map_err(|_| UsageError::NotText)?),
            other => return Err(unknown_option(other)),
        }
    }
    given.call()
}

fn unknown_option(argument: lexopt::Arg<'_>) -> UsageError {
    UsageError::Option(argument.unexpected())
}

#[derive(Default)]
struct Given {
    words: Vec<String>,
    how: How,
    compat_exit: bool,
    json: bool,
    watch: bool,
    policy: Option<PathBuf>,
}

impl Given {
    fn call(mut self) -> Result<Call, UsageError> {
        let first = self.words.first().cloned().ok_or(BadOperation::Nothing)?;
        let request = match first.as_str() {
            "service" | "package" | "run" => Request::Perform(Operation::parse(&self.words)?, self.how),
            "explain" => Request::Explain(self.policy.take(), Operation::parse(&self.words[1..])?),
            "list" => self.alone(Request::List)?,
            "pending" => self.alone(Request::Pending { watch: self.watch })?,
            "default-policy" => self.alone(Request::DefaultPolicy)?,
            "ssh" => self.alone(Request::Ssh)?,
            "check-policy" => Request::CheckPolicy(self.operand()?.map(PathBuf::from)),
            "approve" => Request::Approve(self.needed("ID")?),
            "deny" => Request::Deny(self.needed("ID")?),
            "wait" => Request::Wait(self.needed("ID")?),
            "probe" => Request::Probe(self.needed("NONCE")?),
            "worker" => Request::Worker(self.needed("ID")?),
            comparison::WORD => self.alone(Request::ComparePlan)?,
            other => return Err(UsageError::Unknown(first.clone(), nearest(other, REQUESTS))),
        };
        self.check_options(&request)?;
        Ok(Call { request, compat_exit: self.compat_exit, json: self.json })
    }

    /// The one operand that may follow.
    fn operand(&self) -> Result<Option<String>, UsageError> {
        match self.words.get(2) {
            Some(extra) => Err(UsageError::Extra(extra.clone())),
            None => Ok(self.words.get(1).cloned()),
        }
    }

    fn needed(&self, what: &'static str) -> Result<String, UsageError> {
        self.operand()?.ok_or(UsageError::Missing(what))
    }

    fn alone(&self, request: Request) -> Result<Request, UsageError> {
        match self.words.get(1) {
            Some(extra) => Err(UsageError::Extra(extra.clone())),
            None => Ok(request),
        }
    }

    fn check_options(&self, request: &Request) -> Result<(), UsageError> {
        let performs = matches!(request, Request::Perform(..));
        let service = matches!(request, Request::Perform(Operation::Service(..), _));
        let runs = performs || matches!(request, Request::Wait(_));
        let shows = matches!(request, Request::List | Request::Pending { .. });
        let misplaced = [
            ("--dry-run", self.how.dry_run && !performs),
            ("--no-wait", self.how.no_wait && !performs),
            ("--no-block", self.how.no_block && !service),
            ("--compat-exit", self.compat_exit && !runs),
            ("--json", self.json && !shows),
            ("--watch", self.watch && !matches!(request, Request::Pending { .. })),
            ("--policy", self.policy.is_some()),
        ];
        match misplaced.into_iter().find(|(_, misplaced)| *misplaced) {
            Some((option, _)) => Err(UsageError::Misplaced(option)),
            None => Ok(()),
        }
    }
}

impl Call {
    fn plain(request: Request) -> Self {
        Self { request, compat_exit: false, json: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Result<Call, String> {
        let words = line.split(' ').filter(|word| !word.is_empty());
        parse(words.map(OsString::from)).map_err(|error| error.to_string())
    }

    fn request(line: &str) -> Request {
        call(line).expect(line).request
    }

    #[test]
    fn options_go_before_or_after_the_operation() {
        for line in ["--dry-run package update", "package --dry-run update", "package update --dry-run"] {
            let How { dry_run, .. } = match request(line) {
                Request::Perform(_, how) => how,
                other => panic!("{other:?}"),
            };
            assert!(dry_run, "{line}");
        }
        assert!(call("--compat-exit service status nginx").expect("read").compat_exit);
    }

    #[test]
    fn requests() {
        assert_eq!(request("--help"), Request::Help);
        assert_eq!(request("list"), Request::List);
        assert_eq!(request("pending --watch"), Request::Pending { watch: true });
        assert_eq!(request("approve 0123"), Request::Approve("0123".into()));
        assert_eq!(request("check-policy"), Request::CheckPolicy(None));
        assert_eq!(request("check-policy a.json"), Request::CheckPolicy(Some("a.json".into())));
        let explained = request("explain --policy a.json service stop nginx");
        assert!(matches!(explained, Request::Explain(Some(_), _)), "{explained:?}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, says) in [
            ("", "an operation is missing"),
            ("sevice status nginx", "'service' is"),
            ("aprove 1", "'approve' is"),
            ("lsit", "'list' is"),
            ("frobnicate", "'frobnicate' is not known; try"),
            ("service status nginx ssh", "'ssh' is a word too many"),
            ("list all", "'all' is a word too many"),
            ("approve", "ID is missing"),
            ("approve 1 2", "'2' is a word too many"),
            ("list --dry-run", "--dry-run does not go"),
            ("package update --no-block", "--no-block does not go"),
            ("service status nginx --policy x", "--policy does not go"),
            ("list --watch", "--watch does not go"),
            ("service restrat nginx", "'restrat' is nothing that service does; 'restart' is"),
            ("package instal nginx", "; 'install' is"),
            ("package purge nginx", "'purge' is nothing that package does"),
            ("list --jsno", "invalid option '--jsno'; '--json' is one"),
            ("service -H evil status nginx", "invalid option '-H'"),
            ("package install -o=x", "invalid option '-o'"),
            ("package install -- -o", "'-o'"),
        ] {
            let error = call(line).expect_err(line);
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn the_callers_words_are_escaped_and_cut() {
        let error = parse(["li\nst\u{1b}[2J".into()]).expect_err("unknown").to_string();
        assert_eq!(error, "'li\\nst\\u{1b}[2J' is not known; try --help");
        let long = parse([OsString::from("x".repeat(MAX_ARGUMENT))]).expect_err("unknown").to_string();
        assert!(long.len() < 300, "{long}");
        let longer = parse([OsString::from("x".repeat(MAX_ARGUMENT + 1))]);
        assert!(matches!(longer, Err(UsageError::TooMuch)));
        assert!(matches!(parse(vec![OsString::from("x"); 200]), Err(UsageError::TooMuch)));
    }
}
