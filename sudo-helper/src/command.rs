//! Commands that the policy defines: `run NAME KEY=VALUE…`.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::answer::{Answer, Exit, Failure, Ran};
use crate::policy::{Argument, BeneathError, CommandRule, open_beneath};
use crate::process::{Starter, Stopping, Task};
use crate::service::overdue;

/// The whole environment of a command.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("SHELL", "/bin/sh"),
    ("LC_ALL", "C.UTF-8"),
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("SYSTEMD_PAGER", "cat"),
];

/// How long a command that was told to end has.
const GRACE: Duration = Duration::from_secs(10);

/// A command whose program was examined and whose slots are filled.
#[derive(Debug)]
pub struct BoundCommand {
    program: String,
    arguments: Vec<Argument>,
}

impl BoundCommand {
    /// Makes sure that nobody but root can change the program, nor the folders that files come from.
    ///
    /// # Errors
    /// When somebody else can: the element of the path is named.
    pub fn new(rule: &CommandRule, arguments: Vec<Argument>) -> Result<Self, Failure> {
        let folders = arguments.iter().filter_map(|argument| match argument {
            Argument::File { beneath, .. } => Some(beneath.as_path()),
            Argument::Text(_) => None,
        });
        [Path::new(rule.program())].into_iter().chain(folders).try_for_each(|path| {
            trusted_path::verify(path).map_err(|error| {
                let error = format!("{error}; nobody but root may be able to change it");
                Failure::new(Exit::Policy, "untrusted-path", &error)
            })
        })?;
        Ok(Self { program: rule.program().to_owned(), arguments })
    }

    /// What is run, with a file's path where the program gets a descriptor of it.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        let shown = |argument: &Argument| match argument {
            Argument::Text(text) => text.clone(),
            Argument::File { beneath, relative, .. } => beneath.join(relative).display().to_string(),
        };
        [self.program.clone()].into_iter().chain(self.arguments.iter().map(shown)).collect()
    }

    /// Runs it.
    #[must_use]
    pub fn perform(&self, starter: &Starter, limit: Duration, output: usize) -> Answer {
        let mut files = Vec::new();
        let words = self.arguments.iter().map(|argument| given(argument, &mut files));
        let argv: Vec<String> = match [Ok(self.program.clone())].into_iter().chain(words).collect() {
            Ok(argv) => argv,
            Err(failure) => return Answer::from(failure),
        };
        let stopping = Stopping::Kill(GRACE);
        let task = Task { argv: &argv, environment: ENVIRONMENT, limit, stopping, output };
        match starter.run(&task, |_| ()) {
            Ok(finished) => {
                let ran = Ran::new(self.argv(), finished);
                let failure = match ran.returncode {
                    _ if ran.timed_out => Some(overdue(limit)),
                    0 => None,
                    code => Some(failed(&self.program, code)),
                };
                Answer::ran(ran, failure)
            }
            Err(error) => Failure::new(Exit::Failed, "not-started", &error).into(),
        }
    }
}

/// The word that the program gets; a file stays open in `files` until it has ended.
fn given(argument: &Argument, files: &mut Vec<OwnedFd>) -> Result<String, Failure> {
    let (slot, beneath, relative) = match argument {
        Argument::Text(text) => return Ok(text.clone()),
        Argument::File { slot, beneath, relative } => (slot, beneath, relative),
    };
    let open = || {
        let file = open_beneath(beneath, relative)?;
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(file)
    };
    let file: OwnedFd = open().map_err(|error: BeneathError| {
        let shown = |path: &Path| path.display().to_string().escape_debug().to_string();
        let (value, folder) = (shown(relative), shown(beneath));
        Failure::new(Exit::Failed, "file", &format_args!("{slot}={value} beneath {folder}: {error}"))
    })?;
    let word = format!("/proc/self/fd/{}", file.as_raw_fd());
    files.push(file);
    Ok(word)
}

fn failed(program: &str, returncode: i32) -> Failure {
    let error = match returncode {
        code @ 0.. => format!("{program} ended with status {code}"),
        signal => format!("{program} was ended by {}", supervise::signal_name(-signal)),
    };
    Failure::new(Exit::Failed, "failed", &error)
}
