//! Where lines are written, by whoever writes them one after the other.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use serde::Serialize;

use crate::report::NAME;

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
    waits: Waits,
}

/// What a line is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It cost its user nothing.
    Free,
    /// It cost a token, or it is root's.
    Paid,
}

/// For which lines a reader that stalls is waited for: after one was given up, not for more of its weight or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    All,
    Paid,
    None,
}

impl Waits {
    const fn are_for(self, weight: Weight) -> bool {
        matches!((self, weight), (Self::All, _) | (Self::Paid, Weight::Paid))
    }

    const fn after_loss(self, weight: Weight) -> Self {
        match (self, weight) {
            (Self::All, Weight::Free) => Self::Paid,
            (Self::None, _) | (_, Weight::Paid) => Self::None,
            (Self::Paid, Weight::Free) => Self::Paid,
        }
    }
}

/// A line about lines that are not there.
#[derive(Serialize)]
struct Lost<'a> {
    event: &'static str,
    lines: u64,
    why: &'a str,
}

impl Output {
    /// To there. A daemon of syslog(3) need not be there yet: every line looks for it.
    ///
    /// # Errors
    /// Those of socket(2) and setsockopt(2).
    pub fn open(sink: Sink) -> io::Result<Self> {
        let syslog = match sink {
            Sink::Stderr => None,
            Sink::Syslog => Some(open_syslog()?),
        };
        Ok(Self { syslog, lost: 0, why: String::new(), waits: Waits::All })
    }

    /// Writes the line, or counts it as lost.
    ///
    /// # Errors
    /// When it is not written. Why is said when that begins, and in the next line that can be written.
    pub fn write(&mut self, line: &str, weight: Weight) -> Result<(), NotWritten> {
        self.write_for(1, line, weight)
    }

    /// Writes a line that stands for so many, or counts them as lost.
    ///
    /// # Errors
    /// As for [`Output::write`].
    pub fn write_for(&mut self, lines: u64, line: &str, weight: Weight) -> Result<(), NotWritten> {
        let written = self.write_lost(weight).and_then(|()| self.write_one(line, weight));
        if written.is_err() {
            self.lost += lines;
        }
        written
    }

    /// Writes how many lines were lost, if any were: the last line. It is waited for.
    pub fn finish(&mut self) {
        self.waits = Waits::All;
        // There is nowhere left to say that this could not be said.
        let _ = self.write_lost(Weight::Paid);
    }

    fn write_lost(&mut self, weight: Weight) -> Result<(), NotWritten> {
        if self.lost == 0 {
            return Ok(());
        }
        let lost = Lost { event: "lost", lines: self.lost, why: &self.why };
        let line = serde_json::to_string(&lost).map_err(|_| NotWritten)?;
        self.write_one(&line, weight)?;
        self.lost = 0;
        Ok(())
    }

    fn write_one(&mut self, line: &str, weight: Weight) -> Result<(), NotWritten> {
        let waits = self.waits.are_for(weight);
        let written = match &self.syslog {
            Some(socket) => send(socket, line, waits).map_err(|errno| format!("{SYSLOG}: {errno}")),
            None => print(line, waits).map_err(|error| format!("standard error: {error}")),
        };
        let after = if written.is_ok() { Waits::All } else { self.waits.after_loss(weight) };
        let stalled = std::mem::replace(&mut self.waits, after) != Waits::All;
        written.map_err(|why| {
            self.why = why;
            // Standard error, where it is the record, can tell nobody of itself.
            if !stalled && self.syslog.is_some() {
                let said = format!("record-failed: {}; lines are counted until it can be written", self.why);
                diagnostics::complain(NAME, &said);
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
