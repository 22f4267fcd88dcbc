//! The thread that moves the command's output to LOG and to standard output.
//!
//! It waits in tee(2) and write(2) and may be stuck there for ever; the main thread never waits for
//! it. What it takes out of the pipe it takes and records under one lock, so that whoever takes over
//! finds every byte either in the pipe or in LOG.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cli::OutputError;
use crate::complain;
use crate::filters::Filters;
use crate::log::Log;
use crate::output::{Output, Teed};
use crate::pipe::{Input, PIPE_SIZE};

/// Read at once: the resident set grows with it, and beyond it throughput does not.
const BUFFER: usize = 256 * 1024;

/// Filtered at once: times may make a line twenty-five times as long.
const FILTERED: usize = 16 * 1024;

/// A read that brings less was of a writer of small pieces: a nap lets it fill the pipe, which
/// costs it nothing and saves a wake-up for each piece.
const SMALL: usize = 32 * 1024;
const NAP: Duration = Duration::from_micros(500);

/// Silence after which a mask releases what it holds back, in milliseconds.
const MASK_SILENCE: u8 = 100;

const STACK: usize = 128 * 1024;

/// What both threads see.
#[derive(Debug)]
struct Shared {
    /// LOG and the filters; whoever holds this moves data.
    record: Mutex<Record>,
    stdout: Output,
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
    input: Option<Arc<Input>>,
    output_error: OutputError,
    /// To be said once the record is let go: standard error may stall.
    words: Vec<String>,
}

/// The main thread's side of the copier.
#[derive(Debug)]
pub struct Copier {
    shared: Arc<Shared>,
    /// At its end of file when the thread has ended.
    done: PipeReader,
}

/// The thread's own side.
struct Copy {
    shared: Arc<Shared>,
    input: Arc<Input>,
    buffer: Vec<u8>,
    /// What masks made of the buffer, for standard output.
    masked: Vec<u8>,
    mirrors: bool,
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

/// What was taken out of the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// So many bytes, now in LOG.
    Data(usize),
    /// Nothing was there.
    Nothing,
    /// The command has closed it, or somebody has taken over.
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
        input: Input,
        stdout: Output,
        log: Log,
        filters: Filters,
        output_error: OutputError,
    ) -> io::Result<Self> {
        let input = Arc::new(input);
        let masks = !filters.leave_stdout_alone();
        let tees = !masks && stdout.is_pipe();
        let record =
            Record { filters, log, input: Some(Arc::clone(&input)), output_error, words: Vec::new() };
        let shared = Arc::new(Shared {
            record: Mutex::new(record),
            stdout,
            started: Instant::now(),
            heard: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            reading: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            stdout_closed: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        });
        let (done, finished) = io::pipe()?;
        let (buffer, masked) = (vec![0; BUFFER], Vec::new());
        let copy = Copy { shared: Arc::clone(&shared), input, buffer, masked, mirrors: true, tees, masks };
        thread::Builder::new().stack_size(STACK).spawn(move || copy.run(finished))?;
        Ok(Self { shared, done })
    }

    /// Readable when everything was copied.
    #[must_use]
    pub fn done(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }

    /// When output came last.
    #[must_use]
    pub fn heard(&self) -> Instant {
        self.shared.started + Duration::from_nanos(self.shared.heard.load(Ordering::Relaxed))
    }

    /// Whether it awaits the command: neither an output of ours, nor its own turn to read what is
    /// there. To be asked only once the command has ended, since it polls the pipe.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        // Never waits: whoever holds the record is at work.
        let Ok(record) = self.shared.record.try_lock() else { return false };
        self.is_reading() && !record.input.as_ref().is_some_and(|input| input.is_ready())
    }

    fn is_reading(&self) -> bool {
        // A tee(2) waits for input and for room alike.
        let stdout = &self.shared.stdout;
        self.shared.reading.load(Ordering::Acquire) && (!stdout.is_pipe() || stdout.has_room())
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
        self.shared.with_record(|record| {
            let Some(input) = record.input.take() else { return false };
            let leaked = record.sweep(&input, &self.shared);
            record.end(&mut Vec::new(), &self.shared.given_up);
            leaked
        })
    }

    /// What became of LOG: whether something was left out, and what went wrong.
    #[must_use]
    pub fn log_outcome(&self) -> (bool, Option<String>) {
        self.shared.with_record(|record| (record.log.is_truncated(), record.log.error().map(str::to_owned)))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the record, and says what there is to say when it is free again.
    fn with_record<T>(&self, work: impl FnOnce(&mut Record) -> T) -> T {
        let mut record = self.lock();
        let result = work(&mut record);
        let words = std::mem::take(&mut record.words);
        drop(record);
        words.iter().for_each(|words| complain(words));
        result
    }

    fn hear(&self, bytes: usize) {
        let since = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.heard.store(since, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Record {
    /// Sends data through the filters into LOG, and what masks leave of it into `masked`.
    fn pass(&mut self, pass: Pass<'_>, masked: &mut Vec<u8>, given_up: &AtomicBool) {
        match pass {
            Pass::Data(data) => {
                let stride = if self.filters.lengthen() { FILTERED } else { data.len().max(1) };
                data.chunks(stride).for_each(|chunk| self.pass_one(Pass::Data(chunk), masked, given_up));
            }
            Pass::Release | Pass::End => self.pass_one(pass, masked, given_up),
        }
    }

    fn pass_one(&mut self, pass: Pass<'_>, masked: &mut Vec<u8>, given_up: &AtomicBool) {
        let masks = !self.filters.leave_stdout_alone();
        let filtered = match pass {
            Pass::Data(data) => self.filters.push(data),
            Pass::Release => self.filters.release(),
            Pass::End => self.filters.finish(),
        };
        if masks {
            masked.extend_from_slice(filtered.stdout);
        }
        if let Err(sentence) = self.log.push(filtered.log, given_up) {
            self.words.push(sentence);
            if self.output_error.exit {
                self.input = None;
            }
        }
    }

    /// Releases everything and completes LOG.
    fn end(&mut self, masked: &mut Vec<u8>, given_up: &AtomicBool) {
        self.input = None;
        self.pass(Pass::End, masked, given_up);
        if let Err(sentence) = self.log.finish() {
            self.words.push(sentence);
        }
    }

    /// Takes what is there out of the pipe and into LOG. What was passed on already (`teed`) is taken
    /// to the byte, or it would be passed on again.
    fn take(
        &mut self,
        teed: Option<usize>,
        buffer: &mut [u8],
        masked: &mut Vec<u8>,
        shared: &Shared,
    ) -> Taken {
        let Some(input) = self.input.clone() else { return Taken::End };
        let limit = teed.unwrap_or(buffer.len());
        let mut length = 0;
        while length < limit {
            match input.read(&mut buffer[length..limit]) {
                Ok(Some(count)) if count > 0 => length += count,
                Ok(Some(_)) if length == 0 => {
                    self.end(masked, &shared.given_up);
                    return Taken::End;
                }
                _ => break,
            }
            if teed.is_none() {
                break;
            }
        }
        if teed.is_some_and(|teed| length < teed) {
            self.words.extend(self.log.lose("somebody else reads the command's output too"));
        }
        shared.hear(length);
        self.pass(Pass::Data(&buffer[..length]), masked, &shared.given_up);
        if length == 0 { Taken::Nothing } else { Taken::Data(length) }
    }

    /// Reads what is there, but no more than a pipe holds; whether somebody still holds it open.
    fn sweep(&mut self, input: &Input, shared: &Shared) -> bool {
        let mut buffer = vec![0; BUFFER];
        let mut swept = 0;
        while swept < PIPE_SIZE {
            match input.read(&mut buffer) {
                Ok(Some(0)) => return false,
                Ok(Some(length)) => {
                    shared.hear(length);
                    self.pass(Pass::Data(&buffer[..length]), &mut Vec::new(), &shared.given_up);
                    swept += length;
                }
                Ok(None) | Err(_) => return true,
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
        let teed = self.wait()?;
        let shared = Arc::clone(&self.shared);
        shared.reading.store(false, Ordering::Release);
        self.masked.clear();
        let (buffer, masked) = (&mut self.buffer, &mut self.masked);
        let taken = shared.with_record(|record| record.take(teed, buffer, masked, &shared));
        match taken {
            Taken::Data(length) if teed.is_none() => self.mirror(length)?,
            Taken::Data(_) | Taken::Nothing => {}
            Taken::End => {
                self.mirror(0)?;
                return Err(Finished);
            }
        }
        shared.hear(0);
        shared.reading.store(true, Ordering::Release);
        let small = matches!(taken, Taken::Data(length) if length < SMALL);
        if small && !shared.ended.load(Ordering::Acquire) {
            thread::sleep(NAP);
        }
        Ok(())
    }

    /// Waits for input; where standard output is a pipe, passes it on there. How much was.
    fn wait(&mut self) -> Result<Option<usize>, Finished> {
        if self.masks {
            self.release_after_silence()?;
        }
        if self.tees {
            match self.shared.stdout.tee(self.input.as_fd(), BUFFER) {
                Ok(Teed::Bytes(count)) => return Ok(Some(count)),
                Ok(Teed::Nothing) => return Ok(None),
                Ok(Teed::Impossible) => self.tees = false,
                Err(error) => self.on_stdout_error(&error)?,
            }
        }
        match self.input.wait() {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                complain(&format_args!("waiting for the command's output: {error}"));
                self.end()
            }
            _ => Ok(None),
        }
    }

    /// Writes to standard output what was taken, or what masks made of it.
    fn mirror(&mut self, length: usize) -> Result<(), Finished> {
        if !self.mirrors {
            return Ok(());
        }
        let data = if self.masks { &self.masked } else { &self.buffer[..length] };
        match self.shared.stdout.write(data) {
            Ok(()) => Ok(()),
            Err(error) => self.on_stdout_error(&error),
        }
    }

    /// Awaits input; after a silence what a mask holds back is released.
    fn release_after_silence(&mut self) -> Result<(), Finished> {
        let shared = Arc::clone(&self.shared);
        if !shared.lock().filters.are_holding() {
            return Ok(());
        }
        let patience = PollTimeout::from(MASK_SILENCE);
        if !matches!(poll(&mut [PollFd::new(self.input.as_fd(), PollFlags::POLLIN)], patience), Ok(0)) {
            return Ok(());
        }
        self.masked.clear();
        shared.with_record(|record| record.pass(Pass::Release, &mut self.masked, &shared.given_up));
        self.mirror(0)
    }

    fn end<T>(&mut self) -> Result<T, Finished> {
        let shared = Arc::clone(&self.shared);
        shared.with_record(|record| {
            if record.input.is_some() {
                record.end(&mut Vec::new(), &shared.given_up);
            }
        });
        Err(Finished)
    }

    fn on_stdout_error(&mut self, error: &io::Error) -> Result<(), Finished> {
        self.mirrors = false;
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
