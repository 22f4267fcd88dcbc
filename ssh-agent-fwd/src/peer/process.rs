//! The process that connected, as long as it can be told from another one that gets its number.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;

use super::facts::Facts;
use crate::sys;

/// The process that connected. Holding it costs two system calls; what /proc shows of it costs more, and is read when
/// nobody waits for that.
#[derive(Debug)]
pub struct Process(Held);

#[derive(Debug)]
enum Held {
    /// It has no number here: it is in another pid namespace.
    Nameless,
    /// The kernel has kept which process it is since it connected (unix(7), SO_PEERPIDFD; Linux 6.5).
    Attested { pid: i32, handle: OwnedFd },
    /// Its folder of /proc, opened when it was let in: of another process if it had ended by then.
    Folder(OwnedFd),
    /// It had ended.
    Gone,
}

impl Process {
    /// The peer's, which has this number.
    #[must_use]
    pub fn of(stream: &UnixStream, pid: i32) -> Self {
        if pid <= 0 {
            return Self(Held::Nameless);
        }
        Self(match sys::peer_pidfd(stream) {
            Ok(handle) => Held::Attested { pid, handle },
            // Linux before 6.5.
            Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {
                folder(pid).map_or(Held::Gone, Held::Folder)
            }
            // Of a process that has ended some kernels say ESRCH, and others give a handle.
            Err(_) => Held::Gone,
        })
    }

    /// What /proc shows of it now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        match &self.0 {
            Held::Nameless | Held::Gone => Facts::default(),
            Held::Folder(folder) => Facts::of(folder),
            Held::Attested { pid, handle } => match folder(*pid) {
                // While it is not waited for, its number is no other's: the folder that was opened is its own.
                Some(folder) if is_alive(handle) => Facts { attested: true, ..Facts::of(&folder) },
                Some(_) | None => Facts::default(),
            },
        }
    }
}

/// A folder that is held open stays that of one process.
fn folder(pid: i32) -> Option<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(format!("/proc/{pid}").as_str(), flags, Mode::empty()).ok()
}

/// A pidfd is readable when its process has ended (pidfd_open(2)).
fn is_alive(handle: &OwnedFd) -> bool {
    let mut waited = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
    poll(&mut waited, PollTimeout::ZERO) == Ok(0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn this_process_is_seen_and_one_that_has_no_number_is_not() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let exe = std::env::current_exe().expect("a program");
        let held = folder(pid).expect("a folder");
        for process in [Process::of(&one, pid), Process(Held::Folder(held))] {
            let facts = process.facts();
            assert_eq!(facts.exe.as_deref(), exe.to_str());
            assert!(facts.start_time.is_some());
        }
        assert_eq!(Process::of(&one, 0).facts(), Facts::default());
    }

    #[test]
    fn what_has_the_number_of_a_process_that_has_ended_is_not_taken_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("bound");
        // A process that connects and ends: its number is then as good as another's.
        let words = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
        let mut client = Command::new("python3");
        let status = client.args(["-c", words]).arg(&path).stdin(Stdio::null()).status().expect("python3");
        assert!(status.success());
        let (stream, _) = listener.accept().expect("a client");
        let own = i32::try_from(std::process::id()).expect("a pid");
        if sys::peer_pidfd(&stream).is_ok() {
            assert_eq!(Process::of(&stream, own).facts(), Facts::default());
        }
    }
}
