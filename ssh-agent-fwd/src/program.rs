//! A program that gets nothing of ours but what it is given: a session of its own without a terminal, an environment,
//! descriptors and a folder that are said, no core, no privileges that a file could give it.

mod run;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use diagnostics::{Failure, one_line};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chdir, dup2_stderr, dup2_stdin, dup2_stdout};
use supervise::{Child, Command, Group, Inherited, ProcessHandle};

pub(crate) use run::{Ended, Ran};

/// What nobody but the owner of a file that the program makes may do with it.
const UMASK: Mode = Mode::S_IRWXG.union(Mode::S_IRWXO);
/// Longest sentence of a child that does not become its program, in bytes.
const MAX_WORDS: u64 = 1024;
/// How long the end of a child is waited for that was killed.
const AFTER_KILL: Duration = Duration::from_secs(5);
/// Of a child that has not become its program; nobody reads it.
const NOT_BECOME: u8 = 125;

/// What is to be run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program<'a> {
    /// The absolute path and the arguments.
    pub argv: &'a [OsString],
    /// The whole environment.
    pub env: &'a [(&'a str, &'a OsStr)],
    /// Standard input, output and error; /dev/null where none is said.
    pub stdio: [Option<BorrowedFd<'a>>; 3],
    /// What else it has open, by the numbers that it has here.
    pub kept: &'a [BorrowedFd<'a>],
}

/// The absolute path of a program of OpenSSH's, which nobody but root can replace.
///
/// # Errors
/// `openssh-missing`, `openssh-untrusted`.
pub(crate) fn locate(name: &str) -> Result<PathBuf, Failure> {
    let path = supervise::locate(OsStr::new(name), &supervise::default_path()).map_err(|failure| {
        let help = "install OpenSSH's client programs (package openssh-client)";
        Failure::new("openssh-missing", format!("{}: {help}", one_line(&failure.to_string())))
    })?;
    match trusted_path::verify(&path) {
        Ok(()) => Ok(path),
        Err(error) => {
            let help = "keys are given to no program that others than root can change";
            Err(Failure::new("openssh-untrusted", format!("{}; {help}", one_line(&error.to_string()))))
        }
    }
}

impl Program<'_> {
    /// Starts it; `first` is the last that the child does before it becomes the program. To be called from the only
    /// thread of the process.
    ///
    /// # Errors
    /// `program-not-started`: a step of the child, or `first`, failed, or the program cannot be run.
    pub(crate) fn start(&self, first: impl FnOnce() -> io::Result<()>) -> Result<Child, Failure> {
        let failed = |why: &str| {
            let program = self.argv.first().map(|path| one_line(&path.to_string_lossy())).unwrap_or_default();
            Failure::new("program-not-started", format!("{program} cannot be started: {}", one_line(why)))
        };
        let (child, words) = self.begin(first).map_err(|error| failed(&error.to_string()))?;
        if words.is_empty() {
            return Ok(child);
        }
        // It ends by itself; it is waited for so that nothing is left of it.
        let _ = ProcessHandle::open(child.pid().as_raw())
            .and_then(|handle| handle.wait(std::time::Instant::now() + AFTER_KILL));
        let _ = child.look();
        Err(failed(&words))
    }

    /// The child, and why it has not become the program; nothing when it has.
    fn begin(&self, first: impl FnOnce() -> io::Result<()>) -> io::Result<(Child, String)> {
        let env = self.env.iter().map(|(name, value)| (OsString::from(name), value.to_os_string()));
        let command = Command::new(self.argv.iter().cloned(), env, OsString::new())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a NUL in its arguments"))?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        // Copies above the three, so that none is overwritten by another one before it is taken.
        let [stdin, stdout, stderr] =
            self.stdio.map(|stream| stream.unwrap_or(null.as_fd()).try_clone_to_owned());
        let stdio = [stdin?, stdout?, stderr?];
        let (mut told, teller) = io::pipe()?;
        let child = supervise::fork(Group::OwnSession, || {
            let why = match self.prepare(&stdio).and_then(|()| first()) {
                Ok(()) => command.exec().to_string(),
                Err(error) => error.to_string(),
            };
            tell(&teller, &why)
        })?;
        drop(teller);
        let mut words = Vec::new();
        // Closed by execve(2).
        told.by_ref().take(MAX_WORDS).read_to_end(&mut words)?;
        Ok((child, String::from_utf8_lossy(&words).into_owned()))
    }

    /// The child's side; setsid(2) is done.
    fn prepare(&self, [stdin, stdout, stderr]: &[OwnedFd; 3]) -> io::Result<()> {
        dup2_stdin(stdin)?;
        dup2_stdout(stdout)?;
        dup2_stderr(stderr)?;
        let kept: Vec<u32> = self.kept.iter().map(|fd| fd.as_raw_fd().cast_unsigned()).collect();
        supervise::close_others_on_exec(&kept)?;
        for fd in self.kept {
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        chdir("/")?;
        umask(UMASK);
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        prctl::set_no_new_privs()?;
        // Nothing of what our caller ignores or blocks, either: it could have the program ignore its own end.
        Inherited::discard()?.restore()
    }
}

fn tell(mut teller: &PipeWriter, why: &str) -> u8 {
    let _ = teller.write_all(why.as_bytes());
    NOT_BECOME
}

#[cfg(test)]
mod tests;
