//! The syslog daemon's socket, in the form of RFC 3164 as syslog(3) writes it to /dev/log.

use std::io;
use std::path::Path;
use std::process;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::sys::socket::SockType;

use super::record::Record;
use super::{FACILITY, IDENTIFIER, socket};

/// Where the daemon listens.
pub(super) const SOCKET: &str = "/dev/log";
/// Most bytes of one value, and of one value when the line is too long for the socket.
const VALUE_LENGTHS: [usize; 3] = [2048, 256, 64];
/// Most bytes of a line: rsyslog(8) cuts longer ones.
const MAX_LINE: usize = 8192;
/// RFC 3164, 4.1.2.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Sends a record to the socket at `path`, which some daemons make a stream.
pub(super) fn send(record: &Record, path: &Path) -> io::Result<()> {
    let mut lines = VALUE_LENGTHS.into_iter().map(|most| line(record, most, SystemTime::now()));
    match socket::connected(path, SockType::Datagram) {
        Ok(datagrams) => socket::send_shortened(&datagrams, lines.map(String::into_bytes)),
        Err(error) if error.raw_os_error() == Some(Errno::EPROTOTYPE as i32) => {
            let stream = socket::connected(path, SockType::Stream)?;
            let line = lines.next().unwrap_or_default();
            // On a stream syslog(3) ends each line with a NUL.
            socket::send_all(&stream, format!("{line}\0").as_bytes())
        }
        Err(error) => Err(error),
    }
}

fn line(record: &Record, most: usize, now: SystemTime) -> String {
    let priority = FACILITY * 8 + record.priority();
    let (stamp, pid) = (stamp(now), process::id());
    let mut line = format!("<{priority}>{stamp} {IDENTIFIER}[{pid}]: {}", record.line(most));
    line.truncate(line.floor_char_boundary(MAX_LINE));
    line
}

/// `Mmm dd hh:mm:ss` in UTC: the local zone would come from TZ, which may be the caller's.
fn stamp(now: SystemTime) -> String {
    let utc = humantime::format_rfc3339_seconds(now).to_string();
    let month = utc.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let day = utc.get(8..10).map_or("", |day| day.trim_start_matches('0'));
    format!("{} {day:>2} {}", MONTHS[(month - 1) % 12], utc.get(11..19).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::time::Duration;

    use super::*;
    use crate::audit::OneLine;
    use crate::audit::record::tests::record;

    #[test]
    fn stamps_of_rfc_3164() {
        // `date -u -d @N '+%b %e %T'`
        for (seconds, text) in [
            (0, "Jan  1 00:00:00"),
            (951_782_400, "Feb 29 00:00:00"),
            (1_732_190_705, "Nov 21 12:05:05"),
            (1_767_225_599, "Dec 31 23:59:59"),
            (4_102_444_800, "Jan  1 00:00:00"),
        ] {
            assert_eq!(stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_datagram_is_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).expect("bound");
        send(&record(), &path).expect("sent");
        let mut buffer = [0; 65536];
        let length = daemon.recv(&mut buffer).expect("a line");
        let text = std::str::from_utf8(&buffer[..length]).expect("UTF-8");
        let start = format!(" sudo-helper[{}]: event=request request_id=0001", process::id());
        assert!(text.starts_with("<86>") && text[19..].starts_with(&start), "{text}");
        assert!(text.ends_with(&record().line(2048)) && !text.contains(char::is_control), "{text}");
    }

    #[test]
    fn a_stream_takes_it_with_a_nul() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let daemon = UnixListener::bind(&path).expect("bound");
        send(&record(), &path).expect("sent");
        let mut text = String::new();
        daemon.accept().expect("a sender").0.read_to_string(&mut text).expect("a line");
        assert!(text.starts_with("<86>") && text.ends_with("\"\0"), "{text}");
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut long = record();
        long.operation = OneLine::text(&"é\"".repeat(5000));
        long.argv = Some(OneLine::text(&"\"".repeat(5000)));
        long.code = Some(OneLine::text(&"\"".repeat(5000)));
        let line = line(&long, 2048, SystemTime::now());
        assert!(line.len() <= MAX_LINE && line.len() > MAX_LINE - 4);
    }
}
