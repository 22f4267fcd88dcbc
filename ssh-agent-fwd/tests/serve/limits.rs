//! What clients can take up.

use std::io::{Read, Write};
use std::time::Instant;

use crate::bench::{Bench, Client, FAILURE, LIST, PATIENCE, SIGN_RESPONSE, frame, read, sign, sshsig};
use crate::{USER, rule};

#[test]
fn idle_clients_take_up_what_they_may_and_whoever_comes_then_is_told_by_a_closed_connection() {
    let Some(bench) = Bench::new() else { return };
    let limits = r#""limits": {"connections": 20, "connections_per_uid": 12}"#;
    let (one, two) = (USER, USER + 1);
    bench
        .write_text(&format!(r#"{{"clients": [{{"uid": {one}}}, {{"uid": {two}}}], "keys": [], {limits}}}"#));
    let serve = bench.serve_by_policy(&["--mode", "666"]);
    // The answer says that the client has its seat.
    let seated = |uid| {
        let mut client = serve.connect(uid);
        assert_eq!(client.ask(&LIST)[0], 12);
        client
    };
    let mut clients: Vec<Client> = (0..12).map(|_| seated(one)).collect();
    assert_eq!(read(&mut serve.connect(one).stream), None, "this user has its share");
    clients.extend((0..8).map(|_| seated(two)));
    assert_eq!(read(&mut serve.connect(two).stream), None, "all have theirs");
    for client in &mut clients {
        assert_eq!(client.ask(&LIST)[0], 12, "those who are there are served");
    }
    clients.clear();
    // A seat is free when the other end has seen that it was left.
    let until = Instant::now() + PATIENCE;
    while read_list(&mut serve.connect(one)).is_none() {
        assert!(Instant::now() < until, "a seat that was left is never free");
    }
}

fn read_list(client: &mut Client) -> Option<Vec<u8>> {
    client.stream.write_all(&frame(&LIST)).ok()?;
    read(&mut client.stream)
}

#[test]
fn a_client_that_rests_or_dawdles_for_too_long_is_sent_away() {
    let Some(bench) = Bench::new() else { return };
    let limits = r#""limits": {"idle_s": 1, "stall_s": 1}"#;
    bench.write_text(&format!(r#"{{"clients": [{{"uid": {USER}}}], "keys": [], {limits}}}"#));
    let serve = bench.serve_by_policy(&[]);
    let (mut idle, mut slow) = (serve.connect(USER), serve.connect(USER));
    slow.stream.write_all(&[0, 0, 0]).expect("a part of a length");
    assert_eq!(read(&mut idle.stream), None);
    assert_eq!(read(&mut slow.stream), None);
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
}

#[test]
fn clients_that_sign_at_once_get_their_own_replies() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve_at(&[rule(&key, r#""namespaces": ["git"]"#)], r#"{"burst": 1000}"#);
    let request = sign(&key.blob, &sshsig("git"));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let mut client = serve.connect(USER);
            let request = &request;
            scope.spawn(move || {
                for _ in 0..10 {
                    assert_eq!(client.ask(request)[0], SIGN_RESPONSE);
                    assert_eq!(client.ask(&[22]), FAILURE);
                    assert_eq!(client.ask(&LIST)[0], 12);
                }
            });
        }
    });
}

#[test]
fn nobody_waits_for_a_log_that_stalls_and_the_lines_that_are_lost_are_counted() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let mut client = serve.connect(USER);
    let refused = sign(b"no key", &[7; 32]);
    // Nobody reads what it says until it ends: more than a pipe and the queue hold.
    for number in 0..3000 {
        assert_eq!(client.ask(&refused), FAILURE, "{number}");
    }
    let said = serve.end();
    let lost = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["lines"].as_u64();
    let lost: u64 = said.lines().filter_map(lost).sum();
    let written = said.matches(r#""event":"sign""#).count() as u64;
    assert!(lost > 0 && written > 0, "{lost} lost, {written} written");
    assert!(
        (3000..=3001).contains(&(lost + written)),
        "{lost} lost, {written} written: every one is accounted for"
    );
}

#[test]
fn with_256_idle_clients_the_next_one_is_sent_away_and_those_who_are_there_are_served() {
    let Some(bench) = Bench::new() else { return };
    let users = [USER, USER + 1, USER + 2].map(|uid| format!(r#"{{"uid": {uid}}}"#)).join(", ");
    bench.write_text(&format!(r#"{{"clients": [{users}], "keys": []}}"#));
    let serve = bench.serve_by_policy(&["--mode", "666"]);
    let mut clients: Vec<Client> = (0..256).map(|number| serve.connect(USER + number / 128)).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&LIST)[0], 12);
    }
    assert_eq!(read_list(&mut serve.connect(USER + 2)), None, "the 257th");
    for client in &mut clients {
        assert_eq!(client.ask(&LIST)[0], 12);
    }
    drop(clients);
    assert!(serve.end().contains(r#""reason":"too-many-connections""#));
}

#[test]
fn a_client_that_asks_much_and_reads_slowly_gets_every_reply_in_order() {
    const COUNT: usize = 2000;
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve_at(&[rule(&key, r#""namespaces": ["git"]"#)], r#"{"burst": 100000}"#);
    let mut client = serve.connect(USER);
    let mut writer = client.stream.try_clone().expect("cloned");
    let [signed, denied] = ["git", "file"].map(|namespace| frame(&sign(&key.blob, &sshsig(namespace))));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..COUNT {
                writer.write_all(if number % 3 == 0 { &denied } else { &signed }).expect("written");
            }
        });
        for number in 0..COUNT {
            let mut length = [0; 4];
            length.iter_mut().for_each(|byte| *byte = one_byte(&mut client));
            let body: Vec<u8> = (0..u32::from_be_bytes(length)).map(|_| one_byte(&mut client)).collect();
            let expected = if number % 3 == 0 { FAILURE[0] } else { SIGN_RESPONSE };
            assert_eq!(body.first(), Some(&expected), "{number}");
        }
    });
}

fn one_byte(client: &mut Client) -> u8 {
    let mut byte = [0];
    client.stream.read_exact(&mut byte).expect("a byte");
    byte[0]
}

#[test]
fn while_a_person_is_asked_what_needs_no_agent_is_answered_and_the_rest_when_the_person_has() {
    let Some(bench) = Bench::confirming() else { return };
    let (asked, other) = (bench.add_key_to_confirm("one"), bench.add_key("two"));
    let serve =
        bench.serve(&[rule(&asked, r#""namespaces": ["git"]"#), rule(&other, r#""namespaces": ["git"]"#)]);
    let mut waiting = serve.connect(USER);
    waiting.stream.write_all(&frame(&sign(&asked.blob, &sshsig("git")))).expect("written");
    let question = bench.question();
    let mut clients: Vec<Client> = (0..8).map(|_| serve.connect(USER)).collect();
    for client in &mut clients {
        // ssh-agent has one thread, which waits for the person: who needs it waits with it.
        assert!(client.ask(b"\x1b\0\0\0\x05query").ends_with(b"session-bind@openssh.com"));
        assert_eq!(client.ask(&sign(&other.blob, &sshsig("file"))), FAILURE);
        client.stream.write_all(&frame(&LIST)).expect("written");
    }
    question.confirm();
    assert_eq!(read(&mut waiting.stream).expect("a reply")[0], SIGN_RESPONSE);
    for client in &mut clients {
        assert_eq!(read(&mut client.stream).expect("a reply")[0], 12);
    }
}

#[test]
fn clients_that_send_a_length_byte_by_byte_keep_nobody_from_being_served() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let mut slow: Vec<Client> = (0..100).map(|_| serve.connect(USER)).collect();
    for byte in [0, 0, 0] {
        for client in &mut slow {
            client.stream.write_all(&[byte]).expect("written");
        }
        assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
    }
    for client in &mut slow {
        client.stream.write_all(&[1, 11]).expect("written");
        assert_eq!(read(&mut client.stream).expect("a reply")[0], 12);
    }
}
