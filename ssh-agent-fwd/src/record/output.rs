//! Where lines are written, by whoever writes them one after the other.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use diagnostics::one_line;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use serde::Serialize;

/// How long a reader of lines that stalls is waited for, in milliseconds, before a line is given up.
const PATIENCE: u16 = 1000;
/// Where the daemon of syslog(3) reads.
const SYSLOG: &str = "/dev/log";
/// LOG_AUTHPRIV and LOG_INFO (syslog(3)).
const PRIORITY: u32 = (10 << 3) | 6;

/// Where lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sink {
    /// Standard error.
    Stderr,
    /// syslog(3), as LOG_AUTHPRIV.
    Syslog,
}

/// Says something to the operator: on standard error, which a daemon's starter has left by and by, and where the
/// record is.
pub fn tell(sink: Sink, words: &dyn std::fmt::Display) {
    diagnostics::complain("ssh-agent-fwd", words);
    if sink == Sink::Syslog {
        let said = serde_json::json!({"event": "told", "words": one_line(&words.to_string())}).to_string();
        // It is said on standard error, and nowhere else is left.
        let _ = open_syslog().and_then(|socket| Ok(send(&socket, &said, false)?));
    }
}

/// Whether somebody reads what goes to syslog(3).
///
/// # Errors
/// Those of socket(2) and connect(2).
pub fn examine_syslog() -> io::Result<()> {
    let socket = open_syslog()?;
    Ok(connect(socket.as_raw_fd(), &UnixAddr::new(SYSLOG)?)?)
}

fn open_syslog() -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let micros = i64::from(PATIENCE) * 1000;
    setsockopt(&socket, sockopt::SendTimeout, &TimeVal::new(micros / 1_000_000, micros % 1_000_000))?;
    Ok(socket)
}

/// The line is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotWritten;

/// The writing end. It counts the lines that it could not write, and writes the count before the next line that it can.
#[derive(Debug)]
pub struct Output {
    syslog: Option<OwnedFd>,
    lost: u64,
    /// Why lines were lost.
    why: String,
    /// The line before this one could not be written: this one is not waited for.
    stalls: bool,
}

/// A line about lines that are not there.
#[derive(Serialize)]
struct Lost<'a> {
    event: &'static str,
    lines: u64,
    why: &'a str,
}

impl Output {
    /// To there.
    ///
    /// # Errors
    /// Those of socket(2) and setsockopt(2).
    pub fn open(sink: Sink) -> io::Result<Self> {
        let syslog = match sink {
            Sink::Stderr => None,
            Sink::Syslog => Some(open_syslog()?),
        };
        Ok(Self { syslog, lost: 0, why: String::new(), stalls: false })
    }

    /// Writes the line, or counts it as lost.
    ///
    /// # Errors
    /// When it is not written. Why is said when that begins, and in the next line that can be written.
    pub fn write(&mut self, line: &str) -> Result<(), NotWritten> {
        let written = self.write_lost().and_then(|()| self.write_one(line));
        if written.is_err() {
            self.lost += 1;
        }
        written
    }

    /// Counts lines that were given up before they came here.
    pub fn lose(&mut self, lines: u64, why: &str) {
        if lines > 0 {
            self.lost += lines;
            why.clone_into(&mut self.why);
        }
    }

    /// Writes how many lines were lost, if any were: the last line. It is waited for.
    pub fn finish(&mut self) {
        self.stalls = false;
        // There is nowhere left to say that this could not be said.
        let _ = self.write_lost();
    }

    fn write_lost(&mut self) -> Result<(), NotWritten> {
        if self.lost == 0 {
            return Ok(());
        }
        let lost = Lost { event: "lost", lines: self.lost, why: &self.why };
        let line = serde_json::to_string(&lost).map_err(|_| NotWritten)?;
        self.write_one(&line)?;
        self.lost = 0;
        Ok(())
    }

    fn write_one(&mut self, line: &str) -> Result<(), NotWritten> {
        let written = match &self.syslog {
            Some(socket) => send(socket, line, !self.stalls).map_err(|errno| format!("{SYSLOG}: {errno}")),
            None => print(line, !self.stalls).map_err(|error| format!("standard error: {error}")),
        };
        let stalled = std::mem::replace(&mut self.stalls, written.is_err());
        written.map_err(|why| {
            self.why = why;
            // Standard error, where it is the record, can tell nobody of itself.
            if !stalled && self.syslog.is_some() {
                let said = format!("record-failed: {}; lines are counted until it can be written", self.why);
                diagnostics::complain("ssh-agent-fwd", &said);
            }
            NotWritten
        })
    }
}

/// A datagram, that a daemon which was started again gets, too: the socket is not connected.
fn send(socket: &OwnedFd, line: &str, waits: bool) -> nix::Result<()> {
    let line = format!("<{PRIORITY}>ssh-agent-fwd[{}]: {line}", std::process::id());
    let flags = if waits { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
    sendto(socket.as_raw_fd(), line.as_bytes(), &UnixAddr::new(SYSLOG)?, flags).map(drop)
}

fn print(line: &str, waits: bool) -> io::Result<()> {
    let mut stderr = io::stderr();
    let patience = if waits { PATIENCE } else { 0 };
    let mut waited = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut waited, PollTimeout::from(patience))? == 0 {
        return Err(Errno::EAGAIN.into());
    }
    stderr.write_all(format!("{line}\n").as_bytes())
}
