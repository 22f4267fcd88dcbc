//! A cgroup of its own for a command, so that the kernel can end all of it at once (cgroups(7)).

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How many times the processes that stay behind are moved out before the cgroup is left standing.
const EVICT_ROUNDS: usize = 16;

/// How long one such time waits for a process to end, in milliseconds.
const ROUND: u8 = 100;

/// A cgroup below our own, for one command and all that it starts.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// Makes it where a cgroup v2 hierarchy is mounted and our own cgroup may be written to.
    ///
    /// # Errors
    /// When there is none, or this process may not make one; cgroup.kill needs Linux 5.14.
    pub(crate) fn create() -> io::Result<Self> {
        let own = own_folder()?;
        let folder = own.join(format!("privtools-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let cgroup = Self { folder };
        fs::metadata(cgroup.kill_file()).map(|_| cgroup)
    }

    /// The file that a process writes its pid into to join.
    pub(crate) fn procs_file(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    fn kill_file(&self) -> PathBuf {
        self.folder.join("cgroup.kill")
    }

    /// Kills every process in it.
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.kill_file(), "1");
    }

    /// Removes it; processes that are meant to live on go back to where they came from.
    pub(crate) fn remove(&self) {
        let parent = self.folder.parent().map(|parent| parent.join("cgroup.procs"));
        for _ in 0..EVICT_ROUNDS {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                _ => return,
            }
            let staying = fs::read_to_string(self.procs_file()).unwrap_or_default();
            for pid in staying.lines() {
                let _ = parent.as_ref().map(|procs| fs::write(procs, pid));
            }
            self.await_change();
        }
    }

    /// A process that is just ending can no longer be moved, and is in the way a moment longer.
    fn await_change(&self) {
        let Ok(mut events) = fs::File::open(self.folder.join("cgroup.events")) else { return };
        // Only a change after this read makes it poll so (cgroups(7), "cgroup.events").
        let populated = io::read_to_string(&mut events).is_ok_and(|text| text.contains("populated 1"));
        if populated {
            let _ = poll(&mut [PollFd::new(events.as_fd(), PollFlags::POLLPRI)], PollTimeout::from(ROUND));
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.remove();
    }
}

fn own_folder() -> io::Result<PathBuf> {
    let membership = fs::read_to_string("/proc/self/cgroup")?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    place(&membership, &mounts).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Our folder in the v2 hierarchy: `0::/path` (cgroups(7)) below its mount (proc_pid_mountinfo(5)).
fn place(membership: &str, mounts: &str) -> Option<PathBuf> {
    let path = membership.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mount = mounts.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (source.starts_with("cgroup2 ") && root == "/").then_some(point)
    })?;
    Some(Path::new(mount).join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 25 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n\
                          30 25 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";

    #[test]
    fn our_folder_is_found_below_the_v2_mount() {
        let place = place("4:pids:/x\n0::/system.slice/a.service\n", HYBRID);
        assert_eq!(place, Some("/sys/fs/cgroup/unified/system.slice/a.service".into()));
    }

    #[test]
    fn without_a_v2_hierarchy_there_is_none() {
        assert_eq!(place("4:pids:/x\n", HYBRID), None);
        assert_eq!(place("0::/x\n", "30 25 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"), None);
        let part = "31 25 0:27 /part /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(place("0::/x\n", part), None);
    }
}
