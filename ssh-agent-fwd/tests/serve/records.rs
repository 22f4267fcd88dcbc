//! Where lines go, and what happens when they cannot go there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use crate::bench::{Bench, FAILURE, LIST, PATIENCE, SIGN_RESPONSE, Serve, frame, sign, sshsig};
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
    assert_eq!((&told["event"], &told["outcome"]), (&"policy".into(), &"refused".into()));
    assert_eq!(told["code"], "policy-invalid");
}

#[test]
fn nothing_is_signed_that_syslog_does_not_get_until_it_does_and_why_is_said() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let request = sign(&key.blob, &sshsig("git"));
    bench.write_policy(&[rule(&key, r#""namespaces": ["git"]"#)], "{}");
    fs::create_dir(bench.folder().join("dev")).expect("made");
    let daemon = syslog(&bench);
    let mut serve = bench.serve_with_dev(&["--record", "syslog", "--record-required"]);
    drop(daemon);
    fs::remove_file(bench.folder().join("dev/log")).expect("removed");
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
fn a_syslog_that_is_not_there_is_said_at_once_and_used_as_soon_as_it_is() {
    let Some(bench) = Bench::new() else { return };
    bench.write_policy(&[], "{}");
    fs::create_dir(bench.folder().join("dev")).expect("made");
    let mut serve = bench.serve_with_dev(&["--record", "syslog"]);
    serve.hear("record-unavailable: /dev/log: ");
    let refused = sign(b"no key", &[7; 32]);
    assert_eq!(serve.connect(USER).ask(&refused), FAILURE);
    serve.hear("record-failed: /dev/log: ENOENT");
    let daemon = syslog(&bench);
    assert_eq!(serve.connect(USER).ask(&refused), FAILURE);
    let lost = next(&daemon, &serve);
    assert_eq!(lost["event"], "lost", "{lost}");
    serve.signal(Signal::SIGHUP);
    let read = std::iter::repeat_with(|| next(&daemon, &serve)).find(|line| line["event"] == "policy");
    assert_eq!(read.expect("endless")["outcome"], "read");
}

#[test]
fn nobody_is_served_without_the_syslog_that_is_required() {
    let Some(bench) = Bench::new() else { return };
    bench.write_policy(&[], "{}");
    fs::create_dir(bench.folder().join("dev")).expect("made");
    let said = bench.refused_with_dev(&["--record", "syslog", "--record-required"]);
    assert!(said.contains("record-unavailable: /dev/log: "), "{said}");
}

#[test]
fn what_comes_of_a_policy_that_is_read_again_is_in_the_record() {
    let Some(bench) = Bench::new() else { return };
    bench.write_policy(&[], "{}");
    let mut serve = bench.serve_by_policy(&[]);
    serve.hang_up(r#""event":"policy","outcome":"read""#);
    bench.write_text("{");
    serve.hang_up(r#""event":"policy","outcome":"refused","code":"policy-invalid""#);
}

/// Asks for signatures that are denied, without a pause, until the program has gone.
fn flood(serve: &Serve) {
    let mut client = serve.connect(USER);
    let requests = frame(&sign(b"no key", &[7; 32])).repeat(200);
    let mut replies = client.stream.try_clone().expect("cloned");
    thread::spawn(move || io::copy(&mut replies, &mut io::sink()));
    thread::spawn(move || while client.stream.write_all(&requests).is_ok() {});
}

#[test]
fn no_flood_of_requests_hides_a_signature_or_what_another_user_asks() {
    for words in [&["--mode", "666"][..], &["--mode", "666", "--record-required"]] {
        survives_a_flood(words);
    }
}

fn survives_a_flood(words: &[&str]) {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let rule = rule(&key, r#""namespaces": ["git"]"#);
    let (rate, other) = (r#"{"burst": 1000, "per_s": 1000}"#, USER + 1);
    bench.write_text(&format!(
        r#"{{"clients": [{{"uid": {USER}}}, {{"uid": {other}}}], "keys": [{rule}], "rate": {rate}}}"#
    ));
    let record = bench.folder().join("record");
    let file = File::create(&record).expect("made");
    let serve = bench.serve_by_policy_saying(Stdio::from(file), words);
    for _ in 0..16 {
        flood(&serve);
    }
    let mut client = serve.connect(USER);
    for number in 0..100 {
        assert_eq!(client.ask(&sign(&key.blob, &sshsig("git")))[0], SIGN_RESPONSE, "{number}");
        assert_eq!(serve.connect(other).ask(&sign(b"no key", &[7; 32])), FAILURE, "{number}");
    }
    serve.end();
    let record = fs::read_to_string(record).expect("read");
    let lines: Vec<serde_json::Value> =
        record.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |event: &str, uid: u32, outcome: &str| {
        let is = |line: &&serde_json::Value| {
            line["event"] == event && line["kernel"]["uid"] == uid && line["outcome"] == outcome
        };
        lines.iter().filter(is).count()
    };
    assert_eq!(of("sign", USER, "signed"), 100);
    assert_eq!(of("sign", other, "refused"), 100);
    let refused = of("sign", USER, "refused");
    assert!(refused < 2000, "{words:?}: {refused}: a flood does not fill the record");
    let lost: Vec<_> = lines.iter().filter(|line| line["event"] == "lost").collect();
    assert!(!lost.is_empty() && lost.iter().all(|line| line["uid"] == USER), "{lost:?}");
    assert!(lost[0]["reasons"]["key-not-listed"].as_u64().is_some_and(|lines| lines > 0), "{lost:?}");
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
