//! Leaving the cgroup of the caller, who may own it, and could freeze or kill whatever is in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, setsid};
use trusted_path::PathError;

use crate::front::{FrontsEnds, WorkersEnds, lines};
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
    Front(Pid, FrontsEnds),
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
/// Those of fork(2) and socketpair(2).
pub(crate) fn fork_outside() -> io::Result<Forked> {
    for place in PLACES {
        let folder = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(place);
        let (mut front, worker) = lines()?;
        // Not there, not of version 2, not for processes, or an older kernel.
        let Ok(fork) = folder.and_then(|folder| sys::fork_into_cgroup(Some(folder.as_fd()))) else {
            continue;
        };
        match fork {
            ForkResult::Child => {
                drop(front);
                return apart(worker, || true);
            }
            ForkResult::Parent { child } => {
                drop(worker);
                if front.hears_a_worker() {
                    return Ok(Forked::Front(child, front));
                }
                // Linux kills a child that is born out of a cgroup which was killed once.
                waitpid(child, None)?;
                break;
            }
        }
    }
    let (mut front, worker) = lines()?;
    match sys::fork_into_cgroup(None)? {
        ForkResult::Child => {
            drop(front);
            apart(worker, move_outside)
        }
        ForkResult::Parent { child } => {
            drop(worker);
            front.hears_a_worker();
            Ok(Forked::Front(child, front))
        }
    }
}

fn apart(ends: WorkersEnds, outside: impl FnOnce() -> bool) -> io::Result<Forked> {
    setsid()?;
    ends.take_up()?;
    Ok(Forked::Apart { outside: outside() && is_freezer_roots() })
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

/// Where the freezer of cgroups of version 1 is.
const FREEZER: &str = "/sys/fs/cgroup/freezer";

/// Whether nobody but root can freeze this process by a cgroup of version 1.
fn is_freezer_roots() -> bool {
    fs::read_to_string("/proc/self/cgroup").is_ok_and(|membership| only_root_freezes(FREEZER, &membership))
}

fn only_root_freezes(freezer: &str, membership: &str) -> bool {
    let Some(place) = frozen_with(membership) else { return true };
    match trusted_path::verify(Path::new(&format!("{freezer}{place}/freezer.state"))) {
        Ok(()) => true,
        // One that does not show here cannot be written here either.
        Err(PathError::Call(_, error)) => error.kind() == io::ErrorKind::NotFound,
        Err(_) => false,
    }
}

/// The freezer's cgroup in a /proc/PID/cgroup, unless it is the root, which cannot be frozen.
fn frozen_with(membership: &str) -> Option<&str> {
    let mut lines = membership.lines().map(|line| line.splitn(3, ':'));
    let place = lines.find_map(|mut line| (line.nth(1) == Some("freezer")).then(|| line.next()))??;
    (place != "/").then_some(place)
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

    #[test]
    fn what_freezes_with_others_is_seen() {
        for (membership, expected) in [
            ("6:freezer:/agent\n0::/\n", Some("/agent")),
            ("6:freezer:/\n0::/x\n", None),
            ("5:cpu,cpuacct:/x\n0::/x\n", None),
            ("6:freezer:/a:b\n", Some("/a:b")),
        ] {
            assert_eq!(frozen_with(membership), expected, "{membership:?}");
        }
    }

    #[test]
    fn a_freezer_of_the_callers_is_told_from_one_of_roots() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let tree = tempfile::tempdir_in("/run").expect("a folder");
        let freezer = tree.path().to_str().expect("UTF-8");
        for (group, owner) in [("roots", 0), ("agents", 1000)] {
            let folder = tree.path().join(group);
            fs::create_dir(&folder).expect("made");
            fs::write(folder.join("freezer.state"), "THAWED").expect("written");
            std::os::unix::fs::chown(&folder, Some(owner), None).expect("given away");
        }
        for (membership, expected) in [
            ("6:freezer:/roots\n", true),
            ("6:freezer:/agents\n", false),
            ("6:freezer:/agents/below\n", false),
            ("6:freezer:/elsewhere\n", true),
            ("6:freezer:/\n", true),
            ("0::/agents\n", true),
        ] {
            assert_eq!(only_root_freezes(freezer, membership), expected, "{membership:?}");
        }
    }
}
