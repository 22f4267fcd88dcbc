//! What the agent leaves in its files. The snap is a classic one and keeps them where the packages do
//! (upstream's agent/appconfig/constants_unix.go).

mod reports;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

use crate::unit::Unit;

/// The agent's log.
const LOG: &str = "/var/log/amazon/ssm/amazon-ssm-agent.log";
/// Where a worker writes that sleeps because Systems Manager refuses it, and nobody else does.
const HIBERNATE_LOG: &str = "/var/log/amazon/ssm/hibernate.log";
/// One of them is there once a host was registered: of older agents, of newer ones.
const REGISTRATIONS: [&str; 2] =
    ["/var/lib/amazon/ssm/registration", "/var/lib/amazon/ssm/Vault/Store/RegistrationKey"];
/// The worker's program; agents before 3.0 have none, and work without.
const WORKERS: [&str; 2] = ["/snap/amazon-ssm-agent/current/ssm-agent-worker", "/usr/bin/ssm-agent-worker"];
/// How much of the end of the log is read, in bytes.
const TAIL: u64 = 64 << 10;

/// How exactly the time of a report is known: the log has whole seconds.
const EXACT: Duration = Duration::from_secs(2);

/// What the core logs when it has found out who it is, and when it has not (upstream's common/identity).
const FOUND: &str = "Agent will take identity from";
const NOT_FOUND: &str = "Agent failed to assume any identity";

/// Whether the agent that began then says that nobody knows it: it has found no identity, and was never registered.
/// What an older run has logged says nothing.
#[must_use]
pub fn is_unregistered(began: SystemTime) -> bool {
    let was_registered = REGISTRATIONS.iter().any(|path| is_there(Path::new(path)));
    !was_registered && tail(Path::new(LOG), began).is_ok_and(|(tail, _)| says_unknown(&tail))
}

/// Whether this caller may read the logs, of which the agent lets root alone.
#[must_use]
pub fn are_readable() -> bool {
    let refuses =
        |path| open(Path::new(path)).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    ![LOG, HIBERNATE_LOG].into_iter().any(refuses)
}

/// When a worker last wrote that it sleeps, of an agent that began then; `None` when none did, or when it has reported
/// to Systems Manager since. How long ago says nothing: after some hours it sleeps on without a word.
#[must_use]
pub fn sleeps_since(began: SystemTime) -> Option<SystemTime> {
    asleep(Path::new(HIBERNATE_LOG), Path::new(LOG), began)
}

fn asleep(hibernate_log: &Path, log: &Path, began: SystemTime) -> Option<SystemTime> {
    let wrote = open(hibernate_log).and_then(|log| log.metadata()?.modified()).ok()?;
    // A clock that was ahead then, and was set since, dates what an earlier run wrote after this one began.
    if wrote > SystemTime::now() + EXACT {
        return None;
    }
    // A worker sleeps before it begins to report, and never again after that.
    let reported = || tail(log, wrote).ok().and_then(|(text, written)| reports::last(&text, written));
    (wrote > began && reported().is_none_or(|at| at < wrote + EXACT)).then_some(wrote)
}

/// Whether this unit's agent has a worker of its own that ought to run.
#[must_use]
pub fn has_worker(unit: &Unit) -> bool {
    let programs: &[&str] = match unit.as_str() {
        Unit::SNAP => &WORKERS[..1],
        Unit::PACKAGE => &WORKERS[1..],
        _ => &WORKERS,
    };
    programs.iter().any(|path| Path::new(path).is_file())
}

fn is_there(path: &Path) -> bool {
    // What cannot be looked at may be there.
    path.symlink_metadata().map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true)
}

/// A regular file; neither a link nor a pipe can hold us up.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = File::from(openat(AT_FDCWD, path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// The end of a file that was written since then, and when it was.
fn tail(path: &Path, since: SystemTime) -> io::Result<(String, SystemTime)> {
    let mut file = open(path)?;
    let metadata = file.metadata()?;
    let written = metadata.modified()?;
    if written < since {
        return Ok((String::new(), written));
    }
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), written))
}

/// Whether the last that the log says of the agent's identity is that it has none.
fn says_unknown(log: &str) -> bool {
    let last = log.lines().rev().find(|line| line.contains(FOUND) || line.contains(NOT_FOUND));
    last.is_some_and(|line| line.contains(NOT_FOUND))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_word_on_the_identity_counts() {
        let found = "2026-01-01 00:00:00 INFO Agent will take identity from EC2\n";
        let none = "2026-01-01 00:00:00 ERROR Agent failed to assume any identity\n";
        for (log, unknown) in [
            (String::new(), false),
            (found.to_owned(), false),
            (format!("{none}more\n"), true),
            (format!("{none}{found}"), false),
            (format!("{found}{none}"), true),
        ] {
            assert_eq!(says_unknown(&log), unknown, "{log:?}");
        }
    }

    #[test]
    fn only_the_end_of_a_file_that_is_new_enough_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        fs::write(&log, format!("first\n{}last\n", "x".repeat(usize::try_from(TAIL).expect("it fits"))))
            .expect("written");
        let minute = Duration::from_secs(60);
        let (read, _) = tail(&log, SystemTime::now() - minute).expect("read");
        assert!(read.ends_with("last\n") && !read.contains("first"));
        assert_eq!(tail(&log, SystemTime::now() + minute).expect("read").0, "", "of a run before");
    }

    #[test]
    fn a_worker_that_has_reported_since_is_awake() {
        let folder = tempfile::tempdir().expect("a folder");
        let [hibernate, log] = ["hibernate.log", "log"].map(|name| folder.path().join(name));
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let write = |path: &Path, text: &str, when| {
            fs::write(path, text).expect("written");
            File::options().write(true).open(path).and_then(|file| file.set_modified(when)).expect("set");
        };
        assert_eq!(asleep(&hibernate, &log, at(0)), None, "it never slept");
        write(&hibernate, "", at(1000));
        assert_eq!(asleep(&hibernate, &log, at(1000)), None, "in a run before");
        assert_eq!(asleep(&hibernate, &log, at(900)), Some(at(1000)));
        let ahead = SystemTime::now() + Duration::from_secs(3600);
        write(&hibernate, "", ahead);
        assert_eq!(asleep(&hibernate, &log, at(900)), None, "by a clock that was set since");
        write(&hibernate, "", at(1000));
        let core = "2026-03-01 10:00:00 INFO [amazon-ssm-agent] something\n";
        let report =
            "2026-03-01 10:00:00 INFO [ssm-agent-worker] [HealthCheck] HealthCheck reporting agent health.\n";
        for (text, written, awake) in [
            (core, 1500, false),
            (report, 1500, true),
            (report, 1001, false),
            (report, 900, false),
            (&format!("{report}{}", core.replace("10:00:00", "10:08:00")), 1500, true),
            (&format!("{report}{}", core.replace("10:00:00", "10:08:30")), 1500, false),
        ] {
            write(&log, text, at(written));
            assert_eq!(asleep(&hibernate, &log, at(900)).is_none(), awake, "{text} {written}");
        }
    }

    #[test]
    fn neither_a_link_nor_a_pipe_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let [link, pipe, file] = ["link", "pipe", "file"].map(|name| folder.path().join(name));
        fs::write(&file, "").expect("written");
        symlink(&file, &link).expect("a link");
        nix::unistd::mkfifo(&pipe, Mode::S_IRUSR).expect("a pipe");
        assert!(open(&file).is_ok());
        assert!(open(&link).is_err());
        assert!(open(&pipe).is_err());
    }
}
