//! What /proc shows of a process (proc(5)). It is for the record alone: the process may have become another program
//! since it connected.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use serde::Serialize;

use crate::process::stat::start_time;

/// As much of a file of /proc is read, in bytes.
const MAX_READ: usize = 2048;

/// What was seen of a process. What could not be seen is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The program that it runs; escaped.
    pub exe: Option<String>,
    /// When it was started, in ticks since the boot: with the pid it names one process.
    pub start_time: Option<u64>,
    /// Its control group; escaped.
    pub cgroup: Option<String>,
    /// Whether this is surely the process that connected, and not one that has got its number since.
    pub attested: bool,
}

impl Facts {
    /// What the folder of a process shows.
    #[must_use]
    pub fn of(folder: &OwnedFd) -> Self {
        let exe = readlinkat(folder, c"exe").ok();
        Self {
            exe: exe.map(|exe| diagnostics::one_line(&String::from_utf8_lossy(exe.as_bytes()))),
            start_time: read(folder, c"stat").as_deref().and_then(start_time),
            cgroup: read(folder, c"cgroup").as_deref().and_then(cgroup),
            attested: false,
        }
    }
}

/// The kernel writes a file of /proc for one read(2), as far as there is room. Every client has a thread: what is long is
/// not on its stack, nor is the name, of which a copy is made there unless it ends in NUL.
fn read(folder: &OwnedFd, name: &CStr) -> Option<String> {
    let file = openat(folder.as_fd(), name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut text = vec![0; MAX_READ];
    let length = nix::unistd::read(&file, &mut text).ok()?;
    Some(String::from_utf8_lossy(&text[..length]).into_owned())
}

/// The path in the unified hierarchy, else the first line (cgroups(7)).
fn cgroup(text: &str) -> Option<String> {
    let unified = text.lines().find_map(|line| line.strip_prefix("0::"));
    unified.or_else(|| text.lines().next()).map(diagnostics::one_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_group_is_the_unified_one_where_there_is_one() {
        for (text, expected) in [
            ("0::/a/b\n", Some("/a/b")),
            ("2:cpu:/x\n0::/a\u{1b}\n", Some("/a\\u{1b}")),
            ("2:cpu:/x\n1:name=systemd:/y\n", Some("2:cpu:/x")),
            ("", None),
        ] {
            assert_eq!(cgroup(text).as_deref(), expected, "{text}");
        }
    }
}
