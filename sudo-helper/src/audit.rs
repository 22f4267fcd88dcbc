//! The record of what was asked for and what came of it, kept by the system's log.

mod journal;
mod one_line;
mod open_requests;
mod record;
mod socket;
mod syslog;

use std::fmt;
use std::io;
use std::path::Path;

pub use one_line::OneLine;
pub use open_requests::{OpenRequest, OpenRequests};
pub use record::{Decision, Event, Record};

/// How the log names us.
const IDENTIFIER: &str = "sudo-helper";
/// LOG_AUTHPRIV of syslog(3).
const FACILITY: u8 = 10;

/// Neither journald nor a syslog daemon took a record.
#[derive(Debug)]
pub struct AuditError {
    journal: io::Error,
    syslog: io::Error,
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no log took the record: {}: {}; {}: {}",
            journal::SOCKET,
            self.journal,
            syslog::SOCKET,
            self.syslog
        )
    }
}

impl std::error::Error for AuditError {}

/// Hands the record to journald(8) with its native fields; where journald does not take it, to the
/// syslog daemon. Takes no longer than a few seconds.
///
/// # Errors
/// [`AuditError`]: neither took it.
pub fn write(record: &Record) -> Result<(), AuditError> {
    write_to(record, Path::new(journal::SOCKET), Path::new(syslog::SOCKET))
}

fn write_to(record: &Record, journal_socket: &Path, syslog_socket: &Path) -> Result<(), AuditError> {
    let Err(journal) = journal::send(record, journal_socket) else { return Ok(()) };
    syslog::send(record, syslog_socket).map_err(|syslog| AuditError { journal, syslog })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn journald_comes_first_then_syslog_then_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, log) = (folder.path().join("journal"), folder.path().join("log"));
        let record = record::tests::record();
        let error = write_to(&record, &journal, &log).expect_err("nobody there").to_string();
        assert!(error.contains(journal::SOCKET) && error.contains(syslog::SOCKET), "{error}");
        let syslogd = UnixDatagram::bind(&log).expect("bound");
        write_to(&record, &journal, &log).expect("syslog took it");
        let journald = UnixDatagram::bind(&journal).expect("bound");
        write_to(&record, &journal, &log).expect("journald took it");
        let mut buffer = [0; 65536];
        for socket in [&syslogd, &journald] {
            socket.set_nonblocking(true).expect("set");
            assert!(socket.recv(&mut buffer).expect("one record") > 0);
            assert!(socket.recv(&mut buffer).is_err(), "only one record");
        }
    }
}
