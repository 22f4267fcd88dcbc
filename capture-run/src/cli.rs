//! The argument grammar.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use diagnostics::invalid_option;
use lexopt::prelude::*;

use crate::duration::{Limit, parse_grace, parse_limit};
use crate::log::LogOptions;
use crate::size;
use crate::size_cap::SizeCap;

/// What `--help` prints: one screen.
pub const HELP: &str = "\
Usage: capture-run [OPTIONS] LOG STATUS [--] COMMAND [ARG]...
Run COMMAND, copy its output to LOG and stdout, write its exit status to STATUS.
  -a, --append; --mode OCTAL; --no-follow    how LOG is opened
      --max-size SIZE       keep the head and the tail of LOG
      --timestamps, --strip-ansi             in LOG only
      --mask NAME, --mask-file FILE          hide these values in LOG and stdout
      --output-error MODE   warn, warn-nopipe (default), exit, exit-nopipe
      --log-error MODE      warn (default), or fail: a 0 becomes 125
      --result FILE         a record in JSON; --result-argv adds the arguments
      --map-exit FROM=TO    report TO for FROM
      --timeout DUR, --idle-timeout DUR      end COMMAND after this, or after
                            this without output: 124, or 137 if it was killed
  -s, --signal SIG; -k, --kill-after DUR     how it is told, when it is killed
      --foreground          leave COMMAND in the terminal's process group
      --kill-tree           end all it started when capture-run is stopped
      --drain-timeout DUR   after COMMAND: wait for more output (2s)
      --drain-max DUR       and no longer than this in all (60s)
  -h, --help; -V, --version
DUR: 0.5, 10s, 5m, 2h, 1d or inf. SIZE: bytes, or 64K, 10M, 1G.
Exit status: COMMAND's, or 128+n for signal n; 124 timed out; 125 nothing run;
126 COMMAND cannot be run; 127 COMMAND not found. More: man capture-run
";

/// What a write error on an output leads to, in tee(1)'s words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputError {
    /// Stop copying, as if the command's output had no reader.
    pub exit: bool,
    /// A closed pipe is no error.
    pub nopipe: bool,
}

/// When the command is told to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// After so long.
    pub timeout: Limit,
    /// After so long without output.
    pub idle: Limit,
    /// How it is told.
    pub signal: i32,
    /// How much later it is killed.
    pub kill_after: Limit,
}

/// How long output is awaited when the command has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Since the last output.
    pub idle: Limit,
    /// In all.
    pub max: Limit,
}

/// One call of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The copy of the output.
    pub log: PathBuf,
    /// The exit status.
    pub status: PathBuf,
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// How LOG is opened.
    pub log_options: LogOptions,
    /// Begin each line of LOG with the time.
    pub timestamps: bool,
    /// Remove escape sequences from LOG.
    pub strip_ansi: bool,
    /// Variables whose values are hidden.
    pub masks: Vec<OsString>,
    /// Env files whose values are hidden.
    pub mask_files: Vec<PathBuf>,
    /// What a write error on an output leads to.
    pub output_error: OutputError,
    /// Whether trouble with LOG or STATUS turns a 0 into 125.
    pub log_error_fails: bool,
    /// Where the record goes.
    pub result: Option<PathBuf>,
    /// Whether the record names the arguments.
    pub result_argv: bool,
    /// Statuses that are reported as others.
    pub map_exit: Vec<(u8, u8)>,
    /// When the command is told to end.
    pub timeouts: Timeouts,
    /// Leave the command in our process group although there is a timeout.
    pub foreground: bool,
    /// End the whole tree when we die.
    pub kill_tree: bool,
    /// How long output is awaited at the end.
    pub drain: Drain,
}

impl Options {
    /// Whether the command gets a process group of its own, and a watcher.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        let timed = self.timeouts.timeout.is_some() || self.timeouts.idle.is_some();
        self.kill_tree || (timed && !self.foreground)
    }
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
    /// A value that the option cannot have.
    Value(String, &'static str),
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
            Self::Value(value, wanted) => write!(f, "'{value}' is not {wanted}"),
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

/// After the command: 2 s without output, 60 s in all.
const DRAIN: Drain = Drain { idle: Some(Duration::from_secs(2)), max: Some(Duration::from_secs(60)) };

/// The options as they come, before they are held against each other.
struct Seen {
    options: Options,
    drain_idle: Option<Limit>,
    drain_max: Option<Limit>,
}

/// Reads the arguments, without the program's own name.
///
/// # Errors
/// See [`UsageError`].
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, UsageError> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut seen = Seen { options: Options::bare(), drain_idle: None, drain_max: None };
    let log = loop {
        match parser.next()? {
            None => return Err(UsageError::Missing("LOG")),
            Some(Value(log)) => break log,
            Some(Short('h') | Long("help")) => return Ok(Request::Help),
            Some(Short('V') | Long("version")) => return Ok(Request::Version),
            Some(Short('a')) => seen.option("append", &mut parser)?,
            Some(Short('k')) => seen.option("kill-after", &mut parser)?,
            Some(Short('s')) => seen.option("signal", &mut parser)?,
            Some(Long(name)) => {
                let name = name.to_owned();
                seen.option(&name, &mut parser)?;
            }
            Some(other) => return Err(other.unexpected().into()),
        }
    };
    let mut operands = parser.raw_args()?;
    let status = operands.next().ok_or(UsageError::Missing("STATUS"))?;
    let mut command: Vec<OsString> = operands.collect();
    if command.first().is_some_and(|first| first == "--") {
        command.remove(0);
    }
    if command.is_empty() {
        return Err(UsageError::Missing("COMMAND"));
    }
    seen.options.command = command;
    (seen.options.log, seen.options.status) = (log.into(), status.into());
    seen.settle().map(|options| Request::Run(Box::new(options)))
}

impl Options {
    fn bare() -> Self {
        Self {
            log: PathBuf::new(),
            status: PathBuf::new(),
            command: Vec::new(),
            log_options: LogOptions::default(),
            timestamps: false,
            strip_ansi: false,
            masks: Vec::new(),
            mask_files: Vec::new(),
            output_error: OutputError { exit: false, nopipe: true },
            log_error_fails: false,
            result: None,
            result_argv: false,
            map_exit: Vec::new(),
            timeouts: Timeouts { timeout: None, idle: None, signal: libc::SIGTERM, kill_after: None },
            foreground: false,
            kill_tree: false,
            drain: DRAIN,
        }
    }
}

impl Seen {
    fn option(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), UsageError> {
        let options = &mut self.options;
        match name {
            "append" => options.log_options.append = true,
            "no-follow" => options.log_options.no_follow = true,
            "timestamps" => options.timestamps = true,
            "strip-ansi" => options.strip_ansi = true,
            "result-argv" => options.result_argv = true,
            "foreground" => options.foreground = true,
            "kill-tree" => options.kill_tree = true,
            "mask" => options.masks.push(parser.value()?),
            "mask-file" => options.mask_files.push(parser.value()?.into()),
            "result" => options.result = Some(parser.value()?.into()),
            "mode" => options.log_options.mode = Some(read(parser, mode, "an octal mode")?),
            "max-size" => options.log_options.cap = Some(read(parser, cap, "a size of at least 4K")?),
            "output-error" => options.output_error = read(parser, output_error, "a mode")?,
            "log-error" => options.log_error_fails = read(parser, log_error, "warn or fail")?,
            "map-exit" => options.map_exit.push(read(parser, map_exit, "FROM=TO, both 0 to 255")?),
            "timeout" => options.timeouts.timeout = read(parser, parse_limit, "a duration")?,
            "idle-timeout" => options.timeouts.idle = read(parser, parse_limit, "a duration")?,
            "kill-after" => options.timeouts.kill_after = read(parser, parse_limit, "a duration")?,
            "signal" => options.timeouts.signal = read(parser, signal, "a signal")?,
            "drain-timeout" => self.drain_idle = Some(read(parser, parse_grace, "a duration")?),
            "drain-max" => self.drain_max = Some(read(parser, parse_grace, "a duration")?),
            other => return Err(lexopt::Error::UnexpectedOption(format!("--{other}")).into()),
        }
        Ok(())
    }

    fn settle(mut self) -> Result<Options, UsageError> {
        let conflict = |what| Err(UsageError::Conflict(what));
        let options = &mut self.options;
        if options.result_argv && options.result.is_none() {
            return conflict("--result-argv needs --result");
        }
        if options.log_options.append && options.log_options.cap.is_some() {
            return conflict("--append and --max-size exclude each other: a ring has no end to append to");
        }
        if options.foreground && options.kill_tree {
            return conflict("--foreground and --kill-tree exclude each other");
        }
        options.drain.idle = self.drain_idle.unwrap_or(DRAIN.idle);
        // Who waits for ever does not want the default of the other limit to end it.
        let max = if self.drain_idle == Some(None) { None } else { DRAIN.max };
        options.drain.max = self.drain_max.unwrap_or(max);
        Ok(self.options)
    }
}

fn read<T>(
    parser: &mut lexopt::Parser,
    parse: impl Fn(&str) -> Option<T>,
    wanted: &'static str,
) -> Result<T, UsageError> {
    let value: OsString = parser.value()?;
    let parsed = value.to_str().and_then(parse);
    parsed.ok_or_else(|| UsageError::Value(OsStr::new(&value).to_string_lossy().into_owned(), wanted))
}

fn mode(text: &str) -> Option<u32> {
    let octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777)
}

fn cap(text: &str) -> Option<SizeCap> {
    size::parse(text).and_then(SizeCap::new)
}

fn output_error(text: &str) -> Option<OutputError> {
    let (word, nopipe) = text.strip_suffix("-nopipe").map_or((text, false), |word| (word, true));
    match word {
        "warn" => Some(OutputError { exit: false, nopipe }),
        "exit" => Some(OutputError { exit: true, nopipe }),
        _ => None,
    }
}

fn log_error(text: &str) -> Option<bool> {
    match text {
        "warn" => Some(false),
        "fail" => Some(true),
        _ => None,
    }
}

fn map_exit(text: &str) -> Option<(u8, u8)> {
    let (from, to) = text.split_once('=')?;
    let status = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    Some((status(from)?, status(to)?))
}

/// A name with or without SIG, or a number; 0 tells nothing, as in timeout(1).
fn signal(text: &str) -> Option<i32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().filter(|number| (0..=libc::SIGRTMAX()).contains(number));
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    format!("SIG{name}").parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32)
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
        assert_eq!(said("--time-out"), "invalid option '--time-out'; '--timeout' is one (see --help)");
        assert_eq!(said("--frobnicate"), "invalid option '--frobnicate' (see --help)");
    }

    #[test]
    fn options_end_at_the_first_operand() {
        for (arguments, command) in [
            (&["l", "s", "cmd", "-a"][..], &["cmd", "-a"][..]),
            (&["l", "s", "--", "cmd", "--"], &["cmd", "--"]),
            (&["--", "l", "s", "cmd"], &["cmd"]),
            (&["-a", "l", "s", "-x"], &["-x"]),
        ] {
            assert_eq!(options(arguments).command, command, "{arguments:?}");
        }
    }

    #[test]
    fn a_group_of_its_own_only_where_something_must_be_ended() {
        for (arguments, watched) in [
            (&["l", "s", "c"][..], false),
            (&["--kill-tree", "l", "s", "c"], true),
            (&["--timeout", "5", "l", "s", "c"], true),
            (&["--idle-timeout=1m", "l", "s", "c"], true),
            (&["--timeout", "0", "l", "s", "c"], false),
            (&["--timeout", "5", "--foreground", "l", "s", "c"], false),
        ] {
            assert_eq!(options(arguments).is_watched(), watched, "{arguments:?}");
        }
    }

    #[test]
    fn to_wait_for_ever_is_not_ended_by_a_default() {
        assert_eq!(options(&["l", "s", "c"]).drain, DRAIN);
        assert_eq!(options(&["--drain-timeout=inf", "l", "s", "c"]).drain, Drain { idle: None, max: None });
        let both = options(&["--drain-timeout=inf", "--drain-max=5", "l", "s", "c"]).drain;
        assert_eq!(both, Drain { idle: None, max: Some(Duration::from_secs(5)) });
    }

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [("TERM", 15), ("SIGKILL", 9), ("int", 2), ("9", 9), ("0", 0)] {
            assert_eq!(signal(text), Some(number), "{text}");
        }
        for text in ["", "NOSUCH", "-1", "+9", "65", "SIG"] {
            assert_eq!(signal(text), None, "{text}");
        }
    }

    #[test]
    fn values() {
        assert_eq!(mode("0644"), Some(0o644));
        assert_eq!(map_exit("194=1"), Some((194, 1)));
        assert_eq!(output_error("exit-nopipe"), Some(OutputError { exit: true, nopipe: true }));
        assert_eq!(output_error("warn"), Some(OutputError { exit: false, nopipe: false }));
        for text in ["", "8", "+7", "7777", "-1"] {
            assert_eq!(mode(text), None, "{text}");
        }
        for text in ["", "194", "194=", "256=1", "+1=2", "1=2=3"] {
            assert_eq!(map_exit(text), None, "{text}");
        }
    }

    #[test]
    fn refused_calls() {
        for arguments in [
            &[][..],
            &["l"],
            &["l", "s"],
            &["l", "s", "--"],
            &["--no-such", "l", "s", "c"],
            &["--timeout", "x", "l", "s", "c"],
            &["--result-argv", "l", "s", "c"],
            &["--append", "--max-size=1M", "l", "s", "c"],
            &["--max-size=1K", "l", "s", "c"],
            &["--foreground", "--kill-tree", "l", "s", "c"],
            &["--append=yes", "l", "s", "c"],
        ] {
            assert!(request(arguments).is_err(), "{arguments:?} was accepted");
        }
    }
}
