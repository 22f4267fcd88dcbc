use super::*;
use crate::policy::tests::{GIT, OTHER_HOST, key, policy};
use crate::wire::captured::{self, bytes};
use crate::wire::cursor::put_string;
use crate::wire::frame::write_frame;

/// A session that is bound to a host.
const SESSION: &[u8] = b"session";

/// These messages on the wire.
fn wire(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    bodies.iter().for_each(|body| write_frame(&mut stream, body).expect("written"));
    stream
}

/// `session-bind@openssh.com`.
fn bind(host: &str, is_forwarding: bool) -> Vec<u8> {
    let mut body = vec![27];
    for field in [&b"session-bind@openssh.com"[..], key(host).as_bytes(), SESSION, b"signature"] {
        put_string(&mut body, field);
    }
    body.push(u8::from(is_forwarding));
    body
}

/// A request to sign a plain login as git with the key of the policy.
fn sign() -> Vec<u8> {
    let mine = key("mine");
    let mut data = Vec::new();
    put_string(&mut data, SESSION);
    data.push(50);
    for text in ["git", "ssh-connection", "publickey"] {
        put_string(&mut data, text.as_bytes());
    }
    data.push(1);
    put_string(&mut data, b"ssh-ed25519");
    put_string(&mut data, mine.as_bytes());
    let mut body = vec![13];
    put_string(&mut body, mine.as_bytes());
    put_string(&mut body, &data);
    body.extend_from_slice(&[0; 4]);
    body
}

fn list() -> Vec<u8> {
    vec![11]
}

/// What is read of these bytes.
fn read(bytes: &[u8], binds: Binds) -> Capture {
    Capture::read(bytes, &policy(), binds)
}

/// The words for what would become of the requests.
fn reasons(capture: &Capture) -> Vec<&str> {
    let reason = |request: &'_ Captured| match &request.said {
        Said::Sign(explanation) => explanation.reason,
        Said::Malformed { reason, .. } => reason,
    };
    capture.requests.iter().map(reason).collect()
}

#[test]
fn a_bind_counts_as_the_operator_takes_it_and_a_forwarded_one_in_any_case() {
    for (host, is_forwarding, binds, expected) in [
        (GIT, false, Binds::Verified, "session-bound"),
        (GIT, false, Binds::Unverified, "not-bound"),
        (OTHER_HOST, false, Binds::Verified, "host-not-allowed"),
        (GIT, true, Binds::Verified, "forwarded"),
        (GIT, true, Binds::Unverified, "forwarded"),
    ] {
        let capture = read(&wire(&[bind(host, is_forwarding), list(), sign()]), binds);
        assert_eq!(reasons(&capture), [expected], "{host} {is_forwarding} {binds:?}");
        assert_eq!((capture.messages, capture.session_binds), (3, 1));
        assert_eq!(capture.failure().is_none(), expected == "session-bound");
    }
}

#[test]
fn what_came_before_the_bind_is_judged_without_it() {
    let capture = read(&wire(&[sign(), bind(GIT, false), sign()]), Binds::Verified);
    assert_eq!(reasons(&capture), ["not-bound", "session-bound"]);
    assert_eq!(capture.failure().map(|failure| failure.code), Some("denied"));
}

#[test]
fn a_request_that_goes_on_after_its_end_is_told_with_its_place() {
    let mut longer = sign();
    longer.push(0);
    let first = wire(&[list(), bind(GIT, false)]);
    let capture = read(&[&first[..], &wire(&[longer])].concat(), Binds::Verified);
    assert_eq!(reasons(&capture), ["malformed-sign"]);
    let request = &capture.requests[0];
    assert_eq!((request.message, request.offset), (3, first.len() as u64));
    assert!(!request.said.is_allowed());
    assert_eq!(capture.failure().map(|failure| failure.code), Some("denied"));
}

#[test]
fn a_bind_that_cannot_be_read_makes_the_connection_a_forwarded_one() {
    let mut cut = bind(GIT, false);
    cut.pop();
    let capture = read(&wire(&[cut, sign()]), Binds::Verified);
    assert_eq!(reasons(&capture), ["malformed-session-bind", "forwarded"]);
}

#[test]
fn bytes_that_are_no_messages_are_told_with_their_place_and_what_came_before_is_kept() {
    let whole = wire(&[bind(GIT, false), sign()]);
    let place = format!("byte {}", whole.len());
    for (rest, code) in [
        (&b"\0\0\0\0"[..], "frame-empty"),
        (b"\0\0\0\x09abc", "frame-closed"),
        (b"\0\0", "frame-closed"),
        (b"\xff\xff\xff\xff", "frame-too-long"),
        (b"GET / HTTP/1.1", "frame-too-long"),
    ] {
        let capture = read(&[&whole[..], rest].concat(), Binds::Verified);
        let failure = capture.failure().expect(code);
        assert_eq!(failure.code, code);
        assert!(failure.error.contains(&place), "{failure}");
        assert_eq!(reasons(&capture), ["session-bound"]);
    }
}

#[test]
fn a_capture_without_a_sign_request_is_no_answer() {
    for bodies in [&[][..], &[list()], &[bind(GIT, false), list(), vec![17, 1]]] {
        let failure = read(&wire(bodies), Binds::Verified).failure().expect("nothing to check");
        assert_eq!(failure.code, "no-sign-request");
        assert!(failure.error.contains(&format!("among the {} messages", bodies.len())), "{failure}");
    }
}

#[test]
fn what_openssh_sent_is_read() {
    let messages = [captured::BIND, captured::HOSTBOUND_LOGIN, captured::GIT_SIGNATURE].map(bytes);
    let capture = read(&wire(&messages), Binds::Verified);
    assert_eq!(reasons(&capture), ["key-not-listed", "key-not-listed"]);
    let Said::Sign(login) = &capture.requests[0].said else { panic!("no request") };
    assert_eq!((login.class, login.user.as_deref()), ("userauth", Some("root")));
    assert!(login.bound_host_key.is_some() && login.bound_host_key == login.signed_host_key);
}

#[test]
fn what_is_read_is_bounded() {
    let lists = wire(&[list()]).repeat(1024);
    let mut many = Vec::new();
    while many.len() as u64 <= MAX_CAPTURE {
        many.extend_from_slice(&lists);
    }
    let failure = read(&many, Binds::Verified).failure().expect("too long");
    assert_eq!(failure.code, "capture-too-long");
    let capture = read(&wire(&[sign()]).repeat(MAX_REQUESTS + 1), Binds::Verified);
    assert_eq!(
        (capture.failure().map(|why| why.code), capture.requests.len()),
        (Some("capture-too-long"), MAX_REQUESTS)
    );
}
