//! A program that does an operation: its output captured, its time bounded, its environment ours.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use supervise::{Child, Command, Ended, Event, Group, Inherited, Outcome, Signals, Start, StartError, start};

use crate::tail::{Tail, Tailed};

/// What is read from a pipe at once.
const CHUNK: usize = 16 * 1024;

/// How a program is stopped that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// SIGTERM, and SIGKILL after this long.
    Kill(Duration),
    /// SIGINT, and then patience: a dpkg that is killed leaves packages half configured. After this
    /// long the caller is told, once, and the program goes on.
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
        let child = start(
            &Start {
                command: &command,
                group: Group::OwnSession,
                stdout: stdout_writer.as_fd(),
                stderr: stderr_writer.as_fd(),
                inherited: self.inherited,
                join: None,
            },
            || Ok(()),
        )?;
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

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        while let Some(pipe) = &mut self.pipe {
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

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Signal(i32),
    Tell,
}

/// When a program is stopped, and how firmly.
struct Clock {
    stopping: Stopping,
    next: Option<Instant>,
    steps: u8,
}

impl Clock {
    fn new(begin: Instant, task: &Task<'_>) -> Self {
        Self { stopping: task.stopping, next: Some(begin + task.limit), steps: 0 }
    }

    fn stopped(&self) -> bool {
        self.steps > 0
    }

    fn remaining(&self) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    fn due(&mut self) -> Option<Due> {
        let now = Instant::now();
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        self.steps += 1;
        let (first, grace, last) = match self.stopping {
            Stopping::Kill(grace) => (libc::SIGTERM, grace, Due::Signal(libc::SIGKILL)),
            Stopping::Patience(grace) => (libc::SIGINT, grace, Due::Tell),
        };
        if self.steps == 1 {
            self.next = Some(now + grace);
            return Some(Due::Signal(first));
        }
        self.next = None;
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock(stopping: Stopping) -> Clock {
        Clock { stopping, next: Some(Instant::now()), steps: 0 }
    }

    #[test]
    fn a_program_is_asked_before_it_is_killed() {
        let mut clock = clock(Stopping::Kill(Duration::ZERO));
        assert!(!clock.stopped());
        assert_eq!(clock.due(), Some(Due::Signal(libc::SIGTERM)));
        assert_eq!(clock.due(), Some(Due::Signal(libc::SIGKILL)));
        assert_eq!((clock.due(), clock.remaining()), (None, None));
    }

    #[test]
    fn dpkg_is_never_killed() {
        let mut clock = clock(Stopping::Patience(Duration::ZERO));
        assert_eq!(clock.due(), Some(Due::Signal(libc::SIGINT)));
        assert_eq!(clock.due(), Some(Due::Tell));
        assert_eq!((clock.due(), clock.remaining()), (None, None));
    }

    #[test]
    fn the_grace_is_waited_for() {
        let mut clock = clock(Stopping::Kill(3600 * SECOND));
        assert_eq!(clock.due(), Some(Due::Signal(libc::SIGTERM)));
        assert_eq!(clock.due(), None);
        assert!(clock.remaining() > Some(3000 * SECOND));
    }
}
