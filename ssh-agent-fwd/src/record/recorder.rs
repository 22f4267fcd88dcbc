//! Where lines go: a queue of its own, so that no client waits for a log.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

use super::Record;

/// Most lines that wait to be written.
const QUEUE: usize = 1024;
/// How long a standard error that stalls is waited for, in milliseconds, before the first line is given up.
const PATIENCE: u16 = 1000;
/// How long the end of the process waits for what is still to be written.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
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

/// Takes records; a thread writes them. A record for which there is no room is counted, and the count is written.
#[derive(Debug)]
pub struct Recorder {
    queue: Mutex<Option<SyncSender<String>>>,
    lost: Arc<AtomicU64>,
    /// Closed by the thread when it has written everything.
    written: Mutex<Receiver<()>>,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Milliseconds since 1970.
    time_ms: u64,
    #[serde(flatten)]
    record: &'a Record,
}

impl Recorder {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When there can be no thread, or no socket.
    pub fn start(sink: Sink) -> io::Result<Self> {
        let (queue, lines) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let mut output = Output::open(sink, Arc::clone(&lost))?;
        let (writing, written) = sync_channel(0);
        thread::Builder::new().name("record".to_owned()).spawn(move || {
            output.write_all(&lines);
            drop(writing);
        })?;
        Ok(Self { queue: Mutex::new(Some(queue)), lost, written: Mutex::new(written) })
    }

    /// Records it, without waiting for anything.
    pub fn record(&self, record: &Record) {
        let time_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let line = serde_json::to_string(&Line { time_ms, record }).ok();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = line.zip(queue.as_ref()).is_some_and(|(line, queue)| queue.try_send(line).is_ok());
        if !sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what waits, and nothing after it; what is not written within some seconds is given up.
    pub fn finish(&self) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.written.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST_PATIENCE);
    }
}

/// The writing end.
struct Output {
    syslog: Option<UnixDatagram>,
    /// The line before this one could not be written: this one is not waited for.
    stalls: bool,
    lost: Arc<AtomicU64>,
}

impl Output {
    fn open(sink: Sink, lost: Arc<AtomicU64>) -> io::Result<Self> {
        let syslog = match sink {
            Sink::Stderr => None,
            Sink::Syslog => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Some(socket)
            }
        };
        Ok(Self { syslog, stalls: false, lost })
    }

    fn write_all(&mut self, lines: &Receiver<String>) {
        for line in lines {
            self.write_lost();
            if !self.write(&line) {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        // Nothing comes any more for which this could wait in vain.
        self.stalls = false;
        self.write_lost();
    }

    fn write_lost(&mut self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && !self.write(&format!(r#"{{"event":"lost","lines":{lost}}}"#)) {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    fn write(&mut self, line: &str) -> bool {
        let written = match &self.syslog {
            Some(socket) => {
                let line = format!("<{PRIORITY}>ssh-agent-fwd[{}]: {line}", std::process::id());
                socket.send_to(line.as_bytes(), SYSLOG).is_ok()
            }
            None => write_stderr(line, if self.stalls { 0 } else { PATIENCE }),
        };
        self.stalls = !written;
        written
    }
}

fn write_stderr(line: &str, patience: u16) -> bool {
    let mut stderr = io::stderr();
    let mut waited = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    let ready = poll(&mut waited, PollTimeout::from(patience)).is_ok_and(|ready| ready > 0);
    ready && stderr.write_all(format!("{line}\n").as_bytes()).is_ok()
}
