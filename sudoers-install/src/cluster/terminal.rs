//! The terminal while a secret is typed there: whatever ends this process, the settings come back.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, pipe};
use std::os::fd::AsFd;
use std::thread;

use nix::errno::Errno;
use nix::libc::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use supervise::{Inherited, Signals};

/// The controlling terminal of whoever has one (tty(4)).
const TERMINAL: &str = "/dev/tty";
/// Signals that end a process and that one at a terminal gets.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Asks while a signal that would end this process waits until the settings are back. To be called from its only
/// thread: any other would take the signal.
///
/// # Errors
/// When there is no terminal, or signals cannot be held back.
pub fn with_settings_kept<T>(ask: impl FnOnce() -> T) -> io::Result<T> {
    let terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
    let settings = tcgetattr(&terminal)?;
    let inherited = Inherited::take()?;
    let signals = Signals::only(&ENDING, &inherited)?;
    let (answered, asking) = pipe()?;
    let answer = thread::scope(|scope| {
        scope.spawn(move || {
            if is_signalled(&signals, &answered) {
                give_back(&terminal, &settings, inherited);
            }
        });
        let answer = ask();
        drop(asking);
        answer
    });
    // A key that interrupts was made a signal to this thread: it ends the process here.
    inherited.restore()?;
    supervise::ignore_sigpipe()?;
    Ok(answer)
}

/// Waits for a signal; no when the answer came first.
fn is_signalled(signals: &Signals, answered: &PipeReader) -> bool {
    let waits = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut events = [waits(signals.as_fd()), waits(answered.as_fd())];
    while poll(&mut events, PollTimeout::NONE) == Err(Errno::EINTR) {}
    events[0].any().unwrap_or_default()
}

/// The settings, and then the signal, which ends this process.
fn give_back(terminal: &File, settings: &Termios, inherited: Inherited) {
    let _ = tcsetattr(terminal, SetArg::TCSANOW, settings);
    let _ = inherited.restore();
}
