//! aws(1), the user's own: profiles, SSO, regions and retries are as they set them up.

mod error;
mod kind;
mod options;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use supervise::bounded::{Ran, Run, Untold, run_tied};
use supervise::{default_path, locate};
use tempfile::TempDir;

use diagnostics::Failure;

pub use error::AwsError;
use error::Call;
pub use kind::Kind;
use options::Options;

/// How long one call may take; the CLI's own retries take about 10 s.
const TIME: Duration = Duration::from_secs(60);
/// Most bytes of one answer: a node is described in about 1 KiB, an invocation with its output in at most 20.
const OUTPUT: usize = 32 << 20;
/// What the user's environment does not decide: no pager, no prompt, errors in the form that is read here (2.34 has
/// others), and UTF-8 whatever the locale (the first is version 2's, the second Python's).
const FIXED: [(&str, &str); 5] = [
    ("AWS_PAGER", ""),
    ("AWS_CLI_AUTO_PROMPT", "off"),
    ("AWS_CLI_ERROR_FORMAT", "legacy"),
    ("AWS_CLI_OUTPUT_ENCODING", "UTF-8"),
    ("PYTHONUTF8", "1"),
];

/// The CLI, and the options that say as whom and where.
#[derive(Debug, Clone)]
pub struct Aws {
    program: PathBuf,
    options: Options,
    /// Where the input of a call is written.
    temporary: PathBuf,
}

impl Aws {
    /// Finds it in PATH.
    ///
    /// # Errors
    /// `no-aws` when it is not there.
    pub fn find(profile: Option<&str>, region: Option<&str>) -> Result<Self, Failure> {
        let path = env::var_os("PATH").unwrap_or_else(default_path);
        Self::find_in(&path, profile, region)
    }

    fn find_in(path: &OsStr, profile: Option<&str>, region: Option<&str>) -> Result<Self, Failure> {
        let program = locate(OsStr::new("aws"), path).map_err(|failure| {
            let help = "install the AWS CLI, version 2 or 1 (package awscli), and put it in PATH";
            Failure::new("no-aws", format!("{failure}: {help}"))
        })?;
        Ok(Self { program, options: Options::new(profile, region), temporary: env::temp_dir() })
    }

    /// ` --profile 'P' --region 'R'`, of those that are given, to be put after a command that the operator is told to
    /// run: quoted for sh(1), and escaped.
    #[must_use]
    pub fn options_for_shell(&self) -> String {
        self.options.for_shell()
    }

    /// Has it call an operation of SSM, named as `aws ssm` has it, and waits for the whole answer, of all pages.
    ///
    /// # Errors
    /// See [`AwsError`].
    pub fn call(&self, operation: &'static str, input: &Value) -> Result<Value, AwsError> {
        let call = Call { operation, options: &self.options };
        let ran = self.run(operation, input).map_err(|(kind, why)| AwsError::of(&call, kind, &why))?;
        if ran.timed_out {
            return Err(AwsError::of(
                &call,
                Kind::TimedOut,
                &format!("no answer within {} s", TIME.as_secs()),
            ));
        }
        if ran.status != Some(0) {
            return Err(AwsError::read(&call, ran.status, &String::from_utf8_lossy(&ran.stderr)));
        }
        let text = String::from_utf8_lossy(&ran.stdout);
        // Each operation here is answered with an object; version 2 ends with 0 where the connection was cut (2.9.19).
        if text.trim().is_empty() {
            return Err(AwsError::of(
                &call,
                Kind::Unreachable,
                "an answer without content: the connection was cut",
            ));
        }
        serde_json::from_str(&text).map_err(|error| {
            let why = match ran.stdout.len() {
                OUTPUT.. => format!("more than {} MiB of answer: select fewer nodes", OUTPUT >> 20),
                _ => format!("the answer is no JSON: {error}"),
            };
            AwsError::of(&call, Kind::Other, &why)
        })
    }

    fn run(&self, operation: &str, input: &Value) -> Result<Ran, (Kind, String)> {
        // Gone with its content when this returns.
        let (_folder, file) = self.written(input).map_err(|why| (Kind::NotStarted, why))?;
        let argv = self.argv(operation, &file);
        run_tied(&Run { argv: &argv, env: &FIXED, stdin: b"", limit: TIME, output: OUTPUT }).map_err(
            |untold| {
                let program = self.program.display();
                match untold {
                    Untold::NotStarted(error) => {
                        (Kind::NotStarted, format!("{program} cannot be run: {error}"))
                    }
                    Untold::Lost(error) => (Kind::Other, format!("{program} cannot be waited for: {error}")),
                }
            },
        )
    }

    /// The file that holds the input of a call, in a folder of ours alone; or why there is none.
    fn written(&self, input: &Value) -> Result<(TempDir, PathBuf), String> {
        let place = self.temporary.display();
        let written = || -> io::Result<(TempDir, PathBuf)> {
            let place = path::absolute(&self.temporary)?;
            let folder = tempfile::Builder::new()
                .prefix("ssm-keepalive-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(place)?;
            let file = folder.path().join("input.json");
            fs::write(&file, ascii(&input.to_string()))?;
            Ok((folder, file))
        };
        let (folder, file) = written().map_err(|error| {
            format!(
                "its input cannot be written in {place} ({error}): set TMPDIR to a folder that can be written"
            )
        })?;
        // The CLI would put a variable there (expandvars of Python's os.path).
        if file.as_os_str().as_bytes().contains(&b'$') {
            return Err(format!(
                "it takes the '$' of {place} for a variable: set TMPDIR to a folder without one"
            ));
        }
        Ok((folder, file))
    }

    fn argv(&self, operation: &str, input: &Path) -> Vec<OsString> {
        let mut file = OsString::from("file://");
        file.push(input);
        let mut argv: Vec<OsString> = vec![self.program.clone().into(), "ssm".into(), operation.into()];
        argv.extend(["--cli-input-json".into(), file, "--output".into(), "json".into()]);
        argv.extend(self.options.words().map(OsString::from));
        argv
    }
}

/// The same JSON without other characters than ASCII's, since version 1 reads a file as the locale has it. Such
/// characters stand in strings only, where each has an escape (RFC 8259, 7).
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            let units =
                c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            text.push_str(&units);
        }
    }
    text
}

#[cfg(test)]
pub(in crate::fleet) mod tests;
