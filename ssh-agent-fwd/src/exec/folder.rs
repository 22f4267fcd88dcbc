//! The folder of one command.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use diagnostics::{Failure, one_line};
use nix::unistd::{geteuid, mkdtemp};

use crate::instance::{Generation, Instance};
use crate::manifest::RUN;
use crate::process::Process;

/// Where a user's own files are that live as long as its session (XDG Base Directory Specification).
const RUNTIME: &str = "XDG_RUNTIME_DIR";
/// Where they are without a session.
const TEMPORARY: &str = "/tmp";
/// What nobody but its owner may do with a folder.
const OTHERS: u32 = 0o077;
/// What all may enter and only root change.
const PUBLIC: u32 = 0o755;
/// How the folders of root's commands are called, and the number of the process after it.
const PREFIX: &str = ".exec-";
/// Which process a folder is for.
const PID_FILE: &str = "exec.pid";
/// Most entries of the folder of all instances that are looked at.
const MAX_FOLDERS: usize = 4096;
/// How often the folder of all instances is made again that a `down` takes away just then.
const ATTEMPTS: u32 = 100;

/// The folder of one command. Dropped, it goes, with all that is in it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    generation: Generation,
}

impl Folder {
    /// Makes it: root's in /run, where the user can enter it; another's where only that one can.
    ///
    /// # Errors
    /// `instance`.
    pub fn make() -> Result<Self, Failure> {
        let made = if geteuid().is_root() { make_roots() } else { make_own() };
        let path =
            made.map_err(|error| Failure::new("instance", format!("no folder can be made: {error}")))?;
        match Instance::at(path.clone()).begin() {
            Ok(generation) => Ok(Self { path, generation }),
            Err(failure) => {
                remove(&path);
                Err(failure)
            }
        }
    }

    /// What is in it.
    #[must_use]
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Takes the folder of a command away.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path)
        && error.kind() != ErrorKind::NotFound
    {
        let said = format!("instance: {}: {error}", one_line(&path.to_string_lossy()));
        diagnostics::complain(crate::report::NAME, &said);
    }
    // An instance is in it, or another command's folder.
    let _ = fs::remove_dir(RUN);
}

/// Takes away what an `exec` of root's left that was killed before it had a forwarder to do that; its agent ends with
/// it. One that cannot be told from one which begins is left.
pub(crate) fn sweep() {
    for entry in fs::read_dir(RUN).into_iter().flatten().take(MAX_FOLDERS).flatten() {
        let is_execs = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let process = is_execs.then(|| Process::read(&entry.path().join(PID_FILE)));
        if let Some(Ok(Some(process))) = process
            && !process.is_alive()
        {
            remove(&entry.path());
        }
    }
}

fn make_roots() -> std::io::Result<PathBuf> {
    sweep();
    let path = Path::new(RUN).join(format!("{PREFIX}{}", std::process::id()));
    for _ in 0..ATTEMPTS {
        match DirBuilder::new().mode(PUBLIC).create(RUN) {
            Ok(()) => fs::set_permissions(RUN, fs::Permissions::from_mode(PUBLIC))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        match DirBuilder::new().mode(PUBLIC).create(&path) {
            Ok(()) => {
                fs::set_permissions(&path, fs::Permissions::from_mode(PUBLIC))?;
                Process::this()?.write(&path.join(PID_FILE))?;
                return Ok(path);
            }
            // Left by a process of this number that was killed: nobody has it now.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::remove_dir_all(&path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// mkdtemp(3) makes it with mode 0700.
fn make_own() -> std::io::Result<PathBuf> {
    let is_own = |path: &OsString| {
        let owned = |metadata: fs::Metadata| {
            metadata.is_dir() && metadata.uid() == geteuid().as_raw() && metadata.mode() & OTHERS == 0
        };
        Path::new(path).is_absolute() && fs::symlink_metadata(path).is_ok_and(owned)
    };
    let within = std::env::var_os(RUNTIME).filter(is_own).unwrap_or_else(|| TEMPORARY.into());
    mkdtemp(&Path::new(&within).join("ssh-agent-fwd.XXXXXX")).map_err(std::io::Error::from)
}
