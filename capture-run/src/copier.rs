//! The thread that moves the command's output to LOG and to standard output.
//!
//! It waits in read(2), tee(2) and write(2) and may be stuck there for ever; the main thread never
//! waits for it. A pipe that was polled once wakes its readers at every write (Linux's fs/pipe.c,
//! `poll_usage`), which slows a command that writes line by line; so the pipe is not polled.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cli::OutputError;
use crate::diagnostics::complain;
use crate::filters::Filters;
use crate::log::Log;
use crate::output::{Output, Teed};

/// The size that is asked for the pipe: it takes a command's bursts.
pub const PIPE_SIZE: usize = 1 << 20;

/// Read at once: the resident set grows with it, and beyond it throughput does not.
const BUFFER: usize = 256 * 1024;

/// A read that brings less was of a writer of small pieces: a nap lets it fill the pipe, which
/// costs it nothing and saves a wake-up for each piece.
const SMALL: usize = 32 * 1024;
const NAP: Duration = Duration::from_micros(500);

/// Silence after which a mask releases what it holds back, in milliseconds.
const MASK_SILENCE: u8 = 100;

const STACK: usize = 128 * 1024;

/// What both threads see.
#[derive(Debug)]
pub struct Shared {
    /// LOG and the filters; whoever holds this moves data.
    record: Mutex<Record>,
    started: Instant,
    /// Nanoseconds from `started` to the last output, or to the last time that reading went on.
    heard: AtomicU64,
    bytes: AtomicU64,
    /// The copier awaits the command, and no output of ours.
    reading: AtomicBool,
    /// The command has ended: naps would only delay its tail.
    ended: AtomicBool,
    stdout_closed: AtomicBool,
    given_up: AtomicBool,
}

#[derive(Debug)]
struct Record {
    filters: Filters,
    log: Log,
    /// The command's output; None when it has ended or nobody wants it.
    input: Option<Arc<PipeReader>>,
    output_error: OutputError,
}

/// The main thread's side of the copier.
#[derive(Debug)]
pub struct Copier {
    shared: Arc<Shared>,
    stdout: Arc<Output>,
    /// At its end of file when the thread has ended.
    done: PipeReader,
}

/// The thread's own side.
struct Copy {
    shared: Arc<Shared>,
    input: Arc<PipeReader>,
    /// None once nobody reads it.
    stdout: Option<Arc<Output>>,
    buffer: Vec<u8>,
    /// What a mask made of the buffer, for standard output.
    masked: Vec<u8>,
    tees: bool,
    masks: bool,
}

/// What goes through the filters.
#[derive(Debug, Clone, Copy)]
enum Pass<'a> {
    Data(&'a [u8]),
    Release,
    End,
}

/// Nothing is left to copy.
struct Finished;

impl Copier {
    /// Starts the thread. To be called after the last fork.
    ///
    /// # Errors
    /// Those of pipe(2) and pthread_create(3).
    pub fn start(
        input: PipeReader,
        stdout: Output,
        log: Log,
        filters: Filters,
        output_error: OutputError,
    ) -> io::Result<Self> {
        let input = Arc::new(input);
        let masks = !filters.leave_stdout_alone();
        let record = Mutex::new(Record { filters, log, input: Some(Arc::clone(&input)), output_error });
        let shared = Arc::new(Shared {
            record,
            started: Instant::now(),
            heard: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            reading: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            stdout_closed: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        });
        let (done, finished) = io::pipe()?;
        let stdout = Arc::new(stdout);
        let copy = Copy {
            tees: !masks && stdout.is_pipe(),
            shared: Arc::clone(&shared),
            input,
            stdout: Some(Arc::clone(&stdout)),
            buffer: vec![0; BUFFER],
            masked: Vec::new(),
            masks,
        };
        thread::Builder::new().stack_size(STACK).spawn(move || copy.run(finished))?;
        Ok(Self { shared, stdout, done })
    }

    /// Readable when everything was copied.
    #[must_use]
    pub fn done(&self) -> std::os::fd::BorrowedFd<'_> {
        self.done.as_fd()
    }

    /// When output came last.
    #[must_use]
    pub fn heard(&self) -> Instant {
        self.shared.started + Duration::from_nanos(self.shared.heard.load(Ordering::Relaxed))
    }

    /// Whether it awaits the command: neither an output of ours, nor its own turn to read what is there.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.is_reading() && !self.shared.has_input()
    }

    fn is_reading(&self) -> bool {
        // A tee(2) waits for input and for room alike.
        self.shared.reading.load(Ordering::Acquire) && (!self.stdout.is_pipe() || self.stdout.has_room())
    }

    /// How many bytes came.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Whether standard output was not read to the end.
    #[must_use]
    pub fn stdout_closed(&self) -> bool {
        self.shared.stdout_closed.load(Ordering::Relaxed)
    }

    /// Says that the command has ended.
    pub fn command_ended(&self) {
        self.shared.ended.store(true, Ordering::Release);
    }

    /// Takes the work from the thread, which may be stuck: what the pipe still holds goes into LOG,
    /// and LOG is completed. Returns whether somebody still holds the pipe open.
    #[must_use]
    pub fn give_up(&self) -> bool {
        if !self.is_reading() {
            self.shared.stdout_closed.store(true, Ordering::Relaxed);
        }
        self.shared.given_up.store(true, Ordering::Release);
        let mut record = self.shared.lock();
        let Some(input) = record.input.take() else { return false };
        let leaked = record.sweep(&input, &self.shared);
        record.pass(Pass::End, &self.shared);
        record.finish();
        leaked
    }

    /// What became of LOG: whether something was left out, and what went wrong.
    #[must_use]
    pub fn log_outcome(&self) -> (bool, Option<String>) {
        let record = self.shared.lock();
        (record.log.is_truncated(), record.log.error().map(str::to_owned))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something to read, or the end of it. To be asked only once the command has
    /// ended: see above for what a poll does to the pipe.
    fn has_input(&self) -> bool {
        // Never waits: whoever holds the record is at work.
        let Ok(record) = self.record.try_lock() else { return true };
        let Some(input) = &record.input else { return false };
        poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)
            .is_ok_and(|ready| ready > 0)
    }

    fn hear(&self, bytes: usize) {
        let since = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.heard.store(since, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Record {
    /// Sends data through the filters into LOG; what standard output is to get.
    fn pass<'a>(&'a mut self, pass: Pass<'a>, shared: &Shared) -> &'a [u8] {
        let filtered = match pass {
            Pass::Data(data) => self.filters.push(data),
            Pass::Release => self.filters.release(),
            Pass::End => self.filters.finish(),
        };
        if let Err(sentence) = self.log.push(filtered.log, &shared.given_up) {
            complain(&sentence);
            if self.output_error.exit {
                self.input = None;
            }
        }
        filtered.stdout
    }

    fn finish(&mut self) {
        if let Err(sentence) = self.log.finish() {
            complain(&sentence);
        }
    }

    /// Reads what is there without waiting, but no more than a pipe holds.
    fn sweep(&mut self, input: &PipeReader, shared: &Shared) -> bool {
        // Our own end of our own pipe: nobody else reads it.
        let _ = fcntl(input, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        let mut buffer = vec![0; BUFFER];
        let mut swept = 0;
        while swept < PIPE_SIZE {
            match (&*input).read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => {
                    shared.hear(length);
                    self.pass(Pass::Data(&buffer[..length]), shared);
                    swept += length;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
        }
        true
    }
}

impl Copy {
    fn run(mut self, finished: PipeWriter) {
        while self.step().is_ok() {}
        drop(finished);
    }

    fn step(&mut self) -> Result<(), Finished> {
        if self.masks {
            self.await_or_release()?;
        }
        let read = match self.tee()? {
            // What was passed on must be read to the byte, or it would be passed on again.
            Some(teed) => (&*self.input).read_exact(&mut self.buffer[..teed]).map(|()| teed),
            None => (&*self.input).read(&mut self.buffer),
        };
        let length = match read {
            Ok(0) => return self.end(),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            // O_NONBLOCK was set by whoever gave us up.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Finished),
            Err(error) => {
                complain(&format_args!("reading the command's output: {error}"));
                return self.end();
            }
        };
        self.shared.reading.store(false, Ordering::Release);
        self.shared.hear(length);
        self.record(length)?;
        self.shared.hear(0);
        self.shared.reading.store(true, Ordering::Release);
        if length < SMALL && !self.shared.ended.load(Ordering::Acquire) {
            thread::sleep(NAP);
        }
        Ok(())
    }

    /// Passes data on to standard output where that is a pipe; how much of it is then to be read.
    fn tee(&mut self) -> Result<Option<usize>, Finished> {
        let Some(stdout) = self.stdout.as_ref().filter(|_| self.tees) else { return Ok(None) };
        match stdout.tee(self.input.as_fd(), BUFFER) {
            Ok(Teed::Bytes(count)) => return Ok(Some(count)),
            Ok(Teed::End) => self.end()?,
            Ok(Teed::Impossible) => self.tees = false,
            Err(error) => self.on_stdout_error(&error)?,
        }
        Ok(None)
    }

    /// LOG first, for it is the record; then standard output, where that may take long.
    fn record(&mut self, length: usize) -> Result<(), Finished> {
        let data = &self.buffer[..length];
        let mut record = self.shared.lock();
        if record.input.is_none() {
            return Err(Finished);
        }
        let stdout = record.pass(Pass::Data(data), &self.shared);
        if self.masks {
            self.masked.clear();
            self.masked.extend_from_slice(stdout);
        }
        let wanted = record.input.is_some();
        drop(record);
        if !self.tees {
            self.mirror(length)?;
        }
        if wanted { Ok(()) } else { Err(Finished) }
    }

    fn mirror(&mut self, length: usize) -> Result<(), Finished> {
        let Some(stdout) = &self.stdout else { return Ok(()) };
        let data = if self.masks { &self.masked } else { &self.buffer[..length] };
        match stdout.write(data) {
            Ok(()) => Ok(()),
            Err(error) => self.on_stdout_error(&error),
        }
    }

    /// Awaits input; after a silence what a mask holds back is released.
    fn await_or_release(&mut self) -> Result<(), Finished> {
        if !self.shared.lock().filters.are_holding() {
            return Ok(());
        }
        let patience = PollTimeout::from(MASK_SILENCE);
        match poll(&mut [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)], patience) {
            Ok(0) => self.pass_on(Pass::Release),
            _ => Ok(()),
        }
    }

    fn pass_on(&mut self, pass: Pass<'_>) -> Result<(), Finished> {
        let mut record = self.shared.lock();
        let stdout = record.pass(pass, &self.shared);
        self.masked.clear();
        self.masked.extend_from_slice(stdout);
        drop(record);
        if self.masks { self.mirror(0) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Finished> {
        if self.shared.lock().input.is_some() {
            let _ = self.pass_on(Pass::End);
            let mut record = self.shared.lock();
            record.input = None;
            record.finish();
        }
        Err(Finished)
    }

    fn on_stdout_error(&mut self, error: &io::Error) -> Result<(), Finished> {
        self.stdout = None;
        self.tees = false;
        self.shared.stdout_closed.store(true, Ordering::Relaxed);
        let mode = self.shared.lock().output_error;
        if error.kind() == io::ErrorKind::BrokenPipe && mode.nopipe {
            return Ok(());
        }
        if mode.exit {
            // As if tee(1) had exited: the command's next write finds no reader.
            complain(&format_args!("standard output: {error}; nothing more is copied"));
            return self.end();
        }
        complain(&format_args!("standard output: {error}; the command and LOG go on"));
        Ok(())
    }
}
