//! The threads that take calls.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use serde_json::Value;

use super::call::{Call, Operation};
use super::fault::Fault;
use super::http::{self, Request};
use super::operations;
use super::refusal::Refusal;
use super::state::Shared;
use crate::running::DEADLINE;

/// As many calls are answered at a time; others wait to be accepted.
const THREADS: usize = 32;

/// Of the JSON protocol that `X-Amz-Target` belongs to.
const JSON: &str = "application/x-amz-json-1.1";

/// What moto says of an operation that it does not have.
const NOT_IMPLEMENTED: &str = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n\
    <h1>Internal Server Error</h1>\n<p>The server encountered an internal error and was unable to complete \
    your request. Either the server is overloaded or there is an error in the application.</p>\n";

/// The threads, and where they listen.
pub(super) struct Server {
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

/// An answer to a call.
struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
    whole: bool,
}

impl Server {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let start = |_| {
            let (listener, shared) = (listener.try_clone().expect("a descriptor"), Arc::clone(shared));
            thread::spawn(move || serve(&listener, &shared))
        };
        Self { address, threads: (0..THREADS).map(start).collect() }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all threads, once [`Shared::stop`] has it that they are to end.
    pub(super) fn join(&mut self) {
        for _ in &self.threads {
            // accept(2) has no bound of its own.
            let _ = TcpStream::connect(self.address);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.stop.is_now() {
        if let Ok((stream, _)) = listener.accept() {
            // A caller that has gone is no business of the endpoint's.
            let _ = converse(stream, shared);
        }
    }
}

fn converse(mut stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    if shared.stop.is_now() {
        return Ok(());
    }
    let Some(request) = http::read(&mut stream)? else { return Ok(()) };
    let Some(answer) = answer(&request, shared) else { return Ok(()) };
    let write = if answer.whole { http::write } else { http::write_half };
    write(&mut stream, answer.status, answer.kind, &answer.body)
}

/// The answer to a call; `None` when it is to have none.
fn answer(request: &Request, shared: &Arc<Shared>) -> Option<Answer> {
    let name = request.target.strip_prefix("AmazonSSM.");
    let Some(operation) = name.and_then(Operation::named) else {
        return Some(Answer::refused(400, &Refusal::new("UnknownOperationException", "")));
    };
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let fault = {
        let mut state = shared.state();
        state.calls.push(Call { operation, body: body.clone(), at: Instant::now() });
        state.faults.take(operation)
    };
    match fault {
        None => Some(Answer::of(operations::answer(shared, operation, &body))),
        Some(Fault::Error { status, code, message }) => {
            Some(Answer::refused(status, &Refusal { code, message }))
        }
        Some(Fault::NotImplemented) => {
            Some(Answer { status: 500, kind: "text/html", body: NOT_IMPLEMENTED.to_owned(), whole: true })
        }
        Some(Fault::Cut) => {
            let answer = Answer::of(operations::answer(shared, operation, &body));
            Some(Answer { whole: false, ..answer })
        }
        Some(Fault::Hang) => {
            shared.stop.within(DEADLINE);
            None
        }
    }
}

impl Answer {
    fn of(result: Result<Value, Refusal>) -> Self {
        match result {
            Ok(body) => Self::json(200, &body),
            Err(refusal) => Self::refused(400, &refusal),
        }
    }

    fn refused(status: u16, refusal: &Refusal) -> Self {
        Self::json(status, &refusal.body())
    }

    fn json(status: u16, body: &Value) -> Self {
        Self { status, kind: JSON, body: body.to_string(), whole: true }
    }
}
