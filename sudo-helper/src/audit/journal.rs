//! journald's native protocol: one datagram, one entry (systemd, docs/JOURNAL_NATIVE_PROTOCOL.md).

use std::io;
use std::path::Path;
use std::process;

use nix::sys::socket::SockType;

use super::record::Record;
use super::{FACILITY, IDENTIFIER, socket};

/// Where journald listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// What our own fields begin with.
const PREFIX: &str = "SUDO_HELPER_";
/// Most bytes of one value, and of one value when the entry is too long for the socket.
const VALUE_LENGTHS: [usize; 3] = [2048, 256, 64];

/// Sends a record to the socket at `path`.
pub(super) fn send(record: &Record, path: &Path) -> io::Result<()> {
    let socket = socket::connected(path, SockType::Datagram)?;
    socket::send_shortened(&socket, VALUE_LENGTHS.into_iter().map(|most| entry(record, most)))
}

fn entry(record: &Record, most: usize) -> Vec<u8> {
    let mut entry = Vec::new();
    push(&mut entry, "MESSAGE", &record.line(most));
    push(&mut entry, "PRIORITY", &record.priority().to_string());
    push(&mut entry, "SYSLOG_FACILITY", &FACILITY.to_string());
    push(&mut entry, "SYSLOG_IDENTIFIER", IDENTIFIER);
    push(&mut entry, "SYSLOG_PID", &process::id().to_string());
    for (key, value) in record.fields(most) {
        push(&mut entry, &format!("{PREFIX}{}", key.to_ascii_uppercase()), &value);
    }
    entry
}

/// The form with a length, which no value can break out of, whatever it holds.
fn push(entry: &mut Vec<u8>, key: &str, value: &str) {
    entry.extend_from_slice(key.as_bytes());
    entry.push(b'\n');
    entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::SndBuf;

    use super::*;
    use crate::audit::OneLine;
    use crate::audit::record::tests::record;
    use crate::caller::Parent;

    /// Reads an entry as journald does.
    fn read(mut entry: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !entry.is_empty() {
            let end = entry.iter().position(|&byte| byte == b'\n').expect("a key");
            let key = String::from_utf8(entry[..end].to_vec()).expect("UTF-8");
            let length = u64::from_le_bytes(entry[end + 1..end + 9].try_into().expect("8 bytes"));
            let after = end + 9 + usize::try_from(length).expect("a length");
            let value = String::from_utf8(entry[end + 9..after].to_vec()).expect("UTF-8");
            assert_eq!(entry[after], b'\n');
            fields.push((key, value));
            entry = &entry[after + 1..];
        }
        fields
    }

    #[test]
    fn an_entry_has_the_fields_of_the_record() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let journald = UnixDatagram::bind(&path).expect("bound");
        send(&record(), &path).expect("sent");
        let mut buffer = [0; 65536];
        let length = journald.recv(&mut buffer).expect("an entry");
        let fields = read(&buffer[..length]);
        let value = |key: &str| fields.iter().find(|field| field.0 == key).map(|field| field.1.as_str());
        assert_eq!(value("PRIORITY"), Some("6"));
        assert_eq!(value("SYSLOG_FACILITY"), Some("10"));
        assert_eq!(value("SYSLOG_IDENTIFIER"), Some("sudo-helper"));
        assert_eq!(value("SYSLOG_PID"), Some(process::id().to_string().as_str()));
        assert_eq!(value("SUDO_HELPER_EVENT"), Some("request"));
        assert_eq!(value("SUDO_HELPER_REQUEST_ID"), Some("00010203040506070809aabbccddeeff"));
        assert_eq!(value("SUDO_HELPER_UID"), Some("1000"));
        assert_eq!(value("SUDO_HELPER_USER"), Some("agent\\nMESSAGE=forged"));
        assert_eq!(value("SUDO_HELPER_LOGIN_UID"), Some("unset"));
        assert_eq!(value("SUDO_HELPER_SSH_CONNECTION_CLAIMED"), Some("192.0.2.7 50022 192.0.2.1 22"));
        assert_eq!(value("SUDO_HELPER_ARGV"), Some(r#""/usr/bin/x" "a\nb""#));
        assert_eq!(value("SUDO_HELPER_OPERATION"), Some(r#"run x k="a\nb""#));
        assert_eq!(value("SUDO_HELPER_RETURNCODE"), None);
        assert_eq!(value("MESSAGE"), Some(record().line(2048).as_str()));
        assert_eq!(fields.iter().filter(|field| field.0 == "MESSAGE").count(), 1);
        assert!(value("_UID").is_none());
    }

    /// Every field as long as it can be, and what a socket takes for which even that is too much.
    #[test]
    fn the_largest_record_is_never_lost() {
        let long = "\\\"é".repeat(5000);
        let mut large = record().result(Some(i32::MIN), Some(&long), std::time::Duration::MAX);
        large.decision = Some(crate::audit::Decision::Denied);
        (large.operation, large.argv) = (OneLine::text(&long), Some(OneLine::text(&long)));
        large.caller.user = Some(long.clone());
        large.caller.ssh_connection = Some(long.clone());
        large.caller.parents = vec![Parent { pid: u32::MAX, exe: Some(long) }; 64];
        let entries = VALUE_LENGTHS.map(|most| entry(&large, most).len());
        // net.core.wmem_default is 208 KiB on every kernel of the last ten years.
        assert!(entries[0] < 64 << 10 && entries[2] < 4096, "{entries:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let journald = UnixDatagram::bind(&path).expect("bound");
        let socket = socket::connected(&path, SockType::Datagram).expect("connected");
        setsockopt(&socket, SndBuf, &2048).expect("a small buffer");
        let mut buffer = [0; 65536];
        socket::send_shortened(&socket, VALUE_LENGTHS.map(|most| entry(&large, most))).expect("sent");
        let length = journald.recv(&mut buffer).expect("an entry");
        assert!(entries[1..].contains(&length), "{length} {entries:?}");
        let fields = read(&buffer[..length]);
        for key in ["SUDO_HELPER_OPERATION_SHA256", "SUDO_HELPER_ARGV_SHA256"] {
            assert!(fields.iter().any(|field| field.0 == key && field.1.len() == 64), "{fields:?}");
        }
    }

    /// The keys that journald takes: upper-case letters, digits and `_`, not first.
    #[test]
    fn every_key_is_one_that_journald_takes() {
        let mut full = record().result(Some(1), Some("failed"), std::time::Duration::ZERO);
        full.decision = Some(crate::audit::Decision::Denied);
        for (key, _) in read(&entry(&full, 64)) {
            assert!(key.starts_with(|c: char| c.is_ascii_uppercase()) && key.len() <= 64, "{key}");
            assert!(key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'), "{key}");
        }
    }
}
