//! `serve`: the forwarder alone, in the foreground.

mod retire;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::libc;
use supervise::{Inherited, Signals};
use trusted_path::PathError;

use crate::access::access;
use crate::cli::ServeCall;
use crate::descriptors::close_inherited;
use crate::exit::Exit;
use crate::harden::{allow_descriptors, harden};
use crate::policy::{self, Client, Limits, Policy, Rate};
use crate::pool::Pool;
use crate::publish::Published;
use crate::ready;
use crate::record::{LAST_PATIENCE, Record, Recorder, Sink, examine_syslog};
use crate::report::NAME;
use crate::shared::Shared;
use diagnostics::Failure;

/// What it listens to.
const HEARD: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1];
/// How long the end waits for replies to requests that the agent has.
pub(crate) const LAST_REPLIES: Duration = Duration::from_secs(2);
/// The longest that it takes to end when it is told to.
pub const LONGEST_END: Duration = LAST_REPLIES.saturating_add(LAST_PATIENCE);
/// The longest that it takes to end when another one takes over.
pub const LONGEST_RETIREMENT: Duration = LONGEST_END.saturating_add(retire::LONGEST);

/// How a signal has it end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// SIGTERM, SIGINT.
    Now,
    /// SIGUSR1: another instance takes over.
    Retire,
}

/// Serves until it is told to end.
#[must_use]
pub fn run(call: &ServeCall) -> Exit {
    match serve(call) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            diagnostics::complain(NAME, &format!("{}: {failure}", failure.code));
            Exit::Failed
        }
    }
}

fn serve(call: &ServeCall) -> Result<(), Failure> {
    let start = |error: std::io::Error| Failure::new("start-failed", error);
    // One heap for all threads: with one for each, those of 64 clients would be half of what this process takes up.
    supervise::enter().map_err(start)?;
    let ready = close_inherited(call.ready_fd).map_err(start)?;
    // Before there are threads: they are to hold all signals back, too.
    let inherited = Inherited::take().map_err(start)?;
    let signals = Signals::only(&HEARD, &inherited).map_err(start)?;
    let policy = policy(call)?;
    words_about(&policy).iter().for_each(|said| diagnostics::complain(NAME, said));
    harden().and_then(|()| allow_descriptors(policy.limits.connections)).map_err(start)?;
    let access = access(&policy.clients, call.mode)?;
    examine_record(call)?;
    let agent = Path::new(call.agent.as_str());
    examine_agent(agent)?;
    let (listener, published) = Published::publish(Path::new(call.listen.as_str()), access)?;
    let recorder = Recorder::start(call.record, call.record_required).map_err(start)?;
    let shared = Arc::new(Shared::new(agent.to_owned(), policy, recorder));
    let serving = Pool::start(listener, Arc::clone(&shared)).map_err(start)?;
    ready::tell(ready).map_err(|error| Failure::new("ready-not-told", error))?;
    let end = attend(call, &signals, &shared);
    // First the name, unless it is another's by now; then who is there, then what waits to be written.
    drop(published);
    let ended = match end {
        Ok(End::Retire) => {
            retire::retire(&signals, &serving).map_err(|error| Failure::new("signals-failed", error))
        }
        Ok(End::Now) => Ok(()),
        Err(failure) => Err(failure),
    };
    shared.in_flight.finish(LAST_REPLIES);
    shared.recorder.finish();
    ended
}

/// The agent's word decides what counts as verified: nobody but root may put another one in its place.
fn examine_agent(agent: &Path) -> Result<(), Failure> {
    match trusted_path::verify(agent) {
        // That it is not there is what asking it tells.
        Err(PathError::Call(_, error)) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            let error = diagnostics::one_line(&error.to_string());
            let help = "the agent's socket must be root's, in folders that nobody else can change";
            return Err(Failure::new("agent-untrusted", format!("{error}; {help}")));
        }
        Ok(()) => {}
    }
    ready::ask_agent(agent).map(drop)
}

/// Waits for signals until one ends it.
fn attend(call: &ServeCall, signals: &Signals, shared: &Shared) -> Result<End, Failure> {
    loop {
        let delivery = signals.next().map_err(|error| Failure::new("signals-failed", error))?;
        match delivery.signal {
            libc::SIGTERM | libc::SIGINT => return Ok(End::Now),
            libc::SIGUSR1 => return Ok(End::Retire),
            libc::SIGHUP => reload(call, shared),
            _ => {}
        }
    }
}

/// A record that nobody reads is said before clients are served, and where one is required nobody is served.
fn examine_record(call: &ServeCall) -> Result<(), Failure> {
    if call.record == Sink::Stderr {
        return Ok(());
    }
    let Err(why) = examine_syslog() else { return Ok(()) };
    let help = "start a daemon of syslog(3), or have --record stderr and keep what comes there";
    let failure =
        Failure::new("record-unavailable", format!("/dev/log: {why}: no line of the record is kept; {help}"));
    if call.record_required {
        return Err(failure);
    }
    diagnostics::complain(NAME, &format!("{}: {failure}", failure.code));
    Ok(())
}

/// Reads the policy again; one that is not valid changes nothing. What is said goes to the record, too: standard error
/// may have no reader any more.
fn reload(call: &ServeCall, shared: &Shared) {
    let read =
        policy(call).and_then(|policy| access(&policy.clients, call.mode).map(|access| (policy, access)));
    let record = match read {
        Ok((policy, access_now)) => {
            let mut said = words_about(&policy);
            if access(&shared.policy().clients, call.mode) != Ok(access_now) {
                said.push("the clients are others, and the socket keeps its owner and mode: start again to change them".to_owned());
            }
            if let Err(error) = allow_descriptors(policy.limits.connections) {
                said.push(format!("the limit of descriptors stays: {error}"));
            }
            shared.set_policy(policy);
            said.push("the policy was read again".to_owned());
            said.iter().for_each(|said| diagnostics::complain(NAME, said));
            Record::Policy { outcome: "read", code: None, said }
        }
        Err(failure) => {
            let said = format!("{failure}; the policy of before stays");
            diagnostics::complain(NAME, &format!("{}: {said}", failure.code));
            Record::Policy { outcome: "refused", code: Some(failure.code), said: vec![said] }
        }
    };
    // There is no reply to hold back: a line that cannot be written is counted.
    let _ = shared.recorder.reserve_or_share(0, "policy").map(|place| place.record(&record));
}

/// The policy of the file and of the words.
fn policy(call: &ServeCall) -> Result<Policy, Failure> {
    let mut policy = match &call.policy {
        Some(path) => policy::load(path)?,
        None => {
            Policy { clients: Vec::new(), keys: Vec::new(), rate: Rate::default(), limits: Limits::default() }
        }
    };
    for name in &call.allow_user {
        policy.clients.push(Client::Uid(id(name, "user", |database| {
            database.account(name).map(|row| row.map(|row| row.uid))
        })?));
    }
    for name in &call.allow_group {
        policy.clients.push(Client::Gid(id(name, "group", |database| database.group(name))?));
    }
    for client in &policy.clients {
        client.examine().map_err(|error| Failure::new("client-refused", error))?;
    }
    if call.allow_opaque {
        policy.allow_opaque();
    }
    Ok(policy)
}

/// The number of this name; a number that no account has is itself.
fn id(
    name: &str,
    what: &str,
    look_up: impl Fn(&accounts::Database) -> Result<Option<u32>, accounts::DatabaseError>,
) -> Result<u32, Failure> {
    let shown = diagnostics::one_line(name);
    let known = accounts::Database::read().and_then(|database| look_up(&database));
    let known =
        known.map_err(|error| Failure::new("client-unknown", format!("{what} '{shown}': {error}")))?;
    known.or_else(|| accounts::parse_id(name)).ok_or_else(|| {
        Failure::new(
            "client-unknown",
            format!("there is no {what} '{shown}': name one that there is, or its number"),
        )
    })
}

/// What the operator should know of it.
fn words_about(policy: &Policy) -> Vec<String> {
    let no_key = "no key is listed and nothing is signed: the policy has no keys; name them in --policy FILE";
    let no_key = policy.keys.is_empty().then(|| no_key.to_owned());
    no_key.into_iter().chain(policy.warnings().into_iter().map(|warning| warning.to_string())).collect()
}
