//! Changes of packages run apart from the caller: in a unit of their own where systemd is PID 1,
//! otherwise in a process of their own.
//!
//! A caller may own the cgroup that it and we are in, and could freeze or kill what is in it; a dpkg
//! that is killed half-way leaves a broken system. The worker holds nothing of the caller's. It
//! delivers its answer through a pipe, and works and records whether or not anybody still reads.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, dup2_stderr, dup2_stdout, unlinkat, write};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use supervise::{Command, Group, Start};

use crate::answer::{Answer, Exit, Failure};
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
    /// The plan that was approved, a line each: no other is carried out.
    pub approved: Option<Vec<String>>,
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
            self.by_process(session).and_then(hear)
        };
        delivered.map_err(|error| {
            Failure::new(Exit::Failed, "no-worker", &format_args!("no worker for the operation: {error}"))
        })
    }

    /// Reads a job that root has left, and takes it away, so that it is done once.
    ///
    /// # Errors
    /// Those of openat(2) and read(2), and when it is no job.
    pub fn take(folder: &RunFolder, id: &RequestId) -> io::Result<Self> {
        let jobs = folder.folder(JOBS)?;
        let name = id.to_string();
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(&jobs, name.as_str(), flags, Mode::empty())?);
        // Whoever removes the name has the job.
        unlinkat(&jobs, name.as_str(), UnlinkatFlags::NoRemoveDir)?;
        let mut text = Vec::new();
        file.take(MAX_JOB).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(io::Error::from)
    }

    fn leave(&self, folder: &RunFolder, id: &RequestId) -> io::Result<()> {
        let jobs = folder.folder(JOBS)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let file = openat(&jobs, id.to_string().as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        File::from(file).write_all(&serde_json::to_vec(self)?)
    }

    fn by_unit(&self, session: &Session, own_path: &Path) -> io::Result<Delivered> {
        let id = RequestId::random()?;
        self.leave(&session.folder, &id)?;
        let delivered = start_unit(session, own_path, &id).and_then(hear);
        if delivered.is_err() {
            // One that its worker has taken is gone already.
            let _ =
                unlinkat(&session.folder.folder(JOBS)?, id.to_string().as_str(), UnlinkatFlags::NoRemoveDir);
        }
        delivered
    }

    fn by_process(&self, session: &Session) -> io::Result<PipeReader> {
        let (answers, writer) = io::pipe()?;
        supervise::fork(Group::OwnSession, || {
            // The caller waits for the end of its own pipes, which may come before ours.
            let quiet = File::options().read(true).write(true).open("/dev/null").and_then(|null| {
                dup2_stdout(&null)?;
                dup2_stderr(&null)?;
                Ok(())
            });
            match quiet {
                Ok(()) => self.work(session, &writer) as u8,
                Err(_) => Exit::Failed as u8,
            }
        })?;
        Ok(answers)
    }

    /// Does the job: the worker's side. The answer goes to `front`, also ahead of the end when the
    /// program goes on although its time is over.
    #[must_use]
    pub fn work(&self, session: &Session, front: impl AsFd) -> Exit {
        let Ok((open, mut request)) = session.adopt(self.request_id) else {
            // Its end is in the log already: whoever began it is gone.
            return Exit::Failed;
        };
        let operation = Operation::parse(&self.operation);
        let shown = |answer: Answer| match &operation {
            Ok(operation) => answer.to(&self.request_id, Some(operation)),
            Err(_) => answer.to(&self.request_id, None),
        };
        let mut early = |answer: &Answer| deliver(front.as_fd(), &shown(answer.clone()));
        let done = match &operation {
            Ok(operation) => self.change(session, operation, &mut early),
            Err(error) => Err(Failure::new(Exit::Failed, "unusable", error)),
        };
        let answer = done.unwrap_or_else(Answer::from);
        request.end(answer.exit(), &answer);
        let _ = open.end();
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
        let change = Change { operation, policy: &policy, limit: grant.timeout, starter: &session.starter };
        Ok(change.perform(&session.folder, self.approved.as_deref(), early))
    }
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
