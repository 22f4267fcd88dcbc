//! Each request to what does it.

use std::io;
use std::os::unix::ffi::OsStringExt;

use accounts::parse_id;
use nix::unistd::{Gid, Uid, geteuid};
use supervise::{Command, Credentials, Inherited};
use version::VERSION;

use crate::answer::{Answer, Exit, Failure};
use crate::apt::comparison;
use crate::caller::{Caller, is_root, through_sudo};
use crate::cli::{self, Call, Request};
use crate::decide::{self, Verdict};
use crate::operation::{Operation, ServiceVerb};
use crate::own_path::own_path;
use crate::packages::last_look;
use crate::pending::blocks;
use crate::perform::{Printed, described};
use crate::policy::{self, Policy};
use crate::policy_file;
use crate::prepare::{Prepared, Simulation, denied};
use crate::probe::{ProbeError, probe};
use crate::random_id::RequestId;
use crate::session::{Entered, Session, turned_away};
use crate::ssh;
use crate::table::table;
use crate::worker::Job;

/// The group of nobody, for a caller whose own is not known.
const NOGROUP: u32 = 65534;

/// Does what is asked for; the exit status.
#[must_use]
pub fn run(call: &Call) -> u8 {
    let printed = match &call.request {
        Request::Help => return diagnostics::print(cli::HELP, Exit::Failed as u8),
        Request::Version => {
            return diagnostics::print(&format!("sudo-helper {VERSION}\n"), 1);
        }
        Request::DefaultPolicy => return diagnostics::print(policy::default_text(), Exit::Failed as u8),
        Request::Ssh => ssh_command().into(),
        Request::ComparePlan if !through_sudo() => return last_look::look(),
        Request::CheckPolicy(Some(file)) => unprivileged(|| Ok(check(&policy_file::load_from(file)?))).into(),
        Request::Explain(Some(file), operation) => {
            unprivileged(|| explain(&policy_file::load_from(file)?, operation)).into()
        }
        request => match Session::enter() {
            Ok(Entered::Session(session)) => admitted(&session, request, call.json),
            Ok(Entered::Front(front)) => return front.attend(),
            Err(failure) => turned_away(&words(request), failure).into(),
        },
    };
    print(&printed, call.compat_exit)
}

/// The answer to words that are no request. Root's log has them too.
#[must_use]
pub fn refuse(error: &cli::UsageError) -> u8 {
    let failure = Failure::new(Exit::Usage, "usage", error);
    let answer = match Session::enter() {
        Ok(Entered::Session(session)) => {
            let failure = session.admit(false).err().unwrap_or(failure);
            session.recorded("usage error", || failure.into())
        }
        Ok(Entered::Front(front)) => return front.attend(),
        Err(_) => turned_away("usage error", failure),
    };
    print(&answer.into(), false)
}

fn print(printed: &Printed, compat_exit: bool) -> u8 {
    let status = diagnostics::print(&printed.line, Exit::Failed as u8);
    match printed.exit {
        // The original did not tell by its status that what it ran had failed.
        Exit::Failed if compat_exit && printed.ran => status,
        Exit::Success => status,
        exit => exit as u8,
    }
}

/// Refuses one call too many of a caller's, and a change that the caller could stop half-way.
fn admitted(session: &Session, request: &Request, json: bool) -> Printed {
    let changes = match request {
        Request::Perform(operation, how) => {
            !how.dry_run && !matches!(operation, Operation::Service(ServiceVerb::Status, _))
        }
        Request::Approve(_) | Request::Deny(_) | Request::Wait(_) => true,
        _ => false,
    };
    match session.admit(changes) {
        Ok(()) => with_root(session, request, json),
        Err(failure) => session.recorded(&words(request), || failure.into()).into(),
    }
}

/// What the log calls a request.
fn words(request: &Request) -> String {
    let named = |word: &str, id: &str| format!("{word} {}", id.escape_debug());
    match request {
        Request::Perform(operation, _) => operation.to_string(),
        Request::Explain(_, operation) => format!("explain {operation}"),
        Request::Approve(id) => named("approve", id),
        Request::Deny(id) => named("deny", id),
        Request::Wait(id) => named("wait", id),
        Request::List => "list".to_owned(),
        Request::Pending { .. } => "pending".to_owned(),
        Request::CheckPolicy(_) => "check-policy".to_owned(),
        Request::Probe(_) => "probe".to_owned(),
        Request::Worker(_) => "worker".to_owned(),
        Request::ComparePlan => comparison::WORD.to_owned(),
        Request::Help | Request::Version | Request::DefaultPolicy | Request::Ssh => "nothing".to_owned(),
    }
}

fn with_root(session: &Session, request: &Request, json: bool) -> Printed {
    match request {
        Request::Perform(operation, how) => session.perform(operation, *how),
        Request::List => list(session, &words(request), json),
        Request::CheckPolicy(_) => session
            .recorded(&words(request), || answered(policy_file::load().map(|policy| check(&policy))))
            .into(),
        Request::Explain(_, operation) => {
            session.recorded(&words(request), || answered(explain_here(session, operation))).into()
        }
        Request::Probe(nonce) => session.recorded(&words(request), || answered(probed(nonce))).into(),
        Request::Pending { watch } => pending(session, &words(request), *watch, json),
        Request::Approve(id) => session.decide(Verdict::Approve, id).into(),
        Request::Deny(id) => session.decide(Verdict::Deny, id).into(),
        Request::Wait(id) => match RequestId::parse(id) {
            Ok(id) => session.resume_and_perform(id),
            Err(error) => {
                let failure = Failure::new(Exit::Usage, "usage", &error);
                session.recorded("wait", || failure.into()).into()
            }
        },
        Request::Worker(id) => return_to_unit(session, id),
        Request::ComparePlan => {
            let error = "this is a question of apt-get's";
            let refused = || Failure::new(Exit::Denied, "denied", &error).into();
            session.recorded(&words(request), refused).into()
        }
        Request::Help | Request::Version | Request::DefaultPolicy | Request::Ssh => {
            Answer::from(Failure::new(Exit::Usage, "usage", &"not a request for root")).into()
        }
    }
}

fn answered(result: Result<Answer, Failure>) -> Answer {
    result.unwrap_or_else(Answer::from)
}

/// With no more rights than who asks: a file that root alone may read must not show in an error.
fn unprivileged(body: impl FnOnce() -> Result<Answer, Failure>) -> Answer {
    answered(give_up_root().and_then(|()| body()))
}

fn give_up_root() -> Result<(), Failure> {
    let unusable = |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, "unusable", error);
    if !geteuid().is_root() {
        return Ok(());
    }
    let caller = Caller::examine().map_err(|error| unusable(&error))?;
    if is_root() && caller.uid == 0 {
        return Ok(());
    }
    let gid = std::env::var("SUDO_GID").ok().and_then(|text| parse_id(&text)).filter(|gid| *gid != 0);
    let gid = Gid::from_raw(gid.unwrap_or(NOGROUP));
    let credentials = Credentials::new(Uid::from_raw(caller.uid), gid, vec![gid]);
    credentials.map_err(|error| unusable(&error))?.assume().map_err(|error| unusable(&error))
}

fn check(policy: &Policy) -> Answer {
    Answer::success().with("warnings", policy.warnings())
}

fn explain(policy: &Policy, operation: &Operation) -> Result<Answer, Failure> {
    let grant = policy.decide(operation).map_err(denied)?;
    Ok(Answer::success()
        .with("op", operation.to_string())
        .with("approval", grant.approval)
        .with("timeout_s", grant.timeout.as_secs())
        .with("rules", grant.rules)
        .with("risks", serde_json::to_value(grant.risks).unwrap_or_default()))
}

/// On this machine aliases are followed, too.
fn explain_here(session: &Session, operation: &Operation) -> Result<Answer, Failure> {
    let policy = policy_file::load()?;
    let how = cli::How::default();
    let prepared = Prepared::new(&policy, operation, how, Simulation::Never, &session.starter)?;
    Ok(described(&prepared))
}

fn probed(nonce: &str) -> Result<Answer, Failure> {
    let probe = probe(nonce).map_err(|error| {
        let exit = if matches!(error, ProbeError::Nonce) { Exit::Usage } else { Exit::Failed };
        Failure::new(exit, if exit == Exit::Usage { "usage" } else { "probe" }, &error)
    })?;
    Ok(Answer::success().with_all(&probe))
}

fn list(session: &Session, words: &str, json: bool) -> Printed {
    let mut rows = None;
    let answer = session.recorded(words, || {
        let policy = match policy_file::load() {
            Ok(policy) => policy,
            Err(failure) => return failure.into(),
        };
        let listing = policy.listing();
        rows = session.terminal.filter(|_| !json).map(|_| {
            let row = |listed: &policy::Listed| {
                let approval = if listed.approval { "approval" } else { "" };
                let risks = listed.risks.iter().map(|risk| risk.code()).collect::<Vec<_>>().join(" ");
                vec![listed.operation.clone(), approval.to_owned(), risks]
            };
            listing.operations.iter().map(row).collect::<Vec<_>>()
        });
        Answer::success().with_all(&listing)
    });
    match rows {
        Some(rows) => Printed::table(table(&["OPERATION", "NEEDS", "RISKS"], &rows)),
        None => answer.into(),
    }
}

fn pending(session: &Session, words: &str, watch: bool, json: bool) -> Printed {
    let mut request = match session.request(words) {
        Ok(request) => request,
        Err(failure) => return Answer::from(failure).into(),
    };
    let _ = request.write(None, &[]);
    let id = request.id();
    let show = |requests: &[crate::approval::Request]| match session.terminal.filter(|_| !json) {
        // Home, and clear to the end: the table is drawn over the last one.
        Some(width) if watch => format!("\x1b[H\x1b[J{}", blocks(requests, width)),
        Some(width) => blocks(requests, width),
        None => decide::as_answer(requests).to(&id, None).line(),
    };
    let shown = if watch {
        session.watch_pending(show).map(|()| String::new())
    } else {
        session.pending().map(|requests| show(&requests))
    };
    match shown {
        Ok(text) => {
            request.end(Exit::Success, &Answer::success());
            Printed::table(text)
        }
        Err(failure) => {
            let answer = Answer::from(failure).to(&id, None);
            request.end(answer.exit(), &answer);
            answer.into()
        }
    }
}

/// `sudo-helper ssh`: replaced by sudo, or refused.
fn ssh_command() -> Answer {
    let refuse = |error: &dyn std::fmt::Display| Answer::from(Failure::new(Exit::Usage, "usage", error));
    if geteuid().is_root() && through_sudo() {
        // The sudo that this would start had root as its caller, who may do more.
        return refuse(&"ssh is the forced command of a user; do not run it by way of sudo");
    }
    let original = std::env::var_os("SSH_ORIGINAL_COMMAND").unwrap_or_default().into_vec();
    let words = match ssh::words(&original) {
        Ok(words) => words,
        Err(error) => return refuse(&error),
    };
    let own_path = match own_path() {
        Ok(path) => path,
        Err(failure) => return refuse(&failure),
    };
    // sshd is our own parent, and its environment tells nothing: without this the record had no address.
    let connection = std::env::var_os("SSH_CONNECTION").map(|value| ("SSH_CONNECTION".into(), value));
    let environment = [("PATH".into(), supervise::DEFAULT_PATH.into())].into_iter().chain(connection);
    let sudo = Command::new(ssh::command(&own_path, &words), environment, supervise::DEFAULT_PATH.into());
    let error = match (sudo, Inherited::restore_with_empty_mask()) {
        (Ok(sudo), Ok(())) => {
            let failure = sudo.exec();
            let _ = supervise::ignore_sigpipe();
            failure.to_string()
        }
        (Err(error), _) => error.to_string(),
        (_, Err(error)) => error.to_string(),
    };
    Answer::from(Failure::new(Exit::Failed, "not-started", &error))
}

/// What a unit of ours runs. Only root can have left the job; sudo's callers are told nothing.
fn return_to_unit(session: &Session, id: &str) -> Printed {
    let refused = || Answer::from(Failure::new(Exit::Denied, "denied", &"there is no such job"));
    if through_sudo() {
        return session.recorded("worker", refused).into();
    }
    let job = RequestId::parse(id).ok().and_then(|id| Job::take(&session.folder, &id).ok());
    match job {
        Some(job) => Printed::silent(job.work(session, io::stdout())),
        None => session.recorded("worker", refused).into(),
    }
}
