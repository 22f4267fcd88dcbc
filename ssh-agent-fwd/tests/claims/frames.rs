//! What passes the forwarder, seen from the agent's side: by a relay that keeps every byte of every connection.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::serving::{
    Bench, FAILURE, LIST, SIGN_RESPONSE, bind, eventually, frame, login_in, read, sign, sshsig,
};
use crate::{USER, serving};

/// What went to the agent and what came from it, on one connection.
#[derive(Default)]
struct Tape {
    requests: Mutex<Vec<u8>>,
    replies: Mutex<Vec<u8>>,
}

type Tapes = Arc<Mutex<Vec<Arc<Tape>>>>;

/// Takes the place of the agent's socket.
fn record(bench: &Bench) -> Tapes {
    let place = bench.agent_socket();
    let real = place.with_file_name("real.sock");
    fs::rename(&place, &real).expect("renamed");
    let listener = UnixListener::bind(&place).expect("bound");
    let tapes = Tapes::default();
    let kept = Arc::clone(&tapes);
    // It ends with the test's process.
    thread::spawn(move || {
        for client in listener.incoming() {
            let tape = Arc::new(Tape::default());
            kept.lock().expect("whole").push(Arc::clone(&tape));
            relay(client.expect("a client"), &real, tape);
        }
    });
    tapes
}

fn relay(client: UnixStream, real: &Path, tape: Arc<Tape>) {
    let Ok(agent) = UnixStream::connect(real) else { return };
    let (from, to) = (client.try_clone().expect("cloned"), agent.try_clone().expect("cloned"));
    let other = Arc::clone(&tape);
    thread::spawn(move || pass(from, to, &other.requests));
    thread::spawn(move || pass(agent, client, &tape.replies));
}

fn pass(mut from: UnixStream, mut to: UnixStream, tape: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        tape.lock().expect("whole").extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn rule(key: &serving::Key, more: &str) -> String {
    format!(r#"{{"key": "{}", {more}}}"#, key.line)
}

#[test]
fn the_agent_gets_the_bytes_of_the_client_for_what_is_allowed_and_nothing_of_the_rest() {
    let Some(bench) = Bench::new() else { return };
    let (key, other) = (bench.add_key("one"), bench.add_key("two"));
    let tapes = record(&bench);
    let more = r#""users": ["git"], "any_host": true, "namespaces": ["git"]"#;
    let serve = bench.serve(&[rule(&key, more)]);
    let with_flags = |flags: [u8; 4]| {
        let mut request = sign(&key.blob, &sshsig("git"));
        let length = request.len();
        request[length - 4..].copy_from_slice(&flags);
        request
    };
    let session = [1; 32];
    let allowed = [
        LIST.to_vec(),
        bind(&other.blob, &session, b"forged", 0),
        sign(&key.blob, &sshsig("git")),
        sign(&key.blob, &login_in(&session, &key.blob, "git", Some(&other.blob))),
        with_flags([0, 0, 0, 2]),
        with_flags([0xff; 4]),
    ];
    let denied = [
        vec![19],
        vec![9],
        vec![22],
        vec![11, 0],
        b"\x1b\0\0\0\x05query".to_vec(),
        sign(&other.blob, &sshsig("git")),
        sign(&key.blob, &sshsig("file")),
        sign(&key.blob, &[7; 32]),
        sign(&key.blob, &login_in(&session, &key.blob, "root", Some(&other.blob))),
    ];
    let before = tapes.lock().expect("whole").len();
    let mut client = serve.connect(USER);
    let mut replies = Vec::new();
    for request in &allowed {
        for refused in &denied {
            client.ask(refused);
        }
        // In two pieces, neither of which is a frame.
        let whole = frame(request);
        let (first, rest) = whole.split_at(whole.len() / 2);
        client.stream.write_all(first).expect("written");
        client.stream.write_all(rest).expect("written");
        replies.push(read(&mut client.stream).expect("a reply"));
    }
    let mut idle = serve.connect(USER);
    assert_eq!(idle.ask(&LIST)[0], 12);
    let tapes = tapes.lock().expect("whole");
    assert_eq!(tapes.len() - before, 2, "one connection for each client's");
    let tape = &tapes[before];
    let expected: Vec<u8> = allowed.iter().flat_map(|request| frame(request)).collect();
    assert!(
        *tape.requests.lock().expect("whole") == expected,
        "the agent gets other bytes than the client sent"
    );
    let came = tape.replies.lock().expect("whole").clone();
    // The list is the forwarder's, without the other key; all others are the agent's.
    let passed: Vec<u8> = replies[1..].iter().flat_map(|reply| frame(reply)).collect();
    assert!(came.ends_with(&passed), "the client gets other bytes than the agent sent");
    assert_eq!(replies[2][0], SIGN_RESPONSE);
    drop((client, idle));
}

#[test]
fn a_client_that_is_not_let_in_is_not_heard_of_by_the_agent() {
    let Some(bench) = Bench::new() else { return };
    let tapes = record(&bench);
    let serve = bench.serve_with(&["--allow-user", &USER.to_string(), "--mode", "666"]);
    let before = tapes.lock().expect("whole").len();
    for uid in [USER + 1, 0, 65_534] {
        let mut client = serve.connect(uid);
        let _ = client.stream.write_all(&frame(&LIST));
        assert_eq!(read(&mut client.stream), None, "{uid}");
    }
    assert_eq!(tapes.lock().expect("whole").len(), before);
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
    assert_eq!(tapes.lock().expect("whole").len(), before + 1);
}

#[test]
fn an_agent_that_is_killed_while_it_works_is_a_failure_or_an_end_and_the_next_connection_is_served() {
    let Some(mut bench) = Bench::confirming() else { return };
    let key = bench.add_key_to_confirm("one");
    let serve = bench.serve(&[rule(&key, r#""namespaces": ["git"]"#)]);
    let mut client = serve.connect(USER);
    client.stream.write_all(&frame(&sign(&key.blob, &sshsig("git")))).expect("written");
    // It waits for a person, in the middle of the request.
    let question = bench.question();
    let agent = Pid::from_raw(bench.agent_pid().try_into().expect("a pid"));
    kill(agent, Signal::SIGKILL).expect("killed");
    // The program that asks has the agent's connections open.
    question.confirm();
    let reply = read(&mut client.stream);
    assert!(reply.as_deref().is_none_or(|reply| reply == FAILURE), "{reply:?}");
    bench.kill_agent();
    bench.start_agent();
    eventually("the next is served", || serve.connect(USER).ask(&LIST) == [12, 0, 0, 0, 0]);
}
