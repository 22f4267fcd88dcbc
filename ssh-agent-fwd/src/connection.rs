//! One client, from its first request to its last.
//!
//! A request is judged in the bytes in which it is passed on, and one is answered before the next is read: replies are in
//! order, and a client that has closed its writing half gets all of them (RFC 9987 section 3).

mod client;

use std::cell::OnceCell;
use std::os::unix::net::UnixStream;

use crate::bindings::{Bindings, MAX_SESSIONS};
use crate::key::KeyBlob;
use crate::peer::{Peer, Process};
use crate::policy::{Decision, Policy, Reason, decide, is_listed, may_list};
use crate::record::{Claims, Counts, Kernel, Place, Record, Recorder};
use crate::shared::Shared;
use crate::signed::Signed;
use crate::upstream::Upstream;
use crate::wire::identities::Identities;
use crate::wire::reply::{FAILURE, IDENTITIES_ANSWER, SIGN_RESPONSE, SUCCESS, query_answer};
use crate::wire::request::{Bind, Request};
use crate::wire::{Malformed, Message};

use client::Client;

/// SSH_AGENT_EXTENSION_FAILURE, the whole body: an agent's word for a session-bind that does not verify.
const EXTENSION_FAILURE: [u8; 1] = [28];
/// What is kept of the memory of a long message, in bytes, for the next one.
const KEPT: usize = 4096;

/// Serves a client until it goes, is too slow or breaks the protocol, or policy does not admit it any more.
/// `left` is called as soon as it has gone: the record is not its business any more.
pub fn serve(stream: UnixStream, number: u64, peer: &Peer, shared: &Shared, left: impl FnOnce()) {
    let mut connection = Connection::new(number, peer, Process::of(&stream, peer.pid), shared);
    let end = connection.run(stream);
    left();
    // One that has signed has paid for its line.
    let has_paid = connection.counts.signed > 0;
    let place = if has_paid { Recorder::reserve_or_share } else { Recorder::share };
    let Some(place) = place(&shared.recorder, peer.uid, "connection") else { return };
    let record = Record::Connection {
        connection: number,
        kernel: connection.seen.kernel().clone(),
        counts: connection.counts,
        forwarded: connection.bindings.is_forwarding(),
        end,
    };
    // There is no reply to hold back: a line that cannot be written is counted.
    let _ = place.record(&record);
}

/// What is to be recorded of a request, and the place for it.
type Entry<'a> = (Record, Place<'a>);

/// The client as the kernel shows it.
struct Seen<'a> {
    peer: &'a Peer,
    process: Process,
    /// Read when the agent works, or when nobody waits any more.
    kernel: OnceCell<Kernel>,
}

impl Seen<'_> {
    fn kernel(&self) -> &Kernel {
        self.kernel.get_or_init(|| Kernel::of(self.peer, self.process.facts()))
    }
}

struct Connection<'a> {
    number: u64,
    seen: Seen<'a>,
    shared: &'a Shared,
    agent: Upstream,
    bindings: Bindings,
    counts: Counts,
    reply: Vec<u8>,
}

impl<'a> Connection<'a> {
    fn new(number: u64, peer: &'a Peer, process: Process, shared: &'a Shared) -> Self {
        let seen = Seen { peer, process, kernel: OnceCell::new() };
        let (agent, bindings, counts) = (Upstream::Unasked, Bindings::default(), Counts::default());
        Self { number, seen, shared, agent, bindings, counts, reply: Vec::new() }
    }

    /// Answers one request after the other; why there is none any more.
    fn run(&mut self, stream: UnixStream) -> String {
        let mut client = Client::new(stream, self.shared.policy().limits);
        let mut request = Vec::new();
        loop {
            match client.read(&mut request) {
                Ok(true) => {}
                Ok(false) => return "closed".to_owned(),
                Err(error) => return format!("{}: {error}", error.code()),
            }
            let Some(_turn) = self.shared.in_flight.begin() else {
                return "ending: the forwarder is about to end".to_owned();
            };
            let policy = self.shared.policy();
            if !policy.admits(self.seen.peer.uid, &self.seen.peer.groups) {
                return "not-admitted: the policy that was read since does not name this user".to_owned();
            }
            let entry = self.answer(&policy, &request);
            let is_first = self.shared.recorder.is_required();
            let (first, after) = if is_first { (entry, None) } else { (None, entry) };
            if first.is_some_and(|(record, place)| place.record(&record).is_err()) {
                self.say(&FAILURE);
            }
            self.count();
            let written = client.write(&self.reply);
            request.shrink_to(KEPT);
            self.reply.shrink_to(KEPT);
            // Whether the reply was taken or not.
            let _ = after.map(|(record, place)| place.record(&record));
            if let Err(error) = written {
                return format!("reply-not-taken: {error}");
            }
        }
    }

    /// What goes out.
    fn count(&mut self) {
        self.counts.failures += u64::from(self.reply == FAILURE);
        self.counts.signed += u64::from(self.reply.first() == Some(&SIGN_RESPONSE));
    }

    /// Puts the answer into `reply`; what is to be recorded of it.
    fn answer(&mut self, policy: &Policy, request: &[u8]) -> Option<Entry<'a>> {
        match Request::parse(request) {
            Ok(Request::List) => self.list(policy, request),
            Ok(Request::Sign { key, data, flags: _ }) => return self.sign(policy, request, key, data),
            Ok(Request::Bind(bind)) => self.bind(request, &bind),
            Ok(Request::Query) => self.say(&query_answer()),
            Ok(Request::Other(_)) => self.say(&FAILURE),
            Err(Malformed { message, .. }) => {
                if message == Message::Bind {
                    self.bindings.record_malformed();
                }
                self.say(&FAILURE);
            }
        }
        None
    }

    fn list(&mut self, policy: &Policy, request: &[u8]) {
        self.counts.lists += 1;
        let is_listing = may_list(policy, &self.bindings).is_allowed()
            && self.ask(request).is_ok()
            && self.reply.first() == Some(&IDENTITIES_ANSWER);
        let bindings = &self.bindings;
        let kept = is_listing.then(|| {
            Identities::read(&self.reply).map(|list| list.kept(|key| is_listed(policy, bindings, key)))
        });
        match kept {
            Some(Ok(kept)) => self.reply = kept,
            Some(Err(_)) | None => self.say(&FAILURE),
        }
    }

    fn sign(&mut self, policy: &Policy, request: &[u8], key: &[u8], data: &[u8]) -> Option<Entry<'a>> {
        let (signed, key) = (Signed::classify(data, key), KeyBlob::of(key));
        let mut decision = decide(policy, &self.bindings, &key, &signed);
        // What is denied costs no token: a program that is refused cannot use up what another may sign.
        if decision.is_allowed() && !self.shared.take_token(self.seen.peer.uid, &key.fingerprint()) {
            decision = Decision::Deny { reason: Reason::TooOften(policy.rate) };
        }
        let shared = self.shared;
        // The place is there before there is a signature: no flood of other lines keeps its own from the record.
        let place = if decision.is_allowed() { shared.recorder.reserve() } else { None };
        let claims = OnceCell::new();
        let claim = || Claims::of(&key, &signed);
        let look = |seen: &Seen<'_>| {
            seen.kernel();
            let _ = claims.set(claim());
        };
        let asked = place.is_some().then(|| self.ask_and(request, look));
        let outcome = match asked {
            Some(Ok(())) if self.reply.first() == Some(&SIGN_RESPONSE) => "signed",
            Some(Ok(())) => "the agent refused",
            Some(Err(ref why)) => why.as_str(),
            None if decision.is_allowed() => "the record has no room",
            None => "refused",
        };
        if outcome != "signed" {
            self.say(&FAILURE);
        }
        let place = place.or_else(|| shared.recorder.share(self.seen.peer.uid, decision.reason().word()))?;
        let claims = claims.into_inner().unwrap_or_else(claim);
        let record =
            Record::sign(self.number, self.seen.kernel(), claims, self.bindings.is_forwarding(), &decision);
        Some((record.with_outcome(outcome), place))
    }

    /// The agent judges a bind, of every kind; it counts here when the agent has said SUCCESS. One that the agent is not
    /// asked for, since there were many, still says whether the connection is forwarded.
    fn bind(&mut self, request: &[u8], bind: &Bind<'_>) {
        self.counts.binds += 1;
        let is_asked = self.counts.binds <= MAX_SESSIONS as u64 && self.shared.take_bind(self.seen.peer.uid);
        if !is_asked {
            self.say(&FAILURE);
        }
        let verified = is_asked && self.ask(request).is_ok() && self.reply == SUCCESS;
        self.bindings.record(bind, verified);
        if self.reply != SUCCESS && self.reply != EXTENSION_FAILURE {
            self.say(&FAILURE);
        }
    }

    /// Asks the agent what gets no line of its own.
    fn ask(&mut self, request: &[u8]) -> Result<(), String> {
        let recorder = &self.shared.recorder;
        self.ask_and(request, |seen| {
            // Else the connection's line would be lost, too.
            if recorder.has_share(seen.peer.uid) {
                seen.kernel();
            }
        })
    }

    /// Asks the agent, and does something while that works. Where it does not answer the reply is FAILURE, and why.
    fn ask_and(&mut self, request: &[u8], meanwhile: impl FnOnce(&Seen<'_>)) -> Result<(), String> {
        let seen = &self.seen;
        self.agent.ask_and(&self.shared.agent, request, &mut self.reply, || meanwhile(seen)).map_err(|why| {
            self.say(&FAILURE);
            why.to_string()
        })
    }

    fn say(&mut self, body: &[u8]) {
        self.reply.clear();
        self.reply.extend_from_slice(body);
    }
}
