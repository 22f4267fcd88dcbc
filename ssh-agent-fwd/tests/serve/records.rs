//! Where lines go, and what happens when they cannot go there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::bench::{Bench, FAILURE, LIST, PATIENCE, SIGN_RESPONSE, Serve, sign, sshsig};
use crate::{USER, rule};

/// The daemon of syslog(3), in a /dev of its own.
fn syslog(bench: &Bench) -> UnixDatagram {
    let daemon = UnixDatagram::bind(bench.folder().join("dev/log")).expect("bound");
    daemon.set_read_timeout(Some(PATIENCE)).expect("set");
    daemon
}

fn next(daemon: &UnixDatagram, serve: &Serve) -> serde_json::Value {
    let mut line = [0; 4096];
    let length = daemon.recv(&mut line).expect("a line");
    let line = std::str::from_utf8(&line[..length]).expect("words");
    // LOG_AUTHPRIV and LOG_INFO.
    let begins = format!("<86>ssh-agent-fwd[{}]: ", serve.pid());
    serde_json::from_str(line.strip_prefix(&begins).expect(line)).expect(line)
}

#[test]
fn syslog_gets_a_line_for_every_signature_and_connection() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    bench.write_policy(&[rule(&key, r#""namespaces": ["git"]"#)], "{}");
    fs::create_dir(bench.folder().join("dev")).expect("made");
    let daemon = syslog(&bench);
    let mut serve = bench.serve_with_dev(&["--record", "syslog"]);
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&sign(&key.blob, &sshsig("git")))[0], SIGN_RESPONSE);
    drop(client);
    let signed = next(&daemon, &serve);
    assert_eq!((&signed["event"], &signed["outcome"]), (&"sign".into(), &"signed".into()));
    assert_eq!(signed["kernel"]["uid"], USER);
    assert_eq!(next(&daemon, &serve)["event"], "connection");
    // Nobody reads the standard error of a daemon.
    bench.write_text("{");
    serve.hang_up("the policy of before stays");
    let told = next(&daemon, &serve);
    assert_eq!(told["event"], "told");
    assert!(told["words"].as_str().is_some_and(|words| words.starts_with("policy-invalid: ")), "{told}");
}

#[test]
fn nothing_is_signed_that_syslog_does_not_get_until_it_does_and_why_is_said() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let request = sign(&key.blob, &sshsig("git"));
    bench.write_policy(&[rule(&key, r#""namespaces": ["git"]"#)], "{}");
    fs::create_dir(bench.folder().join("dev")).expect("made");
    let mut serve = bench.serve_with_dev(&["--record", "syslog", "--record-required"]);
    let mut client = serve.connect(USER);
    for _ in 0..2 {
        assert_eq!(client.ask(&request), FAILURE, "there is no syslog");
    }
    serve.hear("record-failed: /dev/log: ENOENT");
    assert_eq!(client.ask(&LIST)[0], 12, "what needs no record goes on");
    let daemon = syslog(&bench);
    assert_eq!(client.ask(&request)[0], SIGN_RESPONSE);
    let lost = next(&daemon, &serve);
    assert_eq!((&lost["event"], &lost["lines"]), (&"lost".into(), &2.into()));
    assert!(lost["why"].as_str().is_some_and(|why| why.starts_with("/dev/log: ")), "{lost}");
    assert_eq!(next(&daemon, &serve)["outcome"], "signed");
}

#[test]
fn a_disk_that_is_full_stops_signatures_only_where_a_record_is_required() {
    for (words, kind) in [(&["--record-required"][..], FAILURE[0]), (&[], SIGN_RESPONSE)] {
        let Some(bench) = Bench::new() else { return };
        let key = bench.add_key("one");
        bench.write_policy(&[rule(&key, r#""namespaces": ["git"]"#)], "{}");
        let full = Stdio::from(File::options().write(true).open("/dev/full").expect("opened"));
        let serve = bench.serve_by_policy_saying(full, words);
        assert_eq!(serve.connect(USER).ask(&sign(&key.blob, &sshsig("git")))[0], kind, "{words:?}");
        serve.end();
    }
}

#[test]
fn a_record_that_is_required_is_written_before_the_reply() {
    let Some(bench) = Bench::new() else { return };
    let (mut reader, writer) = io::pipe().expect("a pipe");
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("set");
    bench.write_policy(&[], "{}");
    let serve = bench.serve_by_policy_saying(Stdio::from(writer), &["--record-required"]);
    let mut client = serve.connect(USER);
    let (request, mut words) = (sign(b"no key", &[7; 32]), [0; 4096]);
    // What it has said before.
    let _ = reader.read(&mut words);
    for number in 0..100 {
        assert_eq!(client.ask(&request), FAILURE);
        let length = reader.read(&mut words).unwrap_or_else(|error| panic!("{number}: {error}"));
        let line = String::from_utf8_lossy(&words[..length]);
        assert!(line.contains(r#""event":"sign""#) && line.ends_with('\n'), "{number}: {line}");
    }
}
