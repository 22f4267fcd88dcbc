//! What the end of an ssh(1) means.
//!
//! ssh gives 255 for all that goes wrong on the way, and so may a remote command. A line with a number
//! used once, with which the answer of the remote command begins, tells the two apart; the words of OpenSSH
//! on standard error tell apart the rest.

use supervise::bounded::Ran;

use crate::quoted::quoted;
use diagnostics::Failure;

/// What ssh gives for a failure of its own (ssh(1), EXIT STATUS).
const OWN_FAILURE: i32 = 255;

/// What became of a session.
#[derive(Debug)]
pub enum Reach {
    /// The command ran to its end; its status may be any.
    Reached(Ran),
    /// Nothing answers there, or there is no such name.
    Unreachable(String),
    /// The port is closed.
    Refused(String),
    /// The host has another key than the known one.
    ChangedKey(String),
    /// The key of the host is not known.
    UnknownKey(String),
    /// The host let us not in.
    AuthFailed(String),
    /// It took longer than it may.
    TimedOut(String),
    /// The connection was closed on the way.
    Closed(String),
    /// Something else; what ssh said.
    Failed(String),
}

impl Reach {
    /// Why the command did not run to its end, or what it printed.
    ///
    /// # Errors
    /// When it did not run to its end.
    pub fn ran(self) -> Result<Ran, Failure> {
        let (code, error) = match self {
            Self::Reached(ran) => return Ok(ran),
            Self::Unreachable(why) => ("unreachable", why),
            Self::Refused(why) => ("refused", why),
            Self::ChangedKey(why) => {
                ("changed-key", format!("the host key is not the known one: find out why before you trust it ({why})"))
            }
            Self::UnknownKey(_) => (
                "unknown-key",
                "the host key is not known: connect once by hand and compare it, or give --accept-new-host-keys".to_owned(),
            ),
            Self::AuthFailed(why) => ("auth-failed", why),
            Self::TimedOut(why) => ("timed-out", why),
            Self::Closed(why) => ("closed", why),
            Self::Failed(why) => ("ssh-failed", why),
        };
        Err(Failure::new(code, error))
    }
}

/// Whether the marker is there.
pub(super) fn has_begun(ran: &Ran, marker: &str) -> bool {
    holds_line(&ran.stdout, marker)
}

/// Whether a whole line that was printed ends with these words.
pub(super) fn holds_line(printed: &[u8], words: &str) -> bool {
    // A start-up file of the remote shell may have left words on the same line.
    let whole = printed.split_inclusive(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    whole.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).any(|line| line.ends_with(words.as_bytes()))
}

/// What the end of a session means.
#[must_use]
pub fn classify(ran: Ran, marker: &str) -> Reach {
    match ran.status {
        Some(status) if status != OWN_FAILURE => return Reach::Reached(ran),
        None => return Reach::Closed("ssh was killed".to_owned()),
        Some(_) => {}
    }
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    if !has_begun(&ran, marker) {
        return told(&said);
    }
    match connection_lost(&said) {
        Some(line) => Reach::Closed(line),
        None => Reach::Reached(ran),
    }
}

/// The line with which ssh says that an established session was lost.
fn connection_lost(said: &str) -> Option<String> {
    let lost =
        ["Connection to ", "Connection closed by", "Connection reset by", "client_loop: ", "Timeout, server"];
    let of_ssh = |line: &&str| lost.iter().any(|start| line.starts_with(start));
    said.lines().rev().find(of_ssh).map(quoted)
}

/// What ssh means by its words, most telling first.
fn told(said: &str) -> Reach {
    let find =
        |texts: &[&str]| said.lines().find(|line| texts.iter().any(|text| line.contains(text))).map(quoted);
    if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") || said.contains("REVOKED HOST KEY") {
        let offending = find(&["Offending ", "is marked as revoked"]);
        return Reach::ChangedKey(offending.unwrap_or_else(|| "the host key has changed".to_owned()));
    }
    if let Some(line) = find(&["Host key verification failed"]) {
        return Reach::UnknownKey(line);
    }
    if let Some(line) = find(&["Permission denied (", "Too many authentication failures"]) {
        return Reach::AuthFailed(line);
    }
    if let Some(line) = find(&["Connection refused"]) {
        return Reach::Refused(line);
    }
    if let Some(line) = find(&["timed out during banner exchange", "Timeout before authentication"]) {
        return Reach::TimedOut(line);
    }
    if let Some(line) = find(&["connect to host ", "Could not resolve hostname", "No route to host"]) {
        return Reach::Unreachable(line);
    }
    // A proxy has no address; what it said itself comes first.
    if said.contains("UNKNOWN port 65535") {
        return Reach::Failed(said.lines().next().map(quoted).unwrap_or_default());
    }
    if let Some(line) = find(&["timed out"]) {
        return Reach::TimedOut(line);
    }
    if let Some(line) = find(&["closed by", "Connection reset", "Broken pipe"]) {
        return Reach::Closed(line);
    }
    match said.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => Reach::Failed(quoted(line)),
        None => Reach::Closed("ssh ended without a word".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: &str = "sudoers-install 0123456789abcdef begin";

    fn ran(status: Option<i32>, stdout: &str, stderr: &str) -> Ran {
        Ran { status, stdout: stdout.into(), stderr: stderr.into(), timed_out: false }
    }

    fn code(status: Option<i32>, stdout: &str, stderr: &str) -> &'static str {
        match classify(ran(status, stdout, stderr), MARKER).ran() {
            Ok(_) => "reached",
            Err(failure) => failure.code,
        }
    }

    /// The words of OpenSSH 9.2 at LogLevel=INFO, collected by running it.
    #[test]
    fn the_words_of_ssh_tell_what_went_wrong() {
        let changed = "@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n@@@@\r\n\
            Offending ED25519 key in /home/op/.ssh/known_hosts:2\r\n\
            Host key for [127.0.0.1]:2202 has changed and you have requested strict checking.\r\n\
            Host key verification failed.\r\n";
        let table = [
            ("changed-key", changed),
            ("unknown-key", "Host key verification failed.\r\n"),
            (
                "unknown-key",
                "No ED25519 host key is known for web1 and you have requested strict checking.\r\nHost key verification failed.\r\n",
            ),
            ("auth-failed", "root@127.0.0.1: Permission denied (publickey,password).\r\n"),
            (
                "auth-failed",
                "Warning: Identity file /nonexistent not accessible: No such file or directory.\nroot@127.0.0.1: Permission denied (publickey).\r\n",
            ),
            (
                "auth-failed",
                "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\r\n",
            ),
            ("refused", "ssh: connect to host 127.0.0.1 port 2299: Connection refused\r\n"),
            (
                "refused",
                "ssh: connect to host 127.0.0.1 port 2299: Connection refused\r\n\
                 kex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535\r\n",
            ),
            ("unreachable", "ssh: connect to host 10.77.0.11 port 22: Connection timed out\r\n"),
            ("unreachable", "ssh: connect to host 10.77.0.11 port 22: No route to host\r\n"),
            ("unreachable", "ssh: connect to host 192.0.2.1 port 22: Network is unreachable\r\n"),
            ("unreachable", "ssh: connect to host 10.8.0.1 port 22: Invalid argument\r\n"),
            (
                "unreachable",
                "ssh: Could not resolve hostname no.such.invalid: Temporary failure in name resolution\r\n",
            ),
            (
                "timed-out",
                "Connection timed out during banner exchange\r\nConnection to 127.0.0.1 port 2203 timed out\r\n",
            ),
            (
                "closed",
                "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 127.0.0.1 port 2204\r\n",
            ),
            ("closed", "kex_exchange_identification: read: Connection reset by peer\r\n"),
            ("closed", "ssh_dispatch_run_fatal: Connection to 127.0.0.1 port 2206: Broken pipe\r\n"),
            ("closed", "Connection to 127.0.0.1 closed by remote host.\r\n"),
            ("closed", ""),
            (
                "ssh-failed",
                "/bin/bash: line 1: /nonexistent: No such file or directory\n\
                 kex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535\r\n",
            ),
            ("ssh-failed", "command-line: line 0: Bad configuration option: nope\r\n"),
            ("ssh-failed", "Unable to negotiate with 127.0.0.1 port 2201: no matching cipher found.\r\n"),
        ];
        for (expected, said) in table {
            assert_eq!(code(Some(255), "", said), expected, "{said}");
        }
        assert_eq!(code(None, "", ""), "closed");
    }

    #[test]
    fn a_remote_255_is_not_one_of_sshs_own() {
        let began = format!("noise {MARKER}\r\nlogin=\n");
        assert_eq!(code(Some(255), &began, ""), "reached");
        assert_eq!(code(Some(255), &began, "warning: Connection refused\n"), "reached");
        assert_eq!(code(Some(255), &began, "Connection to 10.0.0.1 closed by remote host.\r\n"), "closed");
        assert_eq!(code(Some(255), &began, "client_loop: send disconnect: Broken pipe\r\n"), "closed");
        assert_eq!(code(Some(1), "", "Connection refused\n"), "reached");
        // What another question's answer begins with proves nothing.
        assert_eq!(code(Some(255), "sudoers-install 0 begin\n", ""), "closed");
    }

    #[test]
    fn what_a_host_says_cannot_write_on_the_terminal() {
        let hostile = format!("\u{1b}[2J{}", "x".repeat(1000));
        let Reach::Failed(said) = classify(ran(Some(255), "", &hostile), MARKER) else { panic!("failed") };
        assert!(said.starts_with("\\u{1b}[2Jxxx") && said.len() < 400, "{said}");
    }
}
