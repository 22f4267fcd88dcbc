//! One change of an instance at a time, one of the ssh files in a home, which several instances may have, and one of
//! the places of sockets, which several may want.
//!
//! Unlike [`trusted_path::Lock`] its file goes with the instance, by `down`, which holds it then. Whoever waited for it
//! has the lock of a file without a name, and asks again.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use diagnostics::Failure;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use trusted_path::{PathError, Sticky, walk};

use super::{PUBLIC, absent, failed, make_folder};
use crate::manifest::RUN;
use crate::name::Name;

/// How long another run is waited for: longer than an `up` may take whose daemons were ended meanwhile, as `down` does.
/// Such a one may still start a forwarder (20 s), work as the user (30 s) and see daemons end.
const WAIT: Duration = Duration::from_secs(120);
/// How long one that changes a place is waited for: it makes some system calls, and waits for nobody.
const PLACES_WAIT: Duration = Duration::from_secs(5);
/// How often the lock is asked for; flock(2) tells nobody when it is free.
const PAUSE: Duration = Duration::from_millis(20);
/// What others than root may do with the file.
const OTHERS: u32 = 0o077;

/// The turn to change an instance, the files in a home, or the places of sockets, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    file: Flock<OwnedFd>,
    path: PathBuf,
}

impl Turn {
    /// Waits for it, for 120 s. The folder of all instances and the file are made where there are none.
    ///
    /// # Errors
    /// `busy` when another run does not end; `instance` when the file cannot be made, or is not root's alone.
    pub fn take(name: &Name) -> Result<Self, Failure> {
        Self::take_unless(name, || Ok(()))
    }

    /// The same; whether to wait on is asked again and again.
    ///
    /// # Errors
    /// Those of [`Self::take`], and of `goes_on`.
    pub fn take_unless(name: &Name, goes_on: impl Fn() -> Result<(), Failure>) -> Result<Self, Failure> {
        Self::wait(Path::new(RUN).join(format!(".{name}.lock")), WAIT, goes_on)
    }

    /// The turn to change the ssh files of the user with this uid, waited for no longer than `limit`. Who has that of an
    /// instance may wait for it.
    ///
    /// # Errors
    /// Those of [`Self::take`].
    pub fn take_home(uid: u32, limit: Duration) -> Result<Self, Failure> {
        Self::wait(Path::new(RUN).join(format!(".{uid}.home")), limit, || Ok(()))
    }

    /// The turn to look at the place of a socket and to change what is there. Who has another turn may wait for it.
    ///
    /// # Errors
    /// Those of [`Self::take`].
    pub fn take_places() -> Result<Self, Failure> {
        Self::wait(places(), PLACES_WAIT, || Ok(()))
    }

    /// Takes the file of [`Self::take_places`] away that a run which was killed has left.
    pub fn sweep_places() {
        let path = places();
        if path.exists()
            && let Ok(Some(file)) = attempt(&path)
        {
            // Whoever comes next tries that again.
            let _ = Self { file, path }.remove();
        }
    }

    fn wait(
        path: PathBuf,
        limit: Duration,
        goes_on: impl Fn() -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let deadline = Instant::now() + limit;
        loop {
            match attempt(&path) {
                Ok(Some(file)) => return Ok(Self { file, path }),
                Ok(None) if Instant::now() < deadline => {
                    goes_on()?;
                    thread::sleep(PAUSE);
                }
                Ok(None) => {
                    let shown = diagnostics::one_line(&path.display().to_string());
                    let help = "try again when it has ended";
                    return Err(Failure::new(
                        "busy",
                        format!("another run holds the lock of {shown}: {help}"),
                    ));
                }
                Err(error) => {
                    // It may be ours, and empty.
                    let _ = fs::remove_dir(RUN);
                    return Err(failed(&path, &error));
                }
            }
        }
    }

    /// Takes the file away, and the folder of all instances when nothing else is in it.
    ///
    /// # Errors
    /// `instance` when the file stays.
    pub fn remove(self) -> Result<(), Failure> {
        absent(&self.path, fs::remove_file)?;
        // Another instance is in it, or about to be.
        let _ = fs::remove_dir(RUN);
        drop(self.file);
        Ok(())
    }
}

fn places() -> PathBuf {
    Path::new(RUN).join(".places")
}

/// The lock; `None` when it is another's, or was that of a file which has gone meanwhile.
fn attempt(path: &Path) -> io::Result<Option<Flock<OwnedFd>>> {
    if !Path::new(RUN).exists() {
        match make_folder(Path::new(RUN), PUBLIC) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let place = match walk(path, Sticky::Refused) {
        Ok(place) => place,
        // Its last user took it away.
        Err(PathError::Call(_, error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io::Error::other(error.to_string())),
    };
    let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(&place.folder, place.name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let stat = fstat(&file)?;
    let is_file = stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits();
    if !is_file || stat.st_uid != 0 || stat.st_mode & OTHERS != 0 {
        return Err(io::Error::other("others than root could hold this lock: remove the file"));
    }
    let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => file,
        Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => return Ok(None),
        Err((_, errno)) => return Err(errno.into()),
    };
    let has_a_name = fstat(file.as_fd())?.st_nlink > 0;
    Ok(has_a_name.then_some(file))
}
