//! `instance.json`: what a generation has, and what it has touched outside of its folder.

use std::fmt::Display;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use diagnostics::Failure;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid};
use serde::{Deserialize, Serialize};
use trusted_path::{PathError, Sticky, walk};

use super::failed;
use crate::json::{self, Object};
use crate::name::{AbsolutePath, AccountName, Name, SocketPath};
use crate::ssh_files::Plan;

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;
/// Largest file that is read, in bytes: as many host keys as a manifest may hold.
const MAX_FILE: usize = 16 << 20;
/// Which boot this is (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What a generation has, and what it has touched outside of its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    boot: String,
    /// The instance.
    pub name: Name,
    /// Whom it serves.
    pub user: AccountName,
    /// That account's number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Its home.
    pub home: AbsolutePath,
    /// Where the user finds the forwarder.
    pub public_socket: SocketPath,
    /// Where a link leads to the agent's socket; `None`: nowhere.
    pub agent_socket: Option<SocketPath>,
    /// Whether the ssh files are root's, in /etc/ssh, instead of the user's.
    pub system_ssh_config: bool,
    /// The socket that is at the public place, or was just about to be moved there.
    pub published: Option<FileId>,
    /// Whether the ssh files were written, or were just about to be.
    pub ssh_files: bool,
    /// What was written there.
    pub plan: Plan,
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileId {
    /// The file system.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

impl FileId {
    /// The file of this name, a link for itself; `None` when there is none.
    ///
    /// # Errors
    /// `instance` when it cannot be told.
    pub fn of(path: &Path) -> Result<Option<Self>, Failure> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(Self { device: metadata.dev(), inode: metadata.ino() })),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(failed(path, &error)),
        }
    }
}

/// Who is served, and where: what is known before anything is touched.
#[derive(Debug, Clone)]
pub struct Service {
    /// The instance.
    pub name: Name,
    /// Whom it serves, with the account's numbers.
    pub user: (AccountName, u32, u32),
    /// The user's home.
    pub home: AbsolutePath,
    /// Where the user finds the forwarder.
    pub public_socket: SocketPath,
    /// Where a link is to lead to the agent's socket.
    pub agent_socket: Option<SocketPath>,
    /// Whether the ssh files are root's.
    pub system_ssh_config: bool,
    /// What is to stand in the ssh files.
    pub plan: Plan,
}

impl State {
    /// Nothing is touched yet.
    ///
    /// # Errors
    /// `instance` when it cannot be told which boot this is.
    pub fn untouched(service: Service) -> Result<Self, Failure> {
        let Service {
            name,
            user: (user, uid, gid),
            home,
            public_socket,
            agent_socket,
            system_ssh_config,
            plan,
        } = service;
        Ok(Self {
            version: VERSION,
            boot: boot()?,
            name,
            user,
            uid,
            gid,
            home,
            public_socket,
            agent_socket,
            system_ssh_config,
            published: None,
            ssh_files: false,
            plan,
        })
    }

    /// Whether its processes were started since the system was.
    #[must_use]
    pub fn is_of_this_boot(&self) -> bool {
        boot().is_ok_and(|boot| boot == self.boot)
    }
}

fn boot() -> Result<String, Failure> {
    let boot = fs::read_to_string(BOOT_ID).map_err(|error| failed(Path::new(BOOT_ID), &error))?;
    Ok(boot.trim_end().to_owned())
}

pub(super) fn read(path: &Path) -> Result<Option<State>, Failure> {
    let shown = diagnostics::one_line(&path.display().to_string());
    let text = match trusted_path::read(path, MAX_FILE) {
        Ok(text) => text,
        Err(PathError::Call(_, error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::new("state-unreadable", diagnostics::one_line(&error.to_string())));
        }
    };
    let invalid = |why: &dyn Display| {
        let help = "this program has not written it: see what is in the folder, and remove that yourself";
        Failure::new("state-invalid", format!("{shown}: {why}; {help}"))
    };
    let state: Result<Object<State>, _> = json::read(&text);
    let Object(state) = state.map_err(|error| invalid(&error))?;
    if state.version == VERSION {
        Ok(Some(state))
    } else {
        Err(invalid(&format!("version {}", state.version)))
    }
}

pub(super) fn write(path: &Path, state: &State) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(state).map_err(|error| failed(path, &error))?;
    let place = walk(path, Sticky::Refused).map_err(|error| failed(path, &error))?;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    place.replace(format!("{text}\n").as_bytes(), mode, root).map_err(|error| failed(path, &error))
}
