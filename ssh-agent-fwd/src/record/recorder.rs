//! Who writes lines: a thread, from a queue of its own, so that no client waits for a log; or, where a record is
//! required, whoever has one, before the reply.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Record;
use super::output::{NotWritten, Output, Sink};

/// Most records that wait to be written.
const QUEUE: usize = 1024;
/// How long the end of the process waits for what is still to be written.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// Why a line is lost for which there is no room there.
const FULL: &str = "the queue was full";
/// The stack of the thread, in bytes: it only writes.
const STACK: usize = 64 * 1024;

/// Takes records and writes them, or counts them as lost and writes the count.
#[derive(Debug)]
pub enum Recorder {
    /// A thread writes.
    Queued(Queue),
    /// Whoever has a record writes it.
    Required(Mutex<Output>),
}

/// Records that wait for the thread, which makes lines of them.
#[derive(Debug)]
pub struct Queue {
    records: Mutex<Option<SyncSender<Line>>>,
    lost: Arc<AtomicU64>,
    /// Closed by the thread when it has written everything.
    written: Mutex<Receiver<()>>,
}

/// A record with its time.
#[derive(Debug, Serialize)]
struct Line {
    /// Milliseconds since 1970.
    time_ms: u64,
    #[serde(flatten)]
    record: Record,
}

impl Line {
    fn new(record: Record) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { time_ms: now.map_or(0, |since| since.as_millis() as u64), record }
    }

    fn write(&self, output: &mut Output) -> Result<(), NotWritten> {
        // A struct of texts and numbers always has a line.
        let line = serde_json::to_string(self).map_err(|_| NotWritten)?;
        output.write(&line)
    }
}

impl Recorder {
    /// Records there; `required`: no record, no signature.
    ///
    /// # Errors
    /// When there can be no thread, or no socket.
    pub fn start(sink: Sink, required: bool) -> io::Result<Self> {
        let output = Output::open(sink)?;
        if required {
            return Ok(Self::Required(Mutex::new(output)));
        }
        Queue::start(output).map(Self::Queued)
    }

    /// Whether a reply waits for its record.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }

    /// Records it. Where a record is required this waits until the line is handed over, a second at most; otherwise
    /// it waits for nothing and cannot fail.
    ///
    /// # Errors
    /// When a record that is required is not written.
    pub fn record(&self, record: Record) -> Result<(), NotWritten> {
        let line = Line::new(record);
        match self {
            Self::Queued(queue) => {
                queue.put(line);
                Ok(())
            }
            Self::Required(output) => line.write(&mut held(output)),
        }
    }

    /// Writes what waits, and nothing after it; what is not written within some seconds is given up.
    pub fn finish(&self) {
        match self {
            Self::Queued(queue) => queue.finish(),
            // Whoever has it still writes what has stalled, perhaps for ever.
            Self::Required(output) => {
                if let Ok(mut output) = output.try_lock() {
                    output.finish();
                }
            }
        }
    }
}

impl Queue {
    fn start(mut output: Output) -> io::Result<Self> {
        let (queue, records) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let (writing, written) = sync_channel(0);
        let given_up = Arc::clone(&lost);
        thread::Builder::new().name("record".to_owned()).stack_size(STACK).spawn(move || {
            write_all(&records, &given_up, &mut output);
            drop(writing);
        })?;
        Ok(Self { records: Mutex::new(Some(queue)), lost, written: Mutex::new(written) })
    }

    fn put(&self, line: Line) {
        if held(&self.records).as_ref().is_none_or(|records| records.try_send(line).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn finish(&self) {
        *held(&self.records) = None;
        let _ = held(&self.written).recv_timeout(LAST_PATIENCE);
    }
}

fn write_all(records: &Receiver<Line>, given_up: &AtomicU64, output: &mut Output) {
    for line in records {
        output.lose(given_up.swap(0, Ordering::Relaxed), FULL);
        // It is counted, which is all that can be done about it.
        let _ = line.write(output);
    }
    output.lose(given_up.swap(0, Ordering::Relaxed), FULL);
    output.finish();
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
