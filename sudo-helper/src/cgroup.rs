//! Leaving the cgroup of the caller, who may own it, and could freeze or kill whatever is in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::unistd::{ForkResult, Pid, setsid};

use crate::sys;

/// Cgroups of root's alone, the best first. A process in the root of the tree belongs to no unit, so
/// that journald(8), which counts by unit, drops no record because of what the caller sends. The root
/// of a container takes no process when it has controllers (cgroups(7), "no internal processes").
/// The tree has another place on hosts that have cgroups of version 1, too.
const PLACES: [&str; 4] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/init.scope",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/unified/init.scope",
];

/// One of the two that there are now.
pub(crate) enum Forked {
    /// The one that sudo has started, and the process that does what it was started for.
    Front(Pid),
    /// That process, in a session of its own.
    Apart {
        /// Whether it is out of the caller's cgroup.
        outside: bool,
    },
}

/// Forks, with the child outside of the caller's cgroup. To be called from the only thread.
///
/// To be born elsewhere costs nothing; to move there waits for all processors (clone3(2), cgroups(7)).
///
/// # Errors
/// Those of fork(2).
pub(crate) fn fork_outside() -> io::Result<Forked> {
    for place in PLACES {
        let folder = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(place);
        // Not there, not of version 2, not for processes, or an older kernel.
        let Ok(fork) = folder.and_then(|folder| sys::fork_into_cgroup(Some(folder.as_fd()))) else {
            continue;
        };
        return forked(fork, || true);
    }
    forked(sys::fork_into_cgroup(None)?, move_outside)
}

fn forked(fork: ForkResult, outside: impl FnOnce() -> bool) -> io::Result<Forked> {
    match fork {
        ForkResult::Parent { child } => Ok(Forked::Front(child)),
        ForkResult::Child => {
            setsid()?;
            Ok(Forked::Apart { outside: outside() })
        }
    }
}

/// Moves this process.
fn move_outside() -> bool {
    let join = |place| File::options().write(true).open(format!("{place}/cgroup.procs"));
    let joined = PLACES.iter().any(|place| join(place).and_then(|file| write_own_pid(&file)).is_ok());
    joined || fs::read_to_string("/proc/self/cgroup").is_ok_and(|text| is_roots(&text))
}

fn write_own_pid(mut procs: &File) -> io::Result<()> {
    io::Write::write_all(&mut procs, b"0")
}

/// Whether a process is where only root can freeze it, by its /proc/PID/cgroup: without a line of
/// version 2 there are no cgroups that systemd would give to a user.
fn is_roots(membership: &str) -> bool {
    let place = membership.lines().find_map(|line| line.strip_prefix("0::"));
    place.is_none_or(|place| ["/", "/init.scope"].contains(&place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_roots_is_told_from_one_of_a_user() {
        for (membership, expected) in [
            ("0::/\n", true),
            ("0::/init.scope\n", true),
            ("3:cpu:/x\n0::/\n", true),
            ("3:cpu:/x\n1:name=systemd:/user.slice\n", true),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice\n", false),
            ("0::/system.slice/agent.service/init.scope\n", false),
            ("0::/../other\n", false),
        ] {
            assert_eq!(is_roots(membership), expected, "{membership:?}");
        }
    }
}
