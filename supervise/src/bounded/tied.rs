//! A program that does not outlive this process, however that ends.

use std::io;
use std::process::Stdio;

use super::attended::Excess;
use super::{Ran, Run, begin, capture, command, input};
use crate::child::Group;
use crate::sys;

/// Runs it as [`super::run`] does, but in the working directory of this process and in a session of its own, so that
/// it has no terminal to read from. When this process ends before it, it is killed with its group by the kernel.
///
/// PR_SET_PDEATHSIG (prctl(2)) would reach the program but nothing that it started, and acts when the calling
/// thread ends. What hangs up here is a pipe, of which the program inherits the reading end.
///
/// # Errors
/// As for [`super::run`].
pub fn run_tied(run: &Run<'_>) -> io::Result<Ran> {
    // The writing end is ours alone (close-on-exec) and open until the program is gone.
    let (tie, ours) = io::pipe()?;
    let mut command = command(run.argv, run.env, input(run.stdin)?, Stdio::piped())?;
    sys::tie_session(&mut command, &tie, &ours);
    let (child, streams) = begin(&mut command, Group::OwnSession)?;
    let ran = capture(child, streams, run, Excess::Dropped).map(Ran::from);
    drop(ours);
    ran
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::File;
    use std::io::PipeReader;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::super::ready::ready;
    use super::super::stream::Stream;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);
    /// Names the FIFO to the process that is killed.
    const FIFO: &str = "SUPERVISE_TEST_FIFO";

    fn shell(script: &str, env: &[(&str, &str)]) -> Ran {
        let argv = ["/bin/sh", "-c", script].map(OsString::from);
        run_tied(&Run { argv: &argv, env, stdin: b"", limit: LIMIT, output: 1 << 10 }).expect("it runs")
    }

    #[test]
    fn it_has_a_session_without_a_terminal_our_directory_and_nothing_on_stdin() {
        let ids = "read -r pid name state parent group session terminal rest < /proc/self/stat;
            pwd; echo $((group == pid)) $((session == pid)) $terminal; cat";
        let here = std::env::current_dir().expect("a directory");
        let ran = shell(ids, &[("PATH", "/usr/bin:/bin")]);
        assert_eq!(String::from_utf8_lossy(&ran.stdout), format!("{}\n1 1 0\n", here.display()));
        assert_eq!((ran.status, ran.timed_out), (Some(0), false));
    }

    /// What holds the FIFO open until it is killed: a program and what that started.
    #[test]
    #[ignore = "the process that another test kills"]
    fn the_process_that_is_killed() {
        let fifo = std::env::var(FIFO).expect("run by another test");
        shell("trap '' IO TERM; exec 9>\"$FIFO\"; sleep 1000 & echo ready >&9; wait", &[("FIFO", &fifo)]);
    }

    #[test]
    fn it_and_what_it_started_are_gone_when_we_are_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRUSR | Mode::S_IWUSR).expect("a FIFO");
        let reading = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&fifo).expect("opened");
        let mut us = ourselves(&fifo).spawn().expect("started");
        let said = PipeReader::from(OwnedFd::from(reading));
        let until = Instant::now() + LIMIT;
        let mut holders = Stream::new(Some(said), 1 << 10);
        while holders.kept() != b"ready\n" && Instant::now() < until {
            assert_eq!(ready([holders.wanted()], until).expect("polled"), [true], "nothing was started");
            holders.read().expect("read");
        }
        us.kill().expect("killed");
        us.wait().expect("reaped");
        // The end of the FIFO is there once nobody holds it any more.
        assert_eq!(ready([holders.wanted()], until).expect("polled"), [true], "something is left");
        holders.read().expect("read");
        assert!(holders.wanted().is_none(), "something is left");
    }

    fn ourselves(fifo: &Path) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        let helper = "bounded::tied::tests::the_process_that_is_killed";
        command.args(["--exact", "--ignored", helper]).env(FIFO, fifo);
        command.stdout(Stdio::null());
        command
    }
}
