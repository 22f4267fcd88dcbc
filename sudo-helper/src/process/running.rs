//! A program that was begun, until it has ended.

use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use supervise::{Child, Ended, Event, Signals};

use super::clock::{Clock, Due};
use super::output::Output;
use super::{Finished, Task};

/// A program that runs. Dropped, it is stopped in the way of its [`Task`], and waited for; what it
/// writes is read by nobody then.
#[derive(Debug)]
pub struct Running {
    // Closed before the program is waited for: it must not wait for us.
    outputs: [Output; 2],
    program: Program,
    begin: Instant,
}

impl Running {
    pub(super) fn new(
        begin: Instant,
        task: &Task<'_>,
        child: Child,
        outputs: [Output; 2],
        signals: Rc<Signals>,
    ) -> Self {
        let program = Program { child, clock: Clock::new(begin, task), signals, reaped: false };
        Self { outputs, program, begin }
    }

    /// Attends it to its end. `overdue` is told its process id when it goes on although it was asked
    /// to stop.
    ///
    /// # Errors
    /// Those of poll(2), read(2) and wait4(2).
    pub fn finish(mut self, overdue: impl FnMut(i32)) -> io::Result<Finished> {
        let ended = self.program.attend(&mut self.outputs, overdue)?;
        let [stdout, stderr] = self.outputs.map(Output::finish);
        let (timed_out, duration) = (self.program.clock.stopped(), self.begin.elapsed());
        Ok(Finished { outcome: ended.outcome, stdout, stderr, timed_out, duration })
    }
}

/// The process, which is not left behind.
#[derive(Debug)]
struct Program {
    child: Child,
    clock: Clock,
    signals: Rc<Signals>,
    reaped: bool,
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.reaped {
            self.clock.expire();
            // Nobody is there to be told why it cannot be waited for.
            let _ = self.attend(&mut [], |_| ());
        }
    }
}

impl Program {
    /// Reads its outputs until it has ended. What it left running may hold them open: that is not
    /// waited for.
    fn attend(&mut self, outputs: &mut [Output], mut overdue: impl FnMut(i32)) -> io::Result<Ended> {
        loop {
            // Before anything is awaited: whoever attended another program has read our SIGCHLD.
            if let Some(ended) = self.ended()? {
                outputs.iter_mut().try_for_each(Output::read)?;
                return Ok(ended);
            }
            match self.clock.due() {
                Some(Due::Signal(signal)) => self.child.signal(signal),
                Some(Due::Interrupt) => self.child.signal_alone(libc::SIGINT),
                Some(Due::Tell) => overdue(self.child.pid().as_raw()),
                None => {}
            }
            self.await_event(outputs, self.clock.remaining())?;
            outputs.iter_mut().try_for_each(Output::read)?;
        }
    }

    fn await_event(&self, outputs: &[Output], remaining: Option<Duration>) -> io::Result<()> {
        let timeout = remaining.map_or(Ok(PollTimeout::NONE), PollTimeout::try_from);
        let mut waited: Vec<PollFd<'_>> = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let open = outputs.iter().filter_map(Output::awaited);
        waited.extend(open.map(|pipe| PollFd::new(pipe, PollFlags::POLLIN)));
        match poll(&mut waited, timeout.unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        if waited[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN)) {
            // It is SIGCHLD, which is answered by looking.
            self.signals.next()?;
        }
        Ok(())
    }

    fn ended(&mut self) -> io::Result<Option<Ended>> {
        while let Some(event) = self.child.look()? {
            if let Event::Ended(ended) = event {
                self.reaped = true;
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }
}
