//! The sequence: open and check everything, start the command, stay with it, record its end.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Instant, SystemTime};

use supervise::{Command, ExecFailure, Group, Inherited, Signals, Start, StartError};

use crate::cli::Options;
use crate::clock::Clock;
use crate::complain;
use crate::copier::Copier;
use crate::filters::{Filters, Wanted};
use crate::log::{LogError, OpenLog};
use crate::output::Output;
use crate::pipe::Input;
use crate::place::PlaceError;
use crate::process::Process;
use crate::record_file::RecordFile;
use crate::report::{Report, mapped, status};
use crate::secrets::{self, SecretsError};
use crate::session::{Facts, Session};
use crate::sys;

/// The status of a call that ran nothing.
pub const OWN_FAILURE: u8 = 125;

const STDOUT: i32 = 1;

/// Why nothing was run.
#[derive(Debug)]
pub enum RunError {
    /// LOG cannot be used.
    Log(LogError),
    /// STATUS or the result file cannot be used.
    Place(PlaceError),
    /// Two of the files are one.
    SameFile(&'static str, &'static str),
    /// A value cannot be masked.
    Secrets(SecretsError),
    /// The command has a NUL byte, or could not be started.
    Start(io::Error),
    /// A system call failed.
    Call(&'static str, io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Place(error) => error.fmt(f),
            Self::SameFile(one, other) => {
                write!(f, "{one} and {other} are the same file; each needs its own")
            }
            Self::Secrets(error) => error.fmt(f),
            Self::Start(error) => write!(f, "cannot start the command: {error}"),
            Self::Call(call, error) => write!(f, "{call}: {error}"),
        }
    }
}

impl std::error::Error for RunError {}

fn called(call: &'static str) -> impl Fn(io::Error) -> RunError {
    move |error| RunError::Call(call, error)
}

/// The files of a run, open and checked, with what they held still in them.
struct Files {
    log: OpenLog,
    status: RecordFile,
    result: Option<RecordFile>,
}

/// Runs the command and returns the status to exit with.
///
/// # Errors
/// See [`RunError`]: nothing was run.
pub fn run(options: &Options) -> Result<u8, RunError> {
    let files = Files::open(options)?;
    let secrets = secrets::gather(&options.masks, &options.mask_files).map_err(RunError::Secrets)?;
    let wanted = Wanted { secrets, strip_ansi: options.strip_ansi, timestamps: options.timestamps };
    let path = std::env::var_os("PATH").unwrap_or_else(supervise::default_path);
    let command = Command::new(options.command.iter().cloned(), std::env::vars_os(), path)
        .map_err(|error| RunError::Start(error.into()))?;
    let inherited = Inherited::take().map_err(called("blocking signals"))?;
    let signals = Signals::all(&inherited).map_err(called("signalfd"))?;
    let (input, output) = Input::new().map_err(called("making a pipe"))?;
    let stdout = sys::duplicate(STDOUT).and_then(Output::new).map_err(called("standard output"))?;
    files.begin()?;
    let Files { log, status, result } = files;
    let records = Records { status, result };
    let log = log.into_log().map_err(RunError::Log)?;
    let filters = Filters::new(&wanted);
    let started = SystemTime::now();
    let clock = Clock::new(options.timeouts.clone(), options.drain, Instant::now());
    let group = if options.is_watched() { Group::Own } else { Group::Callers };
    let how = Start {
        command: &command,
        group,
        stdout: output.as_fd(),
        stderr: output.as_fd(),
        inherited,
        join: None,
    };
    let mut copier = None;
    // The last thing that can fail comes before the command begins.
    let ready =
        || Copier::start(input, stdout, log, filters, options.output_error).map(|it| copier = Some(it));
    let process = match Process::start(&how, ready) {
        Ok(process) => process,
        Err(StartError::Call(error)) => return Err(RunError::Start(error)),
        Err(StartError::Exec(failure)) => return Ok(records.record_exec_failure(&failure, started, options)),
    };
    drop(output);
    let Some(copier) = copier else { return Err(RunError::Start(io::ErrorKind::Other.into())) };
    let mut report = records.begin_report(started, Some(process.pid().as_raw()), options);
    let session = Session::new(signals, process, copier, clock, options.timeouts.signal);
    let (facts, copier) = session.run().map_err(called("waiting for the command"))?;
    Ok(records.record_end(&facts, &copier, report.as_mut(), started, options))
}

fn argv(options: &Options) -> Option<&[OsString]> {
    options.result_argv.then_some(options.command.as_slice())
}

impl Files {
    fn open(options: &Options) -> Result<Self, RunError> {
        let no_follow = options.log_options.no_follow;
        let open = |path| RecordFile::open(path, no_follow).map_err(RunError::Place);
        let log = OpenLog::open(&options.log, options.log_options.clone()).map_err(RunError::Log)?;
        let files = Self {
            log,
            status: open(&options.status)?,
            result: options.result.as_deref().map(open).transpose()?,
        };
        files.differ()?;
        if files.log.is_shared() {
            complain(&format_args!("{} is held by another run; appending to it too", options.log.display()));
        }
        Ok(files)
    }

    /// One regular file cannot be two records.
    fn differ(&self) -> Result<(), RunError> {
        let log = identity(self.log.file())?;
        let status = identity(self.status.file())?;
        let result = self.result.as_ref().map(|result| identity(result.file())).transpose()?.flatten();
        for (one, other, names) in [
            (log, status, ("LOG", "STATUS")),
            (log, result, ("LOG", "--result")),
            (status, result, ("STATUS", "--result")),
        ] {
            if one.is_some() && one == other {
                return Err(RunError::SameFile(names.0, names.1));
            }
        }
        Ok(())
    }

    /// Takes away what earlier runs left: from here on no reader can take it for ours.
    fn begin(&self) -> Result<(), RunError> {
        self.status.empty().map_err(called("emptying STATUS"))?;
        if let Some(result) = &self.result {
            result.empty().map_err(called("emptying the result file"))?;
        }
        self.log.begin().map_err(RunError::Log)
    }
}

/// The records that are written last.
struct Records {
    status: RecordFile,
    result: Option<RecordFile>,
}

impl Records {
    /// The result file's record of a command that begins, where there is such a file.
    fn begin_report(&self, started: SystemTime, pid: Option<i32>, options: &Options) -> Option<Report> {
        let report = self.result.is_some().then(|| Report::running(started, pid, argv(options)));
        self.record_result(report.as_ref());
        report
    }

    fn record_result(&self, report: Option<&Report>) {
        if let (Some(result), Some(report)) = (&self.result, report) {
            write(result, &report.line());
        }
    }

    fn record_exec_failure(&self, failure: &ExecFailure, started: SystemTime, options: &Options) -> u8 {
        complain(failure);
        let status = mapped(failure.status(), &options.map_exit);
        if let Some(mut report) = self.begin_report(started, None, options) {
            report.exec_failed(status);
            self.record_result(Some(&report));
        }
        write(&self.status, format!("{status}\n").as_bytes());
        status
    }

    fn record_end(
        &self,
        facts: &Facts,
        copier: &Copier,
        report: Option<&mut Report>,
        started: SystemTime,
        options: &Options,
    ) -> u8 {
        let own = facts.ended.map_or(OWN_FAILURE, |ended| status(&ended, facts.timed_out, facts.killed));
        let mut reported = mapped(own, &options.map_exit);
        let (truncated, log_error) = copier.log_outcome();
        if options.log_error_fails && log_error.is_some() && reported == 0 {
            reported = OWN_FAILURE;
        }
        let ended_at = facts.ended_at.unwrap_or_else(SystemTime::now);
        if let Some(report) = report {
            report.ended(facts, reported, ended_at.duration_since(started).unwrap_or_default());
            report.output(copier.bytes(), copier.stdout_closed());
            report.log(truncated, log_error);
            self.record_result(Some(report));
        }
        let recorded = write(&self.status, format!("{reported}\n").as_bytes());
        if !recorded && options.log_error_fails && reported == 0 { OWN_FAILURE } else { reported }
    }
}

/// Whether it could be written; if not, that was said.
fn write(file: &RecordFile, record: &[u8]) -> bool {
    let written = file.write(record);
    if let Err(error) = &written {
        complain(&format_args!("{}: {error}; it stays empty", file.path().display()));
    }
    written.is_ok()
}

/// Device and inode of a regular file; devices and pipes may be shared.
fn identity(file: &File) -> Result<Option<(u64, u64)>, RunError> {
    let metadata = file.metadata().map_err(called("fstat"))?;
    Ok(metadata.is_file().then(|| (metadata.dev(), metadata.ino())))
}
