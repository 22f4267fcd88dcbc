//! The terminal while a secret is typed there: whatever ends this process, the settings come back.

use std::fs::OpenOptions;
use std::io::{self, PipeReader, pipe};
use std::os::fd::AsFd;
use std::thread;

use nix::errno::Errno;
use nix::libc::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use supervise::{Inherited, Signals};

/// The controlling terminal of whoever has one (tty(4)).
const TERMINAL: &str = "/dev/tty";
/// Signals that end a process and that one at a terminal gets.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Asks while a signal that would end this process waits until the settings are back. No other thread of it may take
/// such a signal meanwhile.
///
/// # Errors
/// When there is no terminal, signals cannot be held back, or no thread can be made that waits for them.
pub fn with_settings_kept<T>(ask: impl FnOnce() -> T) -> io::Result<T> {
    let terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
    let settings = tcgetattr(&terminal)?;
    let inherited = Inherited::take()?;
    let signals = Signals::only(&ENDING, &inherited)?;
    let (answered, asking) = pipe()?;
    let answer = thread::scope(|scope| {
        let keep = move || {
            if let Some(signal) = ended_by(&signals, &answered) {
                let _ = tcsetattr(&terminal, SetArg::TCSANOW, &settings);
                let _ = inherited.restore();
                let _ = raise(signal);
            }
        };
        thread::Builder::new().spawn_scoped(scope, keep).map(|_| {
            let answer = ask();
            drop(asking);
            answer
        })
    });
    // A key that interrupts was made a signal to this thread: it ends the process here.
    inherited.restore()?;
    supervise::ignore_sigpipe()?;
    answer
}

/// Waits for a signal; none where the answer came first.
fn ended_by(signals: &Signals, answered: &PipeReader) -> Option<Signal> {
    let waits = |fd| PollFd::new(fd, PollFlags::POLLIN);
    loop {
        let mut events = [waits(signals.as_fd()), waits(answered.as_fd())];
        while poll(&mut events, PollTimeout::NONE) == Err(Errno::EINTR) {}
        if !events[0].any().unwrap_or_default() {
            return None;
        }
        // A child that ends is no reason to.
        match Signal::try_from(signals.next().ok()?.signal) {
            Ok(Signal::SIGCHLD) => {}
            other => return other.ok(),
        }
    }
}
