//! Changes of packages run apart from the call that asked for them: in a unit of their own where systemd
//! is PID 1, else in a process of their own.
//!
//! A dpkg that is killed half-way leaves a broken system. The worker holds nothing of the caller's. It
//! delivers its answer through a pipe, and works and records whether or not anybody still reads.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{dup2_stderr, dup2_stdout, write};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use supervise::{Command, Group, Start};

use crate::answer::{Answer, Exit, Failure};
use crate::approval::Approved;
use crate::consent::in_time;
use crate::living_file;
use crate::operation::Operation;
use crate::packages::Change;
use crate::policy_file;
use crate::prepare::denied;
use crate::random_id::RequestId;
use crate::run_folder::RunFolder;
use crate::session::Session;

/// Where a job waits for its worker.
const JOBS: &str = "jobs";
/// The longest job; an operation and a plan of it.
const MAX_JOB: u64 = 4 * 1024 * 1024;
/// Most jobs without a front that are removed in one go.
const MAX_STALE: usize = 32;
/// The longest that a worker can deliver: two outputs at their cap, escaped, and the rest.
const MAX_DELIVERY: u64 = 256 * 1024 * 1024;
/// How much of systemd-run's complaint is shown.
const MAX_WORDS: usize = 400;
/// How long a front that does not read is waited for, in milliseconds.
const PATIENCE: u16 = 10_000;

const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";
/// There when systemd is PID 1 (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// What root has left for a worker to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The request that it belongs to, whose record is open.
    pub request_id: RequestId,
    /// The operation's words; the policy is asked again.
    pub operation: Vec<String>,
    /// The plan that was approved: no other is carried out.
    pub approved: Option<Approved>,
}

/// An answer on its way to the front.
#[derive(Serialize, Deserialize)]
struct Delivery {
    exit: Exit,
    ran: bool,
    answer: Box<RawValue>,
}

/// What came back from a worker.
#[derive(Debug)]
pub struct Delivered {
    /// The exit status.
    pub exit: Exit,
    /// The line to print.
    pub line: String,
    /// Whether a program was run.
    pub ran: bool,
}

impl Job {
    /// Has it done apart from the caller, and waits for the answer.
    ///
    /// # Errors
    /// When no worker could be started, or it went without an answer.
    pub fn delegate(&self, session: &Session, own_path: &Path) -> Result<Delivered, Failure> {
        let delivered = if Path::new(SYSTEMD).is_dir() {
            self.by_unit(session, own_path)
        } else {
            in_own_process(|front| self.work(session, front)).and_then(hear)
        };
        delivered.map_err(|error| no_worker(&error))
    }

    /// Reads a job that root has left, and takes it away, so that it is done once.
    ///
    /// # Errors
    /// Those of openat(2) and read(2), and when it is no job.
    pub fn take(folder: &RunFolder, id: &RequestId) -> io::Result<Self> {
        let jobs = folder.folder(JOBS)?;
        let file = living_file::join(&jobs, *id)?;
        // Whoever removes the name has the job.
        living_file::remove(&jobs, *id)?;
        serde_json::from_slice(&living_file::contents(&file, MAX_JOB)?).map_err(io::Error::from)
    }

    /// Leaves it for a worker, which takes it as long as what is returned is kept. A job whose front
    /// has ended is nobody's: its request is recorded as aborted.
    fn leave(&self, folder: &RunFolder, id: RequestId) -> io::Result<File> {
        let jobs = folder.folder(JOBS)?;
        for (stale, _) in living_file::left_behind(&jobs, MAX_STALE)? {
            // Its worker may have it by now.
            let _ = living_file::remove(&jobs, stale);
        }
        living_file::make(&jobs, id, &serde_json::to_vec(self)?)
    }

    fn by_unit(&self, session: &Session, own_path: &Path) -> io::Result<Delivered> {
        let id = RequestId::random()?;
        let _left = self.leave(&session.folder, id)?;
        let delivered = start_unit(session, own_path, &id).and_then(hear);
        if delivered.is_err() {
            // One that its worker has taken is gone already.
            let _ = living_file::remove(&session.folder.folder(JOBS)?, id);
        }
        delivered
    }

    /// Does the job: the worker's side. The answer goes to `front`, also ahead of the end when the
    /// program goes on although its time is over.
    #[must_use]
    pub fn work(&self, session: &Session, front: impl AsFd) -> Exit {
        let Ok((_open, mut request)) = session.adopt(self.request_id) else {
            // Its end is in the log already: whoever began it is gone.
            return Exit::Failed;
        };
        let operation = Operation::parse(&self.operation);
        let shown = |answer: Answer| match &operation {
            Ok(operation) => answer.to(&self.request_id, Some(operation)),
            Err(_) => answer.to(&self.request_id, None),
        };
        let mut early = |answer: &Answer| deliver(front.as_fd(), &shown(answer.clone()));
        let done = session.slot_for(&request).and_then(|_slot| match &operation {
            Ok(operation) => self.change(session, operation, &mut early),
            Err(error) => Err(Failure::new(Exit::Failed, "unusable", error)),
        });
        let answer = done.unwrap_or_else(Answer::from);
        session.finish(&mut request, &answer);
        let exit = answer.exit();
        deliver(front.as_fd(), &shown(answer));
        exit
    }

    /// The policy is asked again: it may have changed since.
    fn change(
        &self,
        session: &Session,
        operation: &Operation,
        early: &mut dyn FnMut(&Answer),
    ) -> Result<Answer, Failure> {
        let policy = policy_file::load()?;
        let grant = policy.decide(operation).map_err(denied)?;
        if grant.approval && self.approved.is_none() {
            let error = "the policy asks for approval now, and there was none";
            return Err(Failure::new(Exit::Approval, "approval-missing", &error));
        }
        in_time(self.approved.as_ref())?;
        let change = Change { operation, policy: &policy, limit: grant.timeout, starter: &session.starter };
        Ok(change.perform(&session.folder, self.approved.as_ref(), early))
    }
}

fn in_own_process(work: impl FnOnce(&PipeWriter) -> Exit) -> io::Result<PipeReader> {
    let (answers, writer) = io::pipe()?;
    supervise::fork(Group::OwnSession, || {
        // The caller waits for the end of its own pipes, which may come before ours.
        let quiet = File::options().read(true).write(true).open("/dev/null").and_then(|null| {
            dup2_stdout(&null)?;
            dup2_stderr(&null)?;
            Ok(())
        });
        match quiet {
            Ok(()) => work(&writer) as u8,
            Err(_) => Exit::Failed as u8,
        }
    })?;
    Ok(answers)
}

fn no_worker(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "no-worker", &format_args!("no worker for the operation: {error}"))
}

fn start_unit(session: &Session, own_path: &Path, id: &RequestId) -> io::Result<PipeReader> {
    let (answers, writer) = io::pipe()?;
    let unit = format!("--unit=sudo-helper-{id}.service");
    let arguments = [SYSTEMD_RUN, "--system", "--quiet", "--collect", "--pipe", "--wait", &unit];
    // What a maintainer script leaves running stays; nothing here is ever killed (systemd.kill(5)).
    let properties = ["--property=KillMode=process", "--property=SendSIGKILL=no", "--"];
    let argv = arguments.into_iter().chain(properties).map(OsString::from);
    let argv = argv.chain([own_path.into(), "worker".into(), id.to_string().into()]);
    let start = Start {
        command: &Command::new(argv, [], OsString::new())?,
        group: Group::OwnSession,
        stdout: writer.as_fd(),
        stderr: writer.as_fd(),
        inherited: session.starter.inherited(),
        join: None,
    };
    supervise::start(&start, || Ok(())).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(answers)
}

/// The first answer. What else comes on the pipe are words of systemd-run's.
fn hear(answers: PipeReader) -> io::Result<Delivered> {
    let mut answers = BufReader::new(answers.take(MAX_DELIVERY));
    let mut words = String::new();
    loop {
        let mut line = Vec::new();
        if answers.read_until(b'\n', &mut line)? == 0 {
            return Err(io::Error::other(if words.is_empty() {
                "it ended without a word".into()
            } else {
                words
            }));
        }
        if let Ok(delivery) = serde_json::from_slice::<Delivery>(&line) {
            let Delivery { exit, ran, answer } = delivery;
            return Ok(Delivered { exit, line: format!("{answer}\n"), ran });
        }
        words = String::from_utf8_lossy(&line[..line.len().min(MAX_WORDS)]).trim().escape_debug().to_string();
    }
}

/// Writes an answer, unless nobody takes it: the front may be stopped, or gone.
fn deliver(front: BorrowedFd<'_>, answer: &Answer) {
    let Ok(raw) = RawValue::from_string(answer.line().trim_end().to_owned()) else { return };
    let delivery = Delivery { exit: answer.exit(), ran: answer.program().is_some(), answer: raw };
    let Ok(mut line) = serde_json::to_vec(&delivery) else { return };
    line.push(b'\n');
    let _ = fcntl(front, FcntlArg::F_SETFL(OFlag::O_WRONLY | OFlag::O_NONBLOCK));
    let mut rest = &line[..];
    while !rest.is_empty() {
        let ready = poll(&mut [PollFd::new(front, PollFlags::POLLOUT)], PollTimeout::from(PATIENCE));
        match ready.and_then(|ready| if ready == 0 { Ok(0) } else { write(front, rest) }) {
            Ok(0) | Err(Errno::EPIPE) => return,
            Ok(written) => rest = &rest[written..],
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
