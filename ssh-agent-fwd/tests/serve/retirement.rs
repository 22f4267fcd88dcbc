//! The end, for the sake of another instance or of the operator.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;

use nix::sys::signal::Signal;

use crate::bench::{Bench, LIST, SIGN_RESPONSE, eventually, frame, read, sign, sshsig};
use crate::{USER, rule};

#[test]
fn an_instance_that_retires_serves_who_is_there_and_who_waits_and_nobody_after_them() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let mut seated = serve.connect(USER);
    assert_eq!(seated.ask(&LIST)[0], 12);
    // While it is stopped nobody is let in.
    serve.signal(Signal::SIGSTOP);
    let mut waiting: Vec<_> = (0..20).map(|_| serve.connect(USER)).collect();
    for client in &mut waiting {
        client.stream.write_all(&frame(&LIST)).expect("written");
    }
    serve.signal(Signal::SIGUSR1);
    serve.signal(Signal::SIGCONT);
    eventually("the name goes", || !bench.socket().exists());
    for client in &mut waiting {
        assert_eq!(read(&mut client.stream).expect("a reply")[0], 12);
    }
    assert_eq!(seated.ask(&LIST)[0], 12, "an open connection goes on");
    drop(waiting);
    drop(seated);
    let said = serve.wait();
    assert!(said.contains(r#""end":"closed""#), "{said}");
}

#[test]
fn an_instance_that_retires_does_not_wait_for_an_idle_client_for_ever() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let mut idle = serve.connect(USER);
    assert_eq!(idle.ask(&LIST)[0], 12);
    serve.retire();
    assert_eq!(read(&mut idle.stream), None);
}

#[test]
fn a_successor_has_the_name_and_its_predecessor_takes_no_socket_away_that_was_renamed() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let public = bench.folder().join("renamed.sock");
    fs::rename(bench.socket(), &public).expect("renamed");
    let _successor = UnixListener::bind(bench.socket()).expect("the name is free");
    for signal in [Signal::SIGUSR1, Signal::SIGTERM] {
        serve.signal(signal);
    }
    serve.wait();
    for socket in [bench.socket(), public] {
        assert!(fs::symlink_metadata(socket).expect("there").file_type().is_socket());
    }
}

#[test]
fn a_signature_that_is_being_made_is_given_out_before_the_end() {
    let Some(bench) = Bench::confirming() else { return };
    let key = bench.add_key_to_confirm("one");
    let serve = bench.serve(&[rule(&key, r#""namespaces": ["git"]"#)]);
    let mut client = serve.connect(USER);
    client.stream.write_all(&frame(&sign(&key.blob, &sshsig("git")))).expect("written");
    let question = bench.question();
    serve.signal(Signal::SIGTERM);
    eventually("the name goes", || !bench.socket().exists());
    question.confirm();
    assert_eq!(read(&mut client.stream).expect("a reply")[0], SIGN_RESPONSE);
    assert!(serve.wait().contains(r#""outcome":"signed""#));
}
