//! Our ancestors, as proc(5) shows them. A pid may be reused at any time: this is for the record.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Most ancestors that are looked at.
const MAX_PARENTS: usize = 16;
/// Bytes of /proc/PID/status that are read: PPid stands within the first lines.
const MAX_STATUS: usize = 1024;
/// Bytes of /proc/PID/environ that are read.
const MAX_ENVIRON: u64 = 128 << 10;
/// Longest SSH_CONNECTION: two addresses with their zones and two ports (ssh(1)).
const MAX_SSH_CONNECTION: usize = 128;
/// Bytes of a program's path that are kept, so that a record stays small; sudo's is shorter.
const MAX_EXE: usize = 256;
/// The programs that stand between the caller and us.
const SUDO_PROGRAMS: [&str; 2] = ["sudo", "sudo-rs"];
/// What proc(5) appends to the path of a program that was replaced, by an upgrade of sudo say.
const DELETED: &str = " (deleted)";

/// One ancestor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Parent {
    /// Its process id.
    pub pid: u32,
    /// The first 256 bytes of its program's path, with U+FFFD for what is not UTF-8; `None` when it
    /// cannot be read.
    pub exe: Option<String>,
}

impl Parent {
    /// Whether its program is called as sudo is. A caller may call its own programs so: that makes
    /// it wait for more processes, nothing else.
    pub(super) fn is_sudo(&self) -> bool {
        let path = self.exe.as_deref().map(|exe| exe.strip_suffix(DELETED).unwrap_or(exe));
        let name = path.and_then(|path| Path::new(path).file_name());
        name.is_some_and(|name| SUDO_PROGRAMS.iter().any(|sudo| name == *sudo))
    }
}

/// `PID:"PROGRAM"`; the quotes keep a hostile path from looking like two ancestors.
impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.exe {
            Some(exe) => write!(f, "{}:{exe:?}", self.pid),
            None => write!(f, "{}:?", self.pid),
        }
    }
}

/// The process `pid` and its ancestors up to the first of the pid namespace, nearest first.
/// `look_up` gives a process's parent and program, or nothing when it is gone, which ends the chain.
pub(super) fn parents(pid: u32, look_up: impl Fn(u32) -> Option<(u32, Option<String>)>) -> Vec<Parent> {
    let mut parents = Vec::new();
    let mut next = pid;
    // 0 is the parent of the first process, and of one whose parent is outside the pid namespace.
    while next != 0 && parents.len() < MAX_PARENTS {
        let Some((parent, exe)) = look_up(next) else { break };
        parents.push(Parent { pid: next, exe });
        next = parent;
    }
    parents
}

/// The nearest ancestors up to and with the first that is not sudo, which is the caller's own process.
pub(super) fn up_to_caller(parents: &[Parent]) -> &[Parent] {
    let sudos = parents.iter().take_while(|parent| parent.is_sudo()).count();
    &parents[..parents.len().min(sudos + 1)]
}

/// A process's parent and its program.
pub(super) fn look_up(pid: u32) -> Option<(u32, Option<String>)> {
    let exe = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let exe = exe.map(|exe| bounded(&exe.to_string_lossy(), MAX_EXE));
    Some((parent_of(pid)?, exe))
}

/// The first `most` bytes of a text, or a few less: whole characters.
pub(super) fn bounded(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// The parent of a process; `None` when the process is gone.
pub(super) fn parent_of(pid: u32) -> Option<u32> {
    let mut status = [0; MAX_STATUS];
    let mut file = File::open(format!("/proc/{pid}/status")).ok()?;
    let length = file.read(&mut status).ok()?;
    parent_in(&status[..length])
}

/// The PPid of /proc/PID/status. The kernel escapes a newline in the name on the first line.
fn parent_in(status: &[u8]) -> Option<u32> {
    let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"PPid:\t"))?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// SSH_CONNECTION in the environment that a process was started with. sudo(8) drops the variable, hence
/// this detour.
pub(super) fn ssh_connection(pid: u32) -> Option<String> {
    let environ = read_bounded(&format!("/proc/{pid}/environ")).ok()?;
    ssh_connection_in(&environ)
}

fn read_bounded(path: &str) -> io::Result<Vec<u8>> {
    let mut contents = Vec::new();
    File::open(path)?.take(MAX_ENVIRON).read_to_end(&mut contents)?;
    Ok(contents)
}

/// The first variable of that name that is whole, when its value could be one of sshd(8).
fn ssh_connection_in(environ: &[u8]) -> Option<String> {
    let whole = environ.split_inclusive(|&byte| byte == 0).filter_map(|entry| entry.strip_suffix(b"\0"));
    let value = whole.filter_map(|entry| entry.strip_prefix(b"SSH_CONNECTION=")).next()?;
    let plain = value.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic());
    if value.is_empty() || value.len() > MAX_SSH_CONNECTION || !plain {
        return None;
    }
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(pid: u32, exe: &str) -> Parent {
        Parent { pid, exe: Some(exe.to_owned()) }
    }

    #[test]
    fn the_chain_ends_at_the_first_process_or_where_one_is_gone() {
        let tree = |pid| match pid {
            30 => Some((20, Some("/usr/bin/sudo".to_owned()))),
            20 => Some((1, None)),
            1 => Some((0, Some("/sbin/init".to_owned()))),
            _ => None,
        };
        let unreadable = Parent { pid: 20, exe: None };
        assert_eq!(parents(30, tree), [parent(30, "/usr/bin/sudo"), unreadable, parent(1, "/sbin/init")]);
        assert_eq!(parents(99, tree), []);
        assert_eq!(parents(0, tree), []);
    }

    #[test]
    fn a_chain_without_end_is_cut() {
        assert_eq!(parents(5, |pid| Some((pid, None))).len(), MAX_PARENTS);
    }

    #[test]
    fn sudo_is_known_by_its_name() {
        for exe in ["/usr/bin/sudo", "/usr/lib/cargo/bin/sudo-rs", "/usr/bin/sudo (deleted)"] {
            assert!(parent(2, exe).is_sudo(), "{exe}");
        }
        for exe in ["/usr/bin/sudoedit", "/usr/bin/sudo/x", "sudo-helper", "/", "", "/usr/bin/sudo x"] {
            assert!(!parent(2, exe).is_sudo(), "{exe}");
        }
        let chain = [
            parent(9, "/usr/bin/sudo"),
            parent(8, "/usr/bin/sudo"),
            parent(7, "/bin/bash"),
            parent(6, "/bin/sh"),
        ];
        assert_eq!(up_to_caller(&chain), &chain[..3]);
        assert_eq!(up_to_caller(&chain[..2]), &chain[..2]);
        assert_eq!(up_to_caller(&chain[2..]), &chain[2..3]);
        assert_eq!(up_to_caller(&[]), &[]);
        assert!(!Parent { pid: 2, exe: None }.is_sudo());
    }

    #[test]
    fn a_hostile_path_stays_one_ancestor() {
        let hostile = parent(7, "/tmp/x\" 1:\"/sbin/init\n");
        assert_eq!(hostile.to_string(), r#"7:"/tmp/x\" 1:\"/sbin/init\n""#);
        assert_eq!(Parent { pid: 7, exe: None }.to_string(), "7:?");
    }

    #[test]
    fn texts_are_bounded_at_whole_characters() {
        assert_eq!(bounded("aé", 3), "aé");
        assert_eq!(bounded("aé", 2), "a");
        assert_eq!(bounded("", 2), "");
    }

    #[test]
    fn the_parent_is_read_from_the_status() {
        let status =
            b"Name:\tx\\nPPid:\t7\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t5\nPPid:\t42\nUid:\t0\n";
        assert_eq!(parent_in(status), Some(42));
        assert_eq!(parent_in(b"Name:\tx\n"), None);
        assert_eq!(parent_in(b"PPid:\tx\n"), None);
        assert_eq!(parent_of(std::process::id()), Some(std::os::unix::process::parent_id()));
    }

    #[test]
    fn what_the_caller_claims_of_ssh() {
        let value = "192.0.2.7 50022 2001:db8::1%eth0 22";
        let environ = format!("A=b\0XSSH_CONNECTION=no\0SSH_CONNECTION={value}\0SSH_CONNECTION=2\0");
        assert_eq!(ssh_connection_in(environ.as_bytes()).as_deref(), Some(value));
        let long = format!("SSH_CONNECTION={}\0", "1".repeat(129));
        for environ in [
            "",
            "SSH_CONNECTION=",
            "SSH_CONNECTION=\0",
            "SSH_CONNECTION=cut",
            "SSH_CONNECTION=a\nb\0",
            "SSH_CONNECTION=\u{1b}[2J\0",
            "SSH_CONNECTION=é\0",
            &long,
        ] {
            assert_eq!(ssh_connection_in(environ.as_bytes()), None, "{environ:?}");
        }
    }
}
