//! A program that does an operation: its output captured, its time bounded, its environment ours.

mod clock;
mod output;
mod running;

use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use supervise::{Command, Group, Inherited, Outcome, Signals, StartError, spawn};

use crate::tail::Tailed;

use output::Output;

pub use running::Running;

/// How a program is stopped that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// SIGTERM, and SIGKILL after this long.
    Kill(Duration),
    /// SIGINT for the program alone, and then patience: apt-get stops after the dpkg that it runs, and
    /// a maintainer script or a dpkg that is killed leaves packages half configured. After this long
    /// the caller is told, once, and the program goes on.
    Patience(Duration),
}

/// A program and its bounds.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// Absolute path, and arguments.
    pub argv: &'a [String],
    /// Its whole environment.
    pub environment: &'a [(&'a str, &'a str)],
    /// How long it may take.
    pub limit: Duration,
    /// What happens then.
    pub stopping: Stopping,
    /// How many of the last bytes of each output are kept.
    pub output: usize,
}

/// How it went.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code or signal.
    pub outcome: Outcome,
    /// What it wrote to standard output.
    pub stdout: Tailed,
    /// What it wrote to standard error.
    pub stderr: Tailed,
    /// Whether it had to be stopped.
    pub timed_out: bool,
    /// How long it took.
    pub duration: Duration,
}

impl Finished {
    /// As Python's subprocess counts, which callers of the original know: the exit code, or the
    /// signal's number below zero.
    #[must_use]
    pub fn returncode(&self) -> i32 {
        match self.outcome {
            Outcome::Exited(code) => i32::from(code),
            Outcome::Signaled { signal, .. } => -signal,
        }
    }
}

/// Starts programs. While it exists this process hears no signal but SIGCHLD: whoever kills sudo does
/// not end an operation half-way. The others wait, blocked, for whoever looks for them.
pub struct Starter {
    inherited: Inherited,
    signals: Rc<Signals>,
}

impl Starter {
    /// To be had before the first program, from the only thread.
    ///
    /// # Errors
    /// Those of sigaction(2), sigprocmask(2) and signalfd(2).
    pub fn new() -> io::Result<Self> {
        let inherited = Inherited::discard()?;
        let signals = Rc::new(Signals::only(&[], &inherited)?);
        Ok(Self { inherited, signals })
    }

    /// What children get: no signal ignored, none blocked.
    #[must_use]
    pub fn inherited(&self) -> Inherited {
        self.inherited
    }

    /// Starts a program, in a session of its own without a terminal. Several may run at once: what each
    /// writes waits in its pipes until it is attended.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn begin(&self, task: &Task<'_>) -> Result<Running, StartError> {
        let begin = Instant::now();
        let command = command(task)?;
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let outputs = [Output::new(stdout, task.output)?, Output::new(stderr, task.output)?];
        let child = spawn(&command, Group::OwnSession, stdout_writer.as_fd(), stderr_writer.as_fd())?;
        Ok(Running::new(begin, task, child, outputs, Rc::clone(&self.signals)))
    }

    /// Runs a program to its end. `overdue` is told its process id when it goes on although it was
    /// asked to stop.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn run(&self, task: &Task<'_>, overdue: impl FnMut(i32)) -> Result<Finished, StartError> {
        Ok(self.begin(task)?.finish(overdue)?)
    }
}

fn command(task: &Task<'_>) -> io::Result<Command> {
    let arguments = task.argv.iter().map(Into::into);
    let environment = task.environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    // An absolute path is not searched.
    Command::new(arguments, environment, "".into()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;

    use nix::errno::Errno;
    use nix::sys::wait::{WaitStatus, waitpid};

    use super::*;
    use crate::consent::endings;

    const SECOND: Duration = Duration::from_secs(1);

    /// In a process with one thread, as the program is: a signal that is read is nobody else's.
    fn in_one_thread(body: impl FnOnce(&Starter)) {
        let child = supervise::fork(Group::Callers, || {
            let body = || body(&Starter::new().expect("a starter"));
            u8::from(catch_unwind(AssertUnwindSafe(body)).is_err())
        });
        let pid = child.expect("forked").pid();
        assert_eq!(waitpid(pid, None), Ok(WaitStatus::Exited(pid, 0)), "it has failed in its own process");
    }

    fn run(
        starter: &Starter,
        argv: &[&str],
        limit: Duration,
        stopping: Stopping,
        overdue: impl FnMut(i32),
    ) -> Finished {
        let argv: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
        let environment = &[("PATH", supervise::DEFAULT_PATH)];
        let task = Task { argv: &argv, environment, limit, stopping, output: 1000 };
        starter.run(&task, overdue).expect("started")
    }

    /// dpkg is the inner shell: it lives until the file that is its argument is there.
    const APT_AND_DPKG: &str = r#"trap 'echo stops' INT
        sh -c 'echo ready; until test -e "$0"; do sleep 0.01; done; echo configured' "$0"
        exit 0"#;

    fn overdue_apt(starter: &Starter, release: &Path, limit: Duration) -> String {
        let path = release.to_str().expect("UTF-8");
        let argv = ["/bin/sh", "-c", APT_AND_DPKG, path];
        let patience = Stopping::Patience(Duration::ZERO);
        let finished =
            run(starter, &argv, limit, patience, |_| File::create(release).map(drop).expect("told"));
        assert!(finished.timed_out);
        finished.stdout.text
    }

    #[test]
    fn what_an_overdue_program_runs_goes_on_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let release = folder.path().join("release");
        in_one_thread(|starter| {
            let mut limit = Duration::from_millis(20);
            let said = loop {
                let said = overdue_apt(starter, &release, limit);
                // Otherwise dpkg did not run yet when the signal came.
                if said.starts_with("ready") {
                    break said;
                }
                let _ = std::fs::remove_file(&release);
                limit *= 2;
            };
            assert_eq!(said, "ready\nconfigured\nstops\n");
        });
    }

    #[test]
    fn a_program_that_writes_without_end_is_stopped() {
        in_one_thread(|starter| {
            let kill = Stopping::Kill(SECOND);
            let finished = run(starter, &["/usr/bin/yes"], Duration::from_millis(100), kill, |_| ());
            assert!(finished.timed_out && finished.stdout.truncated);
            assert_eq!(finished.returncode(), -libc::SIGTERM);
        });
    }

    fn begin(starter: &Starter, script: &str, folder: &Path) -> Running {
        let argv = ["/bin/sh", "-c", script, folder.to_str().expect("UTF-8")].map(str::to_owned);
        let environment = &[("PATH", supervise::DEFAULT_PATH)];
        let (limit, stopping) = (30 * SECOND, Stopping::Kill(30 * SECOND));
        starter.begin(&Task { argv: &argv, environment, limit, stopping, output: 1000 }).expect("started")
    }

    /// What it leaves running has its output, so that only SIGCHLD tells of its end.
    const LEAVES: &str = r#"echo $$ > "$0/pid"; echo left
        while test -d "$0"; do sleep 0.01; done &"#;
    const OUTLIVES: &str = r#"until grep -q ') Z' "/proc/$(cat "$0/pid")/stat"; do sleep 0.01; done
        echo outlived"#;

    #[test]
    fn of_two_programs_at_once_the_end_of_neither_is_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        in_one_thread(|starter| {
            let leaves = begin(starter, LEAVES, folder.path());
            let outlives = begin(starter, OUTLIVES, folder.path());
            for (running, said) in [(outlives, "outlived\n"), (leaves, "left\n")] {
                let finished = running.finish(|_| ()).expect("attended");
                assert_eq!((finished.stdout.text.as_str(), finished.timed_out), (said, false));
            }
        });
    }

    #[test]
    fn what_tells_us_to_end_while_a_program_runs_waits_for_whoever_looks_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        in_one_thread(|starter| {
            let told = begin(starter, "kill -TERM $PPID; kill -WINCH $PPID; echo told", folder.path());
            let finished = told.finish(|_| ()).expect("attended");
            assert_eq!((finished.returncode(), finished.stdout.text.as_str()), (0, "told\n"));
            let endings = endings().expect("a signalfd");
            let next = || endings.read_signal().expect("read").map(|info| info.ssi_signo);
            assert_eq!([next(), next()], [Some(libc::SIGTERM.cast_unsigned()), None]);
        });
    }

    #[test]
    fn what_is_dropped_is_asked_to_end_and_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        in_one_thread(|starter| {
            // The shell says that its sleep was ended, to whom nobody listens.
            let script = r#"exec 2> /dev/null; trap 'echo asked > "$0/asked"; exit' TERM
                : > "$0/ready"; while :; do sleep 0.01; done"#;
            let running = begin(starter, script, folder.path());
            while !at("ready").exists() {
                std::thread::yield_now();
            }
            drop(running);
            assert!(at("asked").exists());
            assert_eq!(waitpid(None, None), Err(Errno::ECHILD));
        });
    }
}
