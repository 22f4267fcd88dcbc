//! A program that does not outlive this process, however that ends.

use std::env;
use std::io::{self, PipeWriter};
use std::process::Stdio;

use super::attended::Excess;
use super::input::input;
use super::{Ran, Run, Streams, begin, capture, command};
use crate::child::{Child, Group};
use crate::sys;

/// Why nothing is known of how a program ended.
#[derive(Debug)]
pub enum Untold {
    /// It was not started.
    NotStarted(io::Error),
    /// It was, but cannot be waited for; it is killed.
    Lost(io::Error),
}

/// Runs it as [`super::run`] does, but in the working directory of this process and with its environment, in which
/// [`Run::env`] is set, and in a session of its own, so that it has no terminal to read from. When this process ends
/// before it, it is killed with its group by the kernel.
///
/// PR_SET_PDEATHSIG (prctl(2)) would reach the program but nothing that it started, and acts when the calling
/// thread ends. What hangs up here is a pipe, of which the program inherits the reading end.
///
/// # Errors
/// See [`Untold`].
pub fn run_tied(run: &Run<'_>) -> Result<Ran, Untold> {
    let (child, streams, ours) = start(run).map_err(Untold::NotStarted)?;
    let ran = capture(child, streams, run, Excess::Dropped).map(Ran::from).map_err(Untold::Lost);
    drop(ours);
    ran
}

/// Starts it; the writing end is ours alone (close-on-exec), and to be open until the program is gone.
fn start(run: &Run<'_>) -> io::Result<(Child, Streams, PipeWriter)> {
    let (tie, ours) = io::pipe()?;
    let mut command = command(run.argv, &[], input(run.stdin)?.into(), Stdio::piped())?;
    // As it is: a variable need not be text (environ(7)).
    command.envs(env::vars_os()).envs(run.env.iter().copied());
    sys::tie_session(&mut command, &tie, &ours);
    let (child, streams) = begin(&mut command, Group::OwnSession)?;
    Ok((child, streams, ours))
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::fs::File;
    use std::io::PipeReader;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::OpenOptionsExt;
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
        let mut us = ourselves("the_process_that_is_killed").env(FIFO, &fifo).spawn().expect("started");
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

    #[test]
    #[ignore = "the process that another test gives an environment"]
    fn the_process_with_an_odd_environment() {
        let ran = shell("printf '%s %s' \"$ODD\" \"$GIVEN\"", &[("GIVEN", "by us")]);
        assert_eq!(ran.stdout, b"\xff by us");
    }

    #[test]
    fn it_has_our_environment_whatever_is_in_it_and_what_is_given_wins() {
        let mut us = ourselves("the_process_with_an_odd_environment");
        us.env("ODD", OsStr::from_bytes(b"\xff")).env("GIVEN", "by the user");
        let said = us.stdout(Stdio::piped()).output().expect("run");
        assert!(String::from_utf8_lossy(&said.stdout).contains("1 passed"), "{said:?}");
    }

    #[test]
    fn one_that_is_not_started_is_told_apart() {
        let argv = ["/no/such/program".into()];
        let missing = run_tied(&Run { argv: &argv, env: &[], stdin: b"", limit: LIMIT, output: 1 });
        assert!(matches!(missing, Err(Untold::NotStarted(error)) if error.kind() == io::ErrorKind::NotFound));
    }

    /// This program, as one of the tests that are ignored otherwise.
    fn ourselves(test: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args(["--exact", "--ignored", &format!("bounded::tied::tests::{test}")]);
        command.stdout(Stdio::null());
        command
    }
}
