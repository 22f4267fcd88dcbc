//! A terminal: a pty that is the controlling terminal of what runs on it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::capture::spawn;
use crate::packages::tool;
use crate::running::Running;

/// How a terminal treats what is typed.
pub struct Settings(OwnedFd);

impl Settings {
    /// Whether it echoes, gathers lines, and makes signals of keys (termios(3)): `[ECHO, ICANON, ISIG]`.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn of_keys(&self) -> [bool; 3] {
        let flags = tcgetattr(&self.0).expect("a terminal").local_flags;
        [LocalFlags::ECHO, LocalFlags::ICANON, LocalFlags::ISIG].map(|flag| flags.contains(flag))
    }
}

/// Both ends of a pty.
pub struct Terminal {
    keyboard: File,
    line: OwnedFd,
}

impl Terminal {
    /// A new one.
    ///
    /// # Panics
    /// When the kernel has none left.
    #[must_use]
    pub fn open() -> Self {
        let pair = openpty(None, None).expect("a pty");
        Self { keyboard: pair.master.into(), line: pair.slave }
    }

    /// The words before a command that make the terminal on its standard input its own.
    #[must_use]
    pub fn session() -> [&'static str; 3] {
        [tool("setsid"), "--ctty", "--wait"]
    }

    /// A look at its settings, which it keeps as long as somebody looks.
    ///
    /// # Panics
    /// When there are no descriptors left.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings(self.line.try_clone().expect("a descriptor"))
    }

    /// Runs a command that begins with [`Terminal::session`] on it, all three standard
    /// descriptors included.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(self, mut command: Command) -> Running {
        let copy = || Stdio::from(self.line.try_clone().expect("a descriptor"));
        let child = spawn(command.stdin(copy()).stdout(copy()).stderr(copy()));
        let output = self.keyboard.try_clone().expect("a descriptor");
        // `line` and the copies in `command` are closed here: the end of the command ends the output.
        Running::on(child, self.keyboard, output)
    }
}
