//! Replacing a process by a command: the search in PATH, and the field's 126 and 127.

use std::ffi::{CStr, CString, NulError, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, execve};

/// The search path of a command that has none: sudo's secure_path on Debian.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where Ubuntu keeps the commands of snaps; its secure_path names it.
const SNAP_BIN: &str = "/snap/bin";

/// Runs a script that has no `#!` line, as execvp(3) does.
const SHELL: &CStr = c"/bin/sh";

/// [`DEFAULT_PATH`], and /snap/bin where there is one.
#[must_use]
pub fn default_path() -> OsString {
    let mut path = OsString::from(DEFAULT_PATH);
    if Path::new(SNAP_BIN).is_dir() {
        path.push(":");
        path.push(SNAP_BIN);
    }
    path
}

/// Why a command was not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecFailure {
    /// No such file.
    NotFound(OsString),
    /// The file is there, but the kernel refused it.
    NotExecutable(PathBuf, Errno),
    /// The file is there, but the program that its first line or its header names is not.
    NoInterpreter(PathBuf),
}

impl ExecFailure {
    /// 127 when the command was not found, 126 when it was.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::NotFound(_) => 127,
            Self::NotExecutable(..) | Self::NoInterpreter(_) => 126,
        }
    }
}

impl fmt::Display for ExecFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(program) if program.as_bytes().contains(&b'/') => {
                write!(f, "cannot execute '{}': no such file", program.display())
            }
            Self::NotFound(program) => {
                write!(f, "cannot execute '{}': not found in PATH", program.display())
            }
            Self::NotExecutable(file, errno) => {
                write!(f, "cannot execute '{}': {}", file.display(), errno.desc())
            }
            Self::NoInterpreter(file) => {
                write!(f, "cannot execute '{}': its interpreter does not exist", file.display())
            }
        }
    }
}

impl std::error::Error for ExecFailure {}

/// A command with its arguments, its environment and the path that it is searched in.
pub struct Command {
    arguments: Vec<CString>,
    environment: Vec<CString>,
    path: OsString,
}

impl Command {
    /// `arguments` begin with the name of the program, which is searched in `path` unless it has a
    /// slash. Empty and relative elements of `path` are passed over: they would name whatever
    /// stands in the working directory.
    ///
    /// # Errors
    /// When a string holds a NUL byte.
    pub fn new(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        path: OsString,
    ) -> Result<Self, NulError> {
        let arguments = arguments.into_iter().map(|argument| CString::new(argument.into_vec()));
        let environment = environment.into_iter().map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            CString::new(name.into_vec())
        });
        Ok(Self {
            arguments: arguments.collect::<Result<_, _>>()?,
            environment: environment.collect::<Result<_, _>>()?,
            path,
        })
    }

    /// The name of the program as it was given.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        OsStr::from_bytes(self.arguments.first().map_or(&[], |program| program.to_bytes()))
    }

    /// Replaces this process by the command; returns only when that failed.
    #[must_use]
    pub fn exec(&self) -> ExecFailure {
        match self.attempt(|file, arguments, environment| execve(file, arguments, environment)) {
            Ok(never) => match never {},
            Err(failure) => failure,
        }
    }

    /// Has `run` called with a file, arguments and environment for each place where the program may
    /// stand, until it succeeds.
    pub(crate) fn attempt<T>(
        &self,
        run: impl Fn(&CStr, &[&CStr], &[CString]) -> Result<T, Errno>,
    ) -> Result<T, ExecFailure> {
        let arguments: Vec<&CStr> = self.arguments.iter().map(CString::as_c_str).collect();
        search(self.program(), &self.path, |file| match run(file, &arguments, &self.environment) {
            Err(Errno::ENOEXEC) => {
                let script: Vec<&CStr> =
                    [SHELL, file].into_iter().chain(arguments.iter().skip(1).copied()).collect();
                run(SHELL, &script, &self.environment)
            }
            other => other,
        })
    }
}

/// The file that [`Command::exec`] would run with this program and path, as this process's ids see it.
///
/// # Errors
/// The failure that running it would meet, so far as access(2) can tell.
pub fn locate(program: &OsStr, path: &OsStr) -> Result<PathBuf, ExecFailure> {
    search(program, path, |file| {
        access(file, AccessFlags::X_OK)?;
        let found = as_path(file);
        if found.is_file() { Ok(found.to_owned()) } else { Err(Errno::EACCES) }
    })
}

fn as_path(file: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(file.to_bytes()))
}

/// Tries each place where `program` may stand until `attempt` succeeds. A file that was found but
/// refused is reported only when no later place has one that can be run, as in execvp(3).
fn search<T>(
    program: &OsStr,
    path: &OsStr,
    mut attempt: impl FnMut(&CStr) -> Result<T, Errno>,
) -> Result<T, ExecFailure> {
    let named_by_path = program.as_bytes().contains(&b'/');
    let mut failed = Vec::new();
    for candidate in candidates(program, path) {
        match attempt(&candidate) {
            Ok(done) => return Ok(done),
            Err(errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)) => failed.push((candidate, errno)),
            Err(errno) => return Err(ExecFailure::NotExecutable(as_path(&candidate).to_owned(), errno)),
        }
    }
    // Only now, since a successful search need not know why the earlier places failed.
    let refused = failed.into_iter().find_map(|(file, errno)| refusal(as_path(&file), errno, named_by_path));
    Err(refused.unwrap_or_else(|| ExecFailure::NotFound(program.to_owned())))
}

/// The failure that a place stands for; `None` when there is no file at all.
fn refusal(file: &Path, errno: Errno, named_by_path: bool) -> Option<ExecFailure> {
    match errno {
        // A directory of PATH that may not be searched says nothing about the program.
        Errno::EACCES if named_by_path || file.exists() => {
            Some(ExecFailure::NotExecutable(file.to_owned(), errno))
        }
        Errno::ENOENT if file.exists() => Some(ExecFailure::NoInterpreter(file.to_owned())),
        _ => None,
    }
}

fn candidates(program: &OsStr, path: &OsStr) -> Vec<CString> {
    let bytes = program.as_bytes();
    let places: Vec<Vec<u8>> = if bytes.is_empty() {
        Vec::new()
    } else if bytes.contains(&b'/') {
        vec![bytes.to_vec()]
    } else {
        let folders = path.as_bytes().split(|byte| *byte == b':').filter(|folder| folder.starts_with(b"/"));
        folders.map(|folder| [folder, b"/", bytes].concat()).collect()
    };
    places.into_iter().filter_map(|place| CString::new(place).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(program: &str, path: &str) -> Vec<String> {
        let places = candidates(OsStr::new(program), OsStr::new(path));
        places.into_iter().map(|place| place.into_string().expect("UTF-8")).collect()
    }

    #[test]
    fn only_absolute_elements_of_path_are_searched() {
        assert_eq!(places("ls", "/usr/bin::.:bin:/bin"), ["/usr/bin/ls", "/bin/ls"]);
        assert_eq!(places("./ls", "/bin"), ["./ls"]);
        assert!(places("ls", "").is_empty());
        assert!(places("", "/bin").is_empty());
    }

    fn outcome(program: &str, answer: impl Fn(&str) -> Errno) -> ExecFailure {
        let tried = search(OsStr::new(program), OsStr::new("/proc:/dev"), |file| {
            Err::<(), _>(answer(file.to_str().expect("UTF-8")))
        });
        tried.expect_err("every attempt fails")
    }

    #[test]
    fn an_unreadable_directory_does_not_hide_that_nothing_was_found() {
        let failure =
            outcome(
                "no-such-program",
                |file| {
                    if file.starts_with("/proc") { Errno::EACCES } else { Errno::ENOENT }
                },
            );
        assert_eq!(failure, ExecFailure::NotFound("no-such-program".into()));
        assert_eq!(failure.status(), 127);
    }

    #[test]
    fn a_refused_file_is_126() {
        let failure =
            outcome("version", |file| if file == "/proc/version" { Errno::EACCES } else { Errno::ENOENT });
        assert_eq!(failure, ExecFailure::NotExecutable("/proc/version".into(), Errno::EACCES));
        assert_eq!(failure.status(), 126);
        assert_eq!(outcome("/no/such", |_| Errno::EACCES).status(), 126);
        assert_eq!(outcome("null", |_| Errno::E2BIG).status(), 126);
    }

    #[test]
    fn a_missing_interpreter_is_said_to_be_one() {
        let failure = outcome("/proc/version", |_| Errno::ENOENT);
        assert_eq!(failure, ExecFailure::NoInterpreter("/proc/version".into()));
    }
}
