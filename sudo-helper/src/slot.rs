//! How many calls a user may have at a time, so that nobody uses up what all users need.

use std::fs::File;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::Mode;

use crate::answer::{Exit, Failure};
use crate::run_folder::{RUN_FOLDER, RunFolder};

/// Most calls of one uid at a time, the units that change packages for it included.
pub const MAX_CALLS: u32 = 32;

/// One of the calls that a user may have; free again when its processes have ended.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "the lock ends with it")] Flock<File>);

impl Slot {
    /// Takes the first that is free: a file of the run folder that nobody has locked.
    ///
    /// # Errors
    /// When the user has too many calls, or the folder cannot be used.
    pub fn take(folder: &RunFolder, uid: u32) -> Result<Self, Failure> {
        let unusable =
            |errno: Errno| Failure::new(Exit::Failed, "unusable", &format_args!("{RUN_FOLDER}: {errno}"));
        let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        for number in 0..MAX_CALLS {
            let name = format!("slot.{uid}.{number}");
            let file =
                openat(folder, name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR).map_err(unusable)?;
            match Flock::lock(File::from(file), FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Self(lock)),
                Err((_, Errno::EWOULDBLOCK)) => {}
                Err((_, errno)) => return Err(unusable(errno)),
            }
        }
        let error = format!("uid {uid} has {MAX_CALLS} calls already; try again when one has ended");
        Err(Failure::new(Exit::Busy, "too-many-calls", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_and_another_user_as_many() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = RunFolder::open(&parent.path().join("run")).expect("made");
        let take = |uid| Slot::take(&folder, uid);
        let mut taken: Vec<Slot> = (0..MAX_CALLS).map(|_| take(1000).expect("free")).collect();
        assert_eq!(take(1000).expect_err("too many").code(), "too-many-calls");
        let _other = take(2000).expect("free");
        taken.remove(7);
        let again = take(1000).expect("free again");
        assert!(take(1000).is_err());
        drop((again, taken));
        take(1000).expect("free");
    }
}
