//! Folders for logs, gone when the measurements are over or interrupted.
//!
//! The measurements run in a second process. This one waits, hands signals on and removes the folders:
//! an interrupt would otherwise leave a gigabyte in memory.

use std::env;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::statfs::{EXT4_SUPER_MAGIC, statfs};
use nix::unistd::Pid;
use tempfile::TempDir;

/// What ends a program that does not handle it, and what tells of a child.
const HEEDED: [Signal; 5] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGCHLD];

/// Where logs go.
pub struct Folders {
    /// In memory, so that no disk is measured.
    memory: TempDir,
    /// On ext4, if there is one.
    disk: Option<TempDir>,
}

impl Folders {
    /// Makes them.
    pub fn make() -> io::Result<Self> {
        let make = |below: &Path| tempfile::Builder::new().prefix("bench-").tempdir_in(below);
        let memory = make(Path::new("/dev/shm"))?;
        let on_ext4 = |folder: &&Path| {
            statfs(*folder).is_ok_and(|statistics| statistics.filesystem_type() == EXT4_SUPER_MAGIC)
        };
        let disk = ["/var/tmp", "/tmp", "/root"].map(Path::new).into_iter().find(on_ext4).map(make);
        Ok(Self { memory, disk: disk.transpose()? })
    }

    /// Runs this program again to measure, and removes the folders after it.
    pub fn with_second_process(self, words: &[&str]) -> io::Result<ExitCode> {
        let heeded: SigSet = HEEDED.into_iter().collect();
        let mut command = Command::new(env::current_exe()?);
        command.arg("measure").arg(self.memory.path());
        match &self.disk {
            Some(disk) => command.arg(disk.path()),
            None => command.arg("-"),
        };
        let mut child = command.args(words).spawn()?;
        // After the start, for the child would inherit it. What comes in between leaves a folder behind.
        heeded.thread_block()?;
        let ended = loop {
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            match heeded.wait()? {
                Signal::SIGCHLD => {}
                signal => kill(Pid::from_raw(child.id().cast_signed()), signal)?,
            }
        };
        Ok(if ended.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
