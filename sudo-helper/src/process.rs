//! A program that does an operation: its output captured, its time bounded, its environment ours.

mod clock;

use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use supervise::{Child, Command, Ended, Event, Group, Inherited, Outcome, Signals, StartError, spawn};

use crate::tail::{Tail, Tailed};

use clock::{Clock, Due};

/// What is read from a pipe at once.
const CHUNK: usize = 16 * 1024;
/// How often at most before the clock is looked at again: together the most that a pipe holds
/// (fs.pipe-max-size, pipe(7)), so that nothing of a program that has ended is left in it.
const READS: usize = 64;

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

/// Starts programs. While it exists this process hears no signal: whoever kills sudo does not end
/// an operation half-way.
pub struct Starter {
    inherited: Inherited,
    signals: Signals,
}

impl Starter {
    /// To be had before the first program, from the only thread.
    ///
    /// # Errors
    /// Those of sigaction(2), sigprocmask(2) and signalfd(2).
    pub fn new() -> io::Result<Self> {
        let inherited = Inherited::discard()?;
        let signals = Signals::all(&inherited)?;
        Ok(Self { inherited, signals })
    }

    /// What children get: no signal ignored, none blocked.
    #[must_use]
    pub fn inherited(&self) -> Inherited {
        self.inherited
    }

    /// Runs a program to its end, in a session of its own without a terminal. `overdue` is told its
    /// process id when it goes on although it was asked to stop.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn run(&self, task: &Task<'_>, mut overdue: impl FnMut(i32)) -> Result<Finished, StartError> {
        let begin = Instant::now();
        let command = command(task)?;
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let child = spawn(&command, Group::OwnSession, stdout_writer.as_fd(), stderr_writer.as_fd())?;
        drop((stdout_writer, stderr_writer));
        let mut outputs = [Output::new(stdout, task.output)?, Output::new(stderr, task.output)?];
        let mut clock = Clock::new(begin, task);
        let ended = self.attend(&child, &mut outputs, &mut clock, &mut overdue)?;
        let [stdout, stderr] = outputs.map(Output::finish);
        let (timed_out, duration) = (clock.stopped(), begin.elapsed());
        Ok(Finished { outcome: ended.outcome, stdout, stderr, timed_out, duration })
    }

    /// Reads both outputs until the program has ended. What it left running may hold them open: that
    /// is not waited for.
    fn attend(
        &self,
        child: &Child,
        outputs: &mut [Output; 2],
        clock: &mut Clock,
        overdue: &mut impl FnMut(i32),
    ) -> io::Result<Ended> {
        loop {
            self.await_event(outputs, clock.remaining())?;
            outputs.iter_mut().try_for_each(Output::read)?;
            if let Some(ended) = self.ended(child)? {
                outputs.iter_mut().try_for_each(Output::read)?;
                return Ok(ended);
            }
            match clock.due() {
                Some(Due::Signal(signal)) => child.signal(signal),
                Some(Due::Interrupt) => child.signal_alone(libc::SIGINT),
                Some(Due::Tell) => overdue(child.pid().as_raw()),
                None => {}
            }
        }
    }

    fn await_event(&self, outputs: &[Output; 2], remaining: Option<Duration>) -> io::Result<()> {
        let timeout = remaining.map_or(Ok(PollTimeout::NONE), PollTimeout::try_from);
        let mut waited: Vec<PollFd<'_>> = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let open = outputs.iter().filter_map(|output| output.pipe.as_ref());
        waited.extend(open.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        match poll(&mut waited, timeout.unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if waited[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN)) {
            // Whatever it is, it is not for us; SIGCHLD is answered by looking.
            self.signals.next()?;
        }
        Ok(())
    }

    fn ended(&self, child: &Child) -> io::Result<Option<Ended>> {
        while let Some(event) = child.look()? {
            if let Event::Ended(ended) = event {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }
}

fn command(task: &Task<'_>) -> io::Result<Command> {
    let arguments = task.argv.iter().map(Into::into);
    let environment = task.environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    // An absolute path is not searched.
    Command::new(arguments, environment, "".into()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// One output of the program; the pipe is gone when its end was reached.
struct Output {
    pipe: Option<PipeReader>,
    tail: Tail,
}

impl Output {
    fn new(pipe: PipeReader, limit: usize) -> io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { pipe: Some(pipe), tail: Tail::new(limit) })
    }

    /// What there is, up to a limit: a program that writes without end must not hold us up.
    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        for _ in 0..READS {
            let Some(pipe) = &mut self.pipe else { break };
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.tail.push(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn finish(self) -> Tailed {
        self.tail.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;

    use nix::sys::wait::{WaitStatus, waitpid};

    use super::*;

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
        echo ready
        sh -c 'until test -e "$0"; do sleep 0.01; done; echo configured' "$0"
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
                // Otherwise the shell was not ready for the signal yet.
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

    #[test]
    fn an_output_without_end_is_left_after_a_while() {
        let endless: OwnedFd = File::open("/dev/zero").expect("/dev/zero").into();
        let mut output = Output::new(endless.into(), 10).expect("an output");
        output.read().expect("read");
        assert_eq!(output.finish().text, "\0".repeat(10));
    }
}
