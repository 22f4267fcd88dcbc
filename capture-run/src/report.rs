//! `--result`: one JSON object on how the run went, in the words of systemd.exec(5).

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use supervise::{Ended, Outcome, signal_name};

use crate::clock::TimedOut;
use crate::session::Facts;

/// The record. Times are UTC; durations are seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    state: &'static str,
    result: Option<&'static str>,
    exit_code: Option<u8>,
    signal: Option<String>,
    status: Option<u8>,
    pid: Option<i32>,
    started_at: String,
    ended_at: Option<String>,
    wall_s: Option<f64>,
    user_s: Option<f64>,
    system_s: Option<f64>,
    max_rss_kib: Option<u64>,
    bytes: u64,
    log_truncated: bool,
    log_error: Option<String>,
    stdout_closed: bool,
    leaked: bool,
    host: String,
    user: String,
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    argv: Option<Vec<String>>,
}

impl Report {
    /// The record of a command that has just been started.
    #[must_use]
    pub fn running(started: SystemTime, pid: Option<i32>, argv: Option<&[OsString]>) -> Self {
        let words = |argv: &[OsString]| argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Self {
            state: "running",
            result: None,
            exit_code: None,
            signal: None,
            status: None,
            pid,
            started_at: time(started),
            ended_at: None,
            wall_s: None,
            user_s: None,
            system_s: None,
            max_rss_kib: None,
            bytes: 0,
            log_truncated: false,
            log_error: None,
            stdout_closed: false,
            leaked: false,
            host: nix::unistd::gethostname()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            user: user(),
            cwd: std::env::current_dir().ok().map(|folder| folder.to_string_lossy().into_owned()),
            argv: argv.map(words),
        }
    }

    /// The record of a command that could not be executed.
    pub fn exec_failed(&mut self, status: u8) {
        self.state = "exited";
        self.result = Some("exec-failed");
        self.status = Some(status);
        self.ended_at = Some(time(SystemTime::now()));
    }

    /// The record of a command that has ended.
    pub fn ended(&mut self, facts: &Facts, status: u8, wall: Duration) {
        self.state = "exited";
        self.status = Some(status);
        self.ended_at = facts.ended_at.map(time);
        self.wall_s = Some(wall.as_secs_f64());
        self.leaked = facts.leaked;
        let Some(ended) = facts.ended else { return };
        self.result = Some(result(&ended, facts.timed_out));
        match ended.outcome {
            Outcome::Exited(code) => self.exit_code = Some(code),
            Outcome::Signaled { signal, .. } => self.signal = Some(signal_name(signal)),
        }
        self.user_s = Some(ended.usage.user.as_secs_f64());
        self.system_s = Some(ended.usage.system.as_secs_f64());
        self.max_rss_kib = Some(ended.usage.max_rss_kib);
    }

    /// How much output there was, and whether somebody read all of it.
    pub fn output(&mut self, bytes: u64, stdout_closed: bool) {
        self.bytes = bytes;
        self.stdout_closed = stdout_closed;
    }

    /// What became of LOG.
    pub fn log(&mut self, truncated: bool, error: Option<String>) {
        self.log_truncated = truncated;
        self.log_error = error;
    }

    /// One line.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

fn result(ended: &Ended, timed_out: Option<TimedOut>) -> &'static str {
    match (timed_out, ended.outcome) {
        (Some(TimedOut::Total), _) => "timeout",
        (Some(TimedOut::Idle), _) => "idle-timeout",
        (None, Outcome::Exited(0)) => "success",
        (None, Outcome::Exited(_)) => "exit-code",
        (None, Outcome::Signaled { core_dumped: true, .. }) => "core-dump",
        (None, Outcome::Signaled { .. }) => "signal",
    }
}

/// The status that is reported: timeout(1)'s 124, or 137 when it took SIGKILL.
#[must_use]
pub fn status(ended: &Ended, timed_out: Option<TimedOut>, killed: bool) -> u8 {
    const TIMED_OUT: u8 = 124;
    const KILLED: u8 = 137;
    match (timed_out, killed) {
        (None, _) => ended.outcome.status(),
        (Some(_), false) => TIMED_OUT,
        (Some(_), true) => KILLED,
    }
}

/// The last rule for `status` counts, as it would in a shell's case list written later.
#[must_use]
pub fn mapped(status: u8, rules: &[(u8, u8)]) -> u8 {
    rules.iter().rev().find(|(from, _)| *from == status).map_or(status, |(_, to)| *to)
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// The name of our effective uid in /etc/passwd, else the uid: read here, since the C library's
/// look-up cannot be used in a static program.
fn user() -> String {
    let uid = nix::unistd::geteuid().to_string();
    let accounts = std::fs::read("/etc/passwd").unwrap_or_default();
    let accounts = String::from_utf8_lossy(&accounts);
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or(uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use supervise::Usage;

    fn ended(outcome: Outcome) -> Ended {
        Ended { outcome, usage: Usage::default() }
    }

    const DUMPED: Outcome = Outcome::Signaled { signal: 11, core_dumped: true };
    const KILLED: Outcome = Outcome::Signaled { signal: 9, core_dumped: false };

    #[test]
    fn results_are_systemds_words() {
        for (outcome, timed_out, word) in [
            (Outcome::Exited(0), None, "success"),
            (Outcome::Exited(3), None, "exit-code"),
            (KILLED, None, "signal"),
            (DUMPED, None, "core-dump"),
            (Outcome::Exited(0), Some(TimedOut::Total), "timeout"),
            (KILLED, Some(TimedOut::Idle), "idle-timeout"),
        ] {
            assert_eq!(result(&ended(outcome), timed_out), word);
        }
    }

    #[test]
    fn a_timeout_has_its_own_status() {
        assert_eq!(status(&ended(Outcome::Exited(3)), None, false), 3);
        assert_eq!(status(&ended(KILLED), None, false), 137);
        assert_eq!(status(&ended(Outcome::Exited(0)), Some(TimedOut::Idle), false), 124);
        assert_eq!(status(&ended(KILLED), Some(TimedOut::Total), true), 137);
    }

    #[test]
    fn statuses_are_mapped_once() {
        let rules = [(194, 1), (1, 2), (194, 7)];
        assert_eq!(mapped(194, &rules), 7);
        assert_eq!(mapped(1, &rules), 2);
        assert_eq!(mapped(0, &rules), 0);
    }
}
