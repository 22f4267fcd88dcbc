//! A program that is run with another user's ids.

use std::ffi::OsString;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::sys::prctl::set_no_new_privs;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::attended::Excess;
use super::input::input;
use super::{Ran, Run, capture};
use crate::child::{Group, fork};
use crate::credentials::Credentials;
use crate::descriptors::close_others_on_exec;
use crate::exec::Command;
use crate::inherited::Inherited;
use crate::sys;

/// Runs it with a user's ids, in a session of its own without a terminal. To be called from the only
/// thread of the process.
///
/// # Errors
/// As for [`super::run`]. An id that cannot be taken up, or a program that cannot be run, ends the child with
/// status 125, and with a word on its standard error.
pub fn run_as(run: &Run<'_>, credentials: &Credentials) -> io::Result<Ran> {
    run_after(run, &SigSet::empty(), || credentials.assume().map_err(io::Error::other))
}

/// The same for a program that is to have nothing of this process but its standard descriptors: no other descriptor,
/// no core, no new privileges by execve(2) (no_new_privs of prctl(2)), and no capability to be had from a file, as far
/// as this process may empty the bounding set (capabilities(7): CAP_SETPCAP). What asks it to end is blocked: a service
/// manager that tells all processes at once (systemd.kill(5), KillMode=) means whoever runs it, who bounds its time.
///
/// # Errors
/// As for [`run_as`].
pub fn run_confined(run: &Run<'_>, credentials: &Credentials) -> io::Result<Ran> {
    let asked: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    run_after(run, &asked, || {
        close_others_on_exec(&[])?;
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        // Before the ids: the capability that it takes goes with them.
        sys::empty_bounding_set()?;
        credentials.assume().map_err(io::Error::other)?;
        set_no_new_privs().map_err(io::Error::from)
    })
}

/// Runs it with these signals blocked, once `drop_privileges` has been called in the child.
fn run_after(
    run: &Run<'_>,
    blocked: &SigSet,
    drop_privileges: impl Fn() -> io::Result<()>,
) -> io::Result<Ran> {
    let stdin = input(run.stdin)?;
    let (stdout, out) = io::pipe()?;
    let (stderr, err) = io::pipe()?;
    let environment = run.env.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let command = Command::new(run.argv.iter().cloned(), environment, OsString::new());
    let command = command.map_err(|_| Errno::EINVAL)?;
    let become_it = || -> io::Result<()> {
        dup2_stdin(&stdin)?;
        dup2_stdout(&out)?;
        dup2_stderr(&err)?;
        std::env::set_current_dir("/")?;
        Inherited::restore_with_mask(blocked)?;
        drop_privileges()?;
        Err(io::Error::other(command.exec()))
    };
    let child = fork(Group::OwnSession, || {
        let why = become_it().map_or_else(|error| error.to_string(), |()| String::new());
        let _ = writeln!(io::stderr(), "{why}");
        125
    })?;
    drop((out, err));
    capture(child, [Some(stdout), Some(stderr)], run, Excess::Dropped).map(Ran::from)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use nix::unistd::{Gid, Uid};

    use super::*;

    const ID: u32 = 54_321;

    fn shell(script: &str, by: fn(&Run<'_>, &Credentials) -> io::Result<Ran>) -> String {
        let credentials = Credentials::new(Uid::from_raw(ID), Gid::from_raw(ID), vec![]).expect("not root");
        let argv = ["/bin/sh", "-c", script].map(OsString::from);
        let run =
            Run { argv: &argv, env: &[], stdin: b"input", limit: Duration::from_secs(20), output: 1 << 10 };
        let ran = by(&run, &credentials).expect("it runs");
        assert_eq!((ran.status, &ran.stderr[..]), (Some(0), &b""[..]));
        String::from_utf8(ran.stdout).expect("text")
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn one_that_is_confined_has_the_user_s_ids_its_input_and_nothing_else() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: not root");
            return;
        }
        let leak = File::open("/dev/null").expect("/dev/null");
        fcntl(&leak, FcntlArg::F_SETFD(FdFlag::empty())).expect("inheritable");
        let look = format!(
            "cat; echo; id -u; id -G; [ -e /proc/self/fd/{} ] && echo leak; ulimit -Hc; \
             grep -E '^(Cap|NoNewPrivs)' /proc/self/status",
            leak.as_raw_fd()
        );
        let none = "0000000000000000";
        let expected = format!(
            "input\n{ID}\n{ID}\n0\nCapInh:\t{none}\nCapPrm:\t{none}\nCapEff:\t{none}\nCapBnd:\t{none}\n\
             CapAmb:\t{none}\nNoNewPrivs:\t1\n"
        );
        assert_eq!(shell(&look, run_confined), expected);
        assert_eq!(
            shell("for signal in TERM INT HUP; do kill -$signal $$; done; echo on", run_confined),
            "on\n"
        );
        assert_eq!(
            shell("cat; echo; id -u; grep NoNewPrivs /proc/self/status", run_as),
            format!("input\n{ID}\nNoNewPrivs:\t0\n")
        );
    }
}
