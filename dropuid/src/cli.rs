//! The argument grammar.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use diagnostics::invalid_option;
use env_file::Name;
use lexopt::prelude::*;

use crate::environment::Kept;
use crate::spec::{Principal, Spec, SpecError};

/// What `--help` prints: one screen.
pub const HELP: &str = "\
Usage: dropuid [OPTIONS] USER[:GROUP] [--] COMMAND [ARG]...
Become an unprivileged user, irrevocably, and run a command.
An explicit GROUP replaces all others; names or numbers. NAMES: by commas.

      --wait                      stay, relay signals, return COMMAND's status
      --no-new-privs              setuid programs and sudo give COMMAND nothing
      --drop-groups NAMES         leave these groups; implies --no-new-privs
      --env-file FILE             add its NAME=VALUE lines, read as the user
      --env-file-if-exists FILE   the same, but FILE may be missing
      --env-allow NAMES           take only these from env files
      --clear-env                 start with an empty environment
      --keep-env NAMES            with --clear-env: keep these
      --keep-fd N[,N]...          leave these descriptors open
      --own-stdio                 give pipes on 1 and 2 to the user
      --new-session               leave the caller's terminal (setsid)
      --share-tty                 keep it, although COMMAND could type into it
      --verbose                   say on stderr that root was dropped
      --explain [--json]          print what would be done, and do nothing
  -h, --help; -V, --version       print this, or the version

Exit status: COMMAND's, or 128+n for signal n (--wait); 125 nothing was run;
126 COMMAND cannot be run; 127 COMMAND not found. More: man dropuid
";

/// A file that `--env-file` or `--env-file-if-exists` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it may be missing.
    pub optional: bool,
}

/// What to do about the caller's terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// Refuse when the command could type into it.
    Guarded,
    /// Leave it.
    NewSession,
    /// Keep it.
    Shared,
}

/// How `--explain` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
}

/// One call of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whom to become.
    pub spec: Spec,
    /// The command and its arguments; empty only with `explain`.
    pub command: Vec<OsString>,
    /// Stay until the command has ended.
    pub wait: bool,
    /// Set no_new_privs.
    pub no_new_privs: bool,
    /// Supplementary groups to leave.
    pub drop_groups: Vec<Principal>,
    /// Env files, in order.
    pub env_files: Vec<EnvFile>,
    /// The only names taken from env files.
    pub env_allow: Option<Vec<Name>>,
    /// The caller's variables that are kept.
    pub kept: Kept,
    /// Descriptors from 3 up that stay open.
    pub keep_fds: Vec<u32>,
    /// Give pipes on 1 and 2 to the user, and leave to read the one on 0.
    pub own_stdio: bool,
    /// What to do about the terminal.
    pub terminal: Terminal,
    /// Say that root was dropped.
    pub verbose: bool,
    /// Only print what would be done.
    pub explain: Option<Format>,
}

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `--help`.
    Help,
    /// `--version`.
    Version,
    /// Anything else.
    Run(Box<Options>),
}

/// What is wrong with the arguments.
#[derive(Debug)]
pub enum UsageError {
    /// Refused by the option parser.
    Option(lexopt::Error),
    /// A bad user, group or spec.
    Spec(SpecError),
    /// Not a name of an environment variable.
    BadName(String),
    /// Not a descriptor number.
    BadFd(String),
    /// An argument is missing.
    Missing(&'static str),
    /// Two options that make no sense together, or one that makes none without another.
    Conflict(&'static str),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(lexopt::Error::UnexpectedOption(option)) => {
                f.write_str(&invalid_option(option, HELP))
            }
            Self::Option(error) => write!(f, "{error}"),
            Self::Spec(error) => write!(f, "{error}"),
            Self::BadName(name) => write!(f, "'{name}' is not a name of an environment variable"),
            Self::BadFd(number) => write!(f, "'{number}' is not a number of a descriptor"),
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Conflict(what) => f.write_str(what),
        }?;
        f.write_str(" (see --help)")
    }
}

impl std::error::Error for UsageError {}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> Self {
        Self::Option(error)
    }
}

impl From<SpecError> for UsageError {
    fn from(error: SpecError) -> Self {
        Self::Spec(error)
    }
}

/// The options as they come, before they are held against each other.
#[derive(Default)]
struct Seen {
    wait: bool,
    no_new_privs: bool,
    drop_groups: Vec<Principal>,
    env_files: Vec<EnvFile>,
    env_allow: Option<Vec<Name>>,
    clear_env: bool,
    keep_env: Option<Vec<Name>>,
    keep_fds: Vec<u32>,
    own_stdio: bool,
    new_session: bool,
    share_tty: bool,
    verbose: bool,
    explain: bool,
    json: bool,
}

/// Reads the arguments, without the program's own name.
///
/// # Errors
/// See [`UsageError`].
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, UsageError> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut seen = Seen::default();
    let spec = loop {
        match parser.next()? {
            None => return Err(UsageError::Missing("USER")),
            Some(Value(spec)) => break spec,
            Some(Short('h') | Long("help")) => return Ok(Request::Help),
            Some(Short('V') | Long("version")) => return Ok(Request::Version),
            Some(Long(name)) => {
                let name = name.to_owned();
                seen.option(&name, &mut parser)?;
            }
            Some(other) => return Err(other.unexpected().into()),
        }
    };
    let spec = Spec::parse(&spec)?;
    let mut command: Vec<OsString> = parser.raw_args()?.collect();
    if command.first().is_some_and(|first| first == "--") {
        command.remove(0);
    }
    seen.settle(spec, command).map(|options| Request::Run(Box::new(options)))
}

impl Seen {
    fn option(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        match name {
            "wait" => self.wait = true,
            "no-new-privs" => self.no_new_privs = true,
            "drop-groups" => {
                for group in items(&parser.value()?)? {
                    self.drop_groups.push(Principal::new(&group)?);
                }
            }
            "env-file" => self.env_file(parser.value()?, false),
            "env-file-if-exists" => self.env_file(parser.value()?, true),
            "env-allow" => extend(&mut self.env_allow, names(&parser.value()?)?),
            "clear-env" => self.clear_env = true,
            "keep-env" => extend(&mut self.keep_env, names(&parser.value()?)?),
            "keep-fd" => self.keep_fds.extend(descriptors(&parser.value()?)?),
            "own-stdio" => self.own_stdio = true,
            "new-session" => self.new_session = true,
            "share-tty" => self.share_tty = true,
            "verbose" => self.verbose = true,
            "explain" => self.explain = true,
            "json" => self.json = true,
            other => return Err(lexopt::Error::UnexpectedOption(format!("--{other}")).into()),
        }
        Ok(())
    }

    fn env_file(&mut self, path: OsString, optional: bool) {
        self.env_files.push(EnvFile { path: path.into(), optional });
    }

    fn settle(self, spec: Spec, command: Vec<OsString>) -> Result<Options, UsageError> {
        let conflict = |what| Err(UsageError::Conflict(what));
        if self.new_session && self.share_tty {
            return conflict("--new-session and --share-tty exclude each other");
        }
        if self.keep_env.is_some() && !self.clear_env {
            return conflict("--keep-env needs --clear-env");
        }
        if self.env_allow.is_some() && self.env_files.is_empty() {
            return conflict("--env-allow needs --env-file or --env-file-if-exists");
        }
        if self.json && !self.explain {
            return conflict("--json needs --explain");
        }
        if command.is_empty() && !self.explain {
            return Err(UsageError::Missing("COMMAND"));
        }
        Ok(Options {
            spec,
            command,
            wait: self.wait,
            // Otherwise newgrp(1) and sg(1), which are setuid, would give the group back.
            no_new_privs: self.no_new_privs || !self.drop_groups.is_empty(),
            drop_groups: self.drop_groups,
            env_files: self.env_files,
            env_allow: self.env_allow,
            kept: if self.clear_env { Kept::Only(self.keep_env.unwrap_or_default()) } else { Kept::All },
            keep_fds: self.keep_fds,
            own_stdio: self.own_stdio,
            terminal: match (self.new_session, self.share_tty) {
                (true, _) => Terminal::NewSession,
                (_, true) => Terminal::Shared,
                _ => Terminal::Guarded,
            },
            verbose: self.verbose,
            explain: self.explain.then_some(if self.json { Format::Json } else { Format::Text }),
        })
    }
}

fn extend<T>(list: &mut Option<Vec<T>>, more: Vec<T>) {
    list.get_or_insert_default().extend(more);
}

fn items(list: &OsStr) -> Result<Vec<String>, UsageError> {
    let list = list.to_str().ok_or(UsageError::Spec(SpecError::NotText))?;
    Ok(list.split(',').map(str::to_owned).collect())
}

fn names(list: &OsStr) -> Result<Vec<Name>, UsageError> {
    items(list)?.into_iter().map(|name| Name::new(&name).ok_or(UsageError::BadName(name))).collect()
}

fn descriptors(list: &OsStr) -> Result<Vec<u32>, UsageError> {
    let plain = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    let read =
        |text: String| Some(&text).filter(|text| plain(text)).and_then(|text| text.parse().ok()).ok_or(text);
    items(list)?.into_iter().map(|text| read(text).map_err(UsageError::BadFd)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(arguments: &[&str]) -> Result<Request, UsageError> {
        parse(arguments.iter().map(OsString::from))
    }

    fn options(arguments: &[&str]) -> Options {
        match request(arguments) {
            Ok(Request::Run(options)) => *options,
            other => panic!("{arguments:?} gave {other:?}"),
        }
    }

    #[test]
    fn a_mistyped_option_is_told_from_an_unknown_one() {
        let said = |word: &str| parse([word.into()]).expect_err("unknown").to_string();
        assert_eq!(said("--wiat"), "invalid option '--wiat'; '--wait' is one (see --help)");
        assert_eq!(said("--frobnicate"), "invalid option '--frobnicate' (see --help)");
    }

    #[test]
    fn the_command_is_whatever_follows_the_user() {
        for (arguments, command) in [
            (&["u", "cmd", "--wait", ""][..], &["cmd", "--wait", ""][..]),
            (&["u", "--", "cmd", "--"], &["cmd", "--"]),
            (&["--", "u", "cmd"], &["cmd"]),
            (&["u", "--", "--", "cmd"], &["--", "cmd"]),
            (&["u", "-x"], &["-x"]),
        ] {
            assert_eq!(options(arguments).command, command, "{arguments:?}");
            assert!(!options(arguments).wait);
        }
    }

    #[test]
    fn lists_grow_and_flags_hold() {
        let options = options(&[
            "--wait",
            "--keep-fd=3,4",
            "--keep-fd",
            "9",
            "--env-file",
            "a",
            "--env-file-if-exists=b",
            "--env-allow",
            "A,B",
            "--env-allow=C",
            "--clear-env",
            "--keep-env=X",
            "--verbose",
            "--own-stdio",
            "--new-session",
            "u",
            "c",
        ]);
        assert_eq!(options.keep_fds, [3, 4, 9]);
        assert_eq!(options.env_files.iter().map(|file| file.optional).collect::<Vec<_>>(), [false, true]);
        assert_eq!(options.env_allow.map(|names| names.len()), Some(3));
        assert_eq!(options.kept, Kept::Only(Name::new("X").into_iter().collect()));
        assert_eq!(options.terminal, Terminal::NewSession);
        assert!(options.wait && options.verbose && options.own_stdio && !options.no_new_privs);
    }

    #[test]
    fn dropping_groups_implies_no_new_privs() {
        assert!(options(&["--drop-groups", "sudo,lxd", "u", "c"]).no_new_privs);
    }

    #[test]
    fn refused_calls() {
        for arguments in [
            &[][..],
            &["u"],
            &["", "c"],
            &["--"],
            &["--wait"],
            &["--no-such", "u", "c"],
            &["-x", "u", "c"],
            &["--wait=1", "u", "c"],
            &["--keep-env=A", "u", "c"],
            &["--env-allow=A", "u", "c"],
            &["--json", "u", "c"],
            &["--share-tty", "--new-session", "u", "c"],
            &["--keep-fd", "x", "u", "c"],
            &["--keep-fd", "+3", "u", "c"],
            &["--keep-fd=", "u", "c"],
            &["--drop-groups", "", "u", "c"],
            &["--env-file=a", "--env-allow", "A=1", "u", "c"],
        ] {
            assert!(request(arguments).is_err(), "{arguments:?} was accepted");
        }
    }
}
