//! What is let through, and how it is framed.

use std::io::Write;
use std::net::Shutdown;

use crate::bench::{Bench, FAILURE, LIST, SIGN_RESPONSE, frame, read, sign, sshsig};
use crate::{USER, rule};

#[test]
fn every_other_type_is_answered_with_failure_and_never_reaches_the_agent() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve(&[rule(&key, r#""namespaces": ["git"]"#)]);
    let mut client = serve.connect(USER);
    for kind in (0..=255).filter(|kind| ![11, 13, 27].contains(kind)) {
        assert_eq!(client.ask(&[kind]), FAILURE, "{kind} without a body");
        assert_eq!(client.ask(&[kind, 0, 0, 0, 1, b'x']), FAILURE, "{kind} with a body");
    }
    for malformed in [&[13][..], &[27], &[11, 0], b"\x1b\0\0\0\x04quer", b"\x1b\0\0\0\x03foo"] {
        assert_eq!(client.ask(malformed), FAILURE, "{malformed:?}");
    }
    let query = client.ask(b"\x1b\0\0\0\x05query");
    assert!(query.ends_with(b"session-bind@openssh.com"), "{query:?}");
    assert_eq!(client.ask(&sign(&key.blob, &sshsig("git")))[0], SIGN_RESPONSE, "the key is still there");
    assert_eq!(bench.keys_of_the_agent(), 1);
}

#[test]
fn a_frame_is_as_long_as_openssh_takes_it_and_no_longer() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let longest = vec![200; 256 * 1024];
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&longest), FAILURE);
    for broken in [&[0, 0, 0, 0][..], &[0, 4, 0, 1], &[0xff; 4]] {
        let mut client = serve.connect(USER);
        client.stream.write_all(broken).expect("written");
        assert_eq!(read(&mut client.stream), None, "{broken:?}: closed");
    }
    for byte in frame(&LIST) {
        client.stream.write_all(&[byte]).expect("written");
    }
    assert_eq!(read(&mut client.stream).expect("a reply")[0], 12, "byte by byte");
}

#[test]
fn a_client_that_has_said_all_still_gets_every_reply() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let serve = bench.serve_at(&[rule(&key, r#""namespaces": ["git"]"#)], r#"{"burst": 100}"#);
    let mut client = serve.connect(USER);
    let request = frame(&sign(&key.blob, &sshsig("git")));
    client.stream.write_all(&request.repeat(100)).expect("written");
    client.stream.shutdown(Shutdown::Write).expect("shut");
    for number in 0..100 {
        assert_eq!(read(&mut client.stream).expect("a reply")[0], SIGN_RESPONSE, "{number}");
    }
    assert_eq!(read(&mut client.stream), None);
}
