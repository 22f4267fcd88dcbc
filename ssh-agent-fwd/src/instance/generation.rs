//! One `up` of an instance: a folder of its own with an agent, a forwarder and a policy.

use std::fs;
use std::path::{Path, PathBuf};

use diagnostics::Failure;

use super::left::Left;
use super::state::{self, FileId, State};
use super::{PUBLIC, absent, failed, make_folder};
use crate::agent;
use crate::process::Process;

/// The forwarder's socket, in the folder of an instance and of a generation.
pub const PUBLIC_SOCKET: &str = "public.sock";
/// The folder with the agent, beside it.
pub const AGENT_FOLDER: &str = "agent";
/// What only root may enter.
const PRIVATE: u32 = 0o700;

/// One `up` of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    folder: PathBuf,
    number: u32,
}

impl Generation {
    /// That of this name, if it is one.
    pub(super) fn of(instance: &Path, name: &str) -> Option<Self> {
        let number: u32 = name.parse().ok()?;
        // 007 and +7 are not what this program writes.
        (number > 0 && number.to_string() == name).then(|| Self { folder: instance.join(name), number })
    }

    /// Makes its folder, and that of its agent, which only root can enter.
    pub(super) fn make(instance: &Path, number: u32) -> Result<Self, Failure> {
        let generation = Self { folder: instance.join(number.to_string()), number };
        let made = make_folder(&generation.folder, PUBLIC)
            .and_then(|()| make_folder(&generation.agent_folder(), PRIVATE));
        match made {
            Ok(()) => Ok(generation),
            Err(error) => {
                let _ = generation.remove();
                Err(failed(&generation.folder, &error))
            }
        }
    }

    /// Its number: the higher one is the newer one.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its folder, which all may enter.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The agent's folder, which only root can enter.
    #[must_use]
    pub fn agent_folder(&self) -> PathBuf {
        self.folder.join(AGENT_FOLDER)
    }

    /// The agent's socket. It stays here; where the manifest wants another place, a link there leads here.
    #[must_use]
    pub fn agent_socket(&self) -> PathBuf {
        self.agent_folder().join(agent::SOCKET)
    }

    /// The forwarder's socket, until it is moved to the public place.
    #[must_use]
    pub fn public_socket(&self) -> PathBuf {
        self.folder.join(PUBLIC_SOCKET)
    }

    /// The policy, which the forwarder reads again on SIGHUP.
    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.folder.join("policy.json")
    }

    /// The forwarder's pid file.
    #[must_use]
    pub fn forwarder_pid(&self) -> PathBuf {
        self.folder.join("serve.pid")
    }

    /// The agent's pid file.
    #[must_use]
    pub fn agent_pid(&self) -> PathBuf {
        self.agent_folder().join(agent::PID_FILE)
    }

    /// The forwarder, whether it still runs or not; `None` when there never was one since the boot.
    ///
    /// # Errors
    /// `pid-file`.
    pub fn forwarder(&self) -> Result<Option<Process>, Failure> {
        self.process(&self.forwarder_pid())
    }

    /// The agent, whether it still runs or not; `None` when there never was one since the boot.
    ///
    /// # Errors
    /// `pid-file`.
    pub fn agent(&self) -> Result<Option<Process>, Failure> {
        self.process(&self.agent_pid())
    }

    /// In a container /run may outlive the boot, and numbers and times begin anew. Where it is not known which boot it
    /// was, because the file that says so cannot be read, the process's own arguments say whose it is: an agent with
    /// keys is not left alone for that.
    fn process(&self, path: &Path) -> Result<Option<Process>, Failure> {
        let is_ours = |process: &Process| match self.state() {
            Ok(state) => state.is_some_and(|state| state.is_of_this_boot()),
            Err(_) => process.names(&self.folder),
        };
        Process::read(path).map(|process| process.filter(is_ours))
    }

    /// What it has and has touched; `None` when it was killed before it touched anything.
    ///
    /// # Errors
    /// `state-unreadable` when the file cannot be read or trusted, `state-invalid` when this program has not written
    /// it.
    pub fn state(&self) -> Result<Option<State>, Failure> {
        state::read(&self.state_file())
    }

    /// Writes what it has and will have touched: before it touches it.
    ///
    /// # Errors
    /// `instance`; the file is then as it was.
    pub fn write(&self, state: &State) -> Result<(), Failure> {
        state::write(&self.state_file(), state)
    }

    /// Whether its socket is where clients look.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.state().ok().flatten().is_some_and(|state| {
            state.published.is_some() && FileId::of(state.public_socket.as_path()) == Ok(state.published)
        })
    }

    /// Writes down, beside its folder, that it goes and its files outside were not given back.
    ///
    /// # Errors
    /// `instance`.
    pub fn leave(&self, state: &State) -> Result<(), Failure> {
        Left::write(self.folder.parent().unwrap_or(&self.folder), state)
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("instance.json")
    }

    /// Takes its folder away, with all that is in it.
    ///
    /// # Errors
    /// `instance`.
    pub fn remove(&self) -> Result<(), Failure> {
        absent(&self.folder, fs::remove_dir_all)
    }
}
