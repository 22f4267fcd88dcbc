//! Starting a command without a copy of this process: posix_spawn(3) lends the child this process's
//! memory until it runs, where fork(2) copies the page tables and every page that either touches.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

use crate::child::{Child, Group, StartError};
use crate::exec::Command;

/// Starts a command for which nothing has to be done between its birth and its begin; it gets
/// `stdout` and `stderr`, every signal's default action and no blocked signal, whatever our caller had.
///
/// # Errors
/// See [`StartError`].
pub fn spawn(
    command: &Command,
    group: Group,
    stdout: BorrowedFd<'_>,
    stderr: BorrowedFd<'_>,
) -> Result<Child, StartError> {
    let attributes = attributes(group).map_err(io::Error::from)?;
    let streams = streams(stdout, stderr).map_err(io::Error::from)?;
    command
        .attempt(|file, arguments, environment| {
            posix_spawn(file, &streams, &attributes, arguments, environment)
        })
        .map(|pid| Child::new(pid, group))
        .map_err(StartError::Exec)
}

fn attributes(group: Group) -> Result<PosixSpawnAttr, Errno> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_sigdefault(&SigSet::all())?;
    attributes.set_sigmask(&SigSet::empty())?;
    attributes.set_pgroup(Pid::from_raw(0))?;
    let signals = PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
    attributes.set_flags(match group {
        Group::Callers => signals,
        Group::Own => signals | PosixSpawnFlags::POSIX_SPAWN_SETPGROUP,
        // glibc 2.26; nix has no name for it.
        Group::OwnSession => signals | PosixSpawnFlags::from_bits_retain(libc::POSIX_SPAWN_SETSID.into()),
    })?;
    Ok(attributes)
}

fn streams(stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>) -> Result<PosixSpawnFileActions, Errno> {
    let mut streams = PosixSpawnFileActions::init()?;
    streams.add_dup2(stdout.as_raw_fd(), libc::STDOUT_FILENO)?;
    streams.add_dup2(stderr.as_raw_fd(), libc::STDERR_FILENO)?;
    Ok(streams)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;
    use crate::exec::DEFAULT_PATH;
    use crate::sys;

    /// Signals 32 and 33: posix_spawn(3) leaves them ignored, and glibc sets them where it needs them.
    const GLIBCS: u64 = 0b11 << 31;

    fn shell(script: &str) -> Command {
        let argv = ["sh", "-c", script].map(Into::into);
        Command::new(argv, [("PATH".into(), DEFAULT_PATH.into())], DEFAULT_PATH.into()).expect("no NUL")
    }

    fn said(command: &Command, group: Group) -> Result<String, StartError> {
        let (mut stdout, writer) = io::pipe()?;
        let child = spawn(command, group, writer.as_fd(), writer.as_fd())?;
        drop(writer);
        let mut said = String::new();
        stdout.read_to_string(&mut said)?;
        sys::wait4(child.pid().as_raw(), 0)?;
        Ok(said)
    }

    #[test]
    fn a_child_has_the_group_that_was_asked_for() {
        // Its pid, its group and its session (proc_pid_stat(5)).
        let ids = shell(
            "read -r pid name state parent group session rest < /proc/self/stat; \
                         echo $pid $group $session",
        );
        let words = |group| -> Vec<i32> {
            let said = said(&ids, group).expect("started");
            said.split_whitespace().map(|word| word.parse().expect("a number")).collect()
        };
        let ours = [nix::unistd::getpgrp(), nix::unistd::getsid(None).expect("a session")].map(Pid::as_raw);
        assert_eq!(words(Group::Callers)[1..], ours);
        let own = words(Group::Own);
        assert_eq!(own[1..], [own[0], ours[1]]);
        let session = words(Group::OwnSession);
        assert_eq!(session[1..], [session[0]; 2]);
    }

    #[test]
    fn a_child_ignores_and_blocks_no_signal() {
        let ignored = sys::set_ignored(libc::SIGUSR2, true).expect("ignored");
        let mask = SigSet::all();
        mask.thread_block().expect("blocked");
        let status = said(&shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"), Group::Own);
        mask.thread_unblock().expect("unblocked");
        sys::set_ignored(libc::SIGUSR2, ignored).expect("as before");
        let status = status.expect("started");
        let masks: Vec<u64> = status
            .split_whitespace()
            .filter(|word| word.len() == 16)
            .map(|word| u64::from_str_radix(word, 16).expect("a mask") & !GLIBCS)
            .collect();
        assert_eq!(masks, [0, 0], "{status}");
    }

    #[test]
    fn why_it_was_not_started_is_told_as_by_exec() {
        for (program, status) in [("/no/such/program", 127), ("/etc", 126), ("/etc/passwd", 126)] {
            let command = Command::new([program.into()], [], "".into()).expect("no NUL");
            match said(&command, Group::Own) {
                Err(StartError::Exec(failure)) => assert_eq!(failure.status(), status, "{failure}"),
                other => panic!("{program}: {other:?}"),
            }
        }
    }
}
