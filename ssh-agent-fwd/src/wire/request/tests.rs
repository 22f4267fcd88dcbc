//! Requests, those of real clients first.

use proptest::prelude::*;

use super::*;
use crate::wire::captured::{self, bytes};
use crate::wire::cursor::put_string;

/// A message of this type with these strings, and these bytes after them.
fn message(kind: u8, strings: &[&[u8]], last: &[u8]) -> Vec<u8> {
    let mut body = vec![kind];
    strings.iter().for_each(|string| put_string(&mut body, string));
    body.extend_from_slice(last);
    body
}

fn signing(key: &[u8], data: &[u8], flags: u32) -> Vec<u8> {
    message(SIGN_REQUEST, &[key, data], &flags.to_be_bytes())
}

fn binding(bind: &Bind<'_>, flag: u8) -> Vec<u8> {
    message(EXTENSION, &[SESSION_BIND, bind.host_key, bind.session, bind.signature], &[flag])
}

/// A request as its sender writes it; `None` where the rest is not known.
fn written(request: &Request<'_>) -> Option<Vec<u8>> {
    match request {
        Request::List => Some(vec![REQUEST_IDENTITIES]),
        Request::Sign { key, data, flags } => Some(signing(key, data, *flags)),
        Request::Bind(bind) => Some(binding(bind, bind.is_forwarding.into())),
        Request::Query => Some(message(EXTENSION, &[QUERY], &[])),
        Request::Other(_) => None,
    }
}

#[test]
fn what_real_clients_ask_is_understood() {
    assert_eq!(Request::parse(&[11]), Ok(Request::List));
    for (hex, key, data) in [
        (captured::HOSTBOUND_LOGIN, 51, 260),
        (captured::PLAIN_LOGIN, 51, 179),
        (captured::CERTIFICATE_LOGIN, 336, 566),
        (captured::GIT_SIGNATURE, 51, 95),
        (captured::FILE_SIGNATURE, 51, 64),
        (captured::CERTIFICATE_SIGNATURE, 51, 397),
    ] {
        let body = bytes(hex);
        let request = Request::parse(&body).expect("a request");
        let Request::Sign { key: signer, data: signed, flags: 0 } = request else { panic!("{request:?}") };
        assert_eq!((signer.len(), signed.len()), (key, data));
        assert_eq!(written(&request), Some(body));
    }
    for (hex, forwarding) in [(captured::BIND, false), (captured::FORWARDING_BIND, true)] {
        let body = bytes(hex);
        let request = Request::parse(&body).expect("a request");
        let Request::Bind(bind) = request else { panic!("{request:?}") };
        assert_eq!((bind.host_key.len(), bind.session.len(), bind.signature.len()), (51, 64, 83));
        assert_eq!(bind.is_forwarding, forwarding);
        assert_eq!(written(&request), Some(body));
    }
}

#[test]
fn every_other_type_is_other_whatever_follows_it() {
    for kind in (0..=u8::MAX).filter(|kind| ![REQUEST_IDENTITIES, SIGN_REQUEST, EXTENSION].contains(kind)) {
        for rest in [&b""[..], b"\0\0\0\x01a", b"\xff\xff\xff\xff"] {
            let body = [&[kind], rest].concat();
            assert_eq!(Request::parse(&body), Ok(Request::Other(kind)), "{body:?}");
        }
    }
}

#[test]
fn an_extension_is_known_by_its_whole_name() {
    assert_eq!(Request::parse(&message(EXTENSION, &[QUERY], &[])), Ok(Request::Query));
    for name in [
        &b""[..],
        b"Query",
        b"query\0",
        b"session-bind",
        b"session-bind@openssh.co",
        b"session-bind@openssh.com\0",
        b"Session-Bind@openssh.com",
        b"restrict-destination-v00@openssh.com",
        b"\xff",
    ] {
        let body = message(EXTENSION, &[name], b"anything");
        assert_eq!(Request::parse(&body), Ok(Request::Other(EXTENSION)), "{name:?}");
    }
}

#[test]
fn every_flag_of_a_bind_but_0_asks_for_forwarding() {
    let body = bytes(captured::BIND);
    let Ok(Request::Bind(bind)) = Request::parse(&body) else { panic!("no bind") };
    for flag in 0..=u8::MAX {
        let said = Bind { is_forwarding: flag != 0, ..bind };
        assert_eq!(Request::parse(&binding(&bind, flag)), Ok(Request::Bind(said)));
    }
}

#[test]
fn empty_fields_are_fields() {
    assert_eq!(Request::parse(&signing(b"", b"", 0)), Ok(Request::Sign { key: b"", data: b"", flags: 0 }));
    let empty = Bind { host_key: b"", session: b"", signature: b"", is_forwarding: false };
    assert_eq!(Request::parse(&binding(&empty, 0)), Ok(Request::Bind(empty)));
}

#[test]
fn a_request_that_goes_on_or_ends_too_early_is_refused() {
    let malformed = |message, flaw| Err(Malformed { message, flaw });
    for (whole, name) in [
        (vec![REQUEST_IDENTITIES], Message::List),
        (bytes(captured::GIT_SIGNATURE), Message::Sign),
        (bytes(captured::BIND), Message::Bind),
        (message(EXTENSION, &[QUERY], &[]), Message::Query),
    ] {
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(Request::parse(&longer), malformed(name, Flaw::LeftOver), "{name:?}");
        let named = if whole[0] == EXTENSION { 5 + whole[4] as usize } else { 1 };
        for end in 1..whole.len() {
            let name = if end < named { Message::Extension } else { name };
            assert_eq!(Request::parse(&whole[..end]), malformed(name, Flaw::CutShort), "{name:?} {end}");
        }
    }
    assert_eq!(Request::parse(&[]), malformed(Message::Request, Flaw::CutShort));
}

#[test]
fn a_length_past_the_frame_is_refused() {
    for length in [4_u32, 0x7fff_ffff, 0xffff_ffff] {
        for (kind, name) in [(SIGN_REQUEST, Message::Sign), (EXTENSION, Message::Extension)] {
            let body = [&[kind], &length.to_be_bytes()[..], b"abc"].concat();
            assert_eq!(Request::parse(&body), Err(Malformed { message: name, flaw: Flaw::CutShort }));
        }
    }
}

#[test]
fn every_malformed_message_has_a_sentence_and_a_code() {
    for (message, code) in [
        (Message::Request, "malformed-request"),
        (Message::List, "malformed-list"),
        (Message::Sign, "malformed-sign"),
        (Message::Extension, "malformed-extension"),
        (Message::Query, "malformed-query"),
        (Message::Bind, "malformed-session-bind"),
        (Message::Identities, "malformed-identities"),
    ] {
        for flaw in [Flaw::CutShort, Flaw::LeftOver, Flaw::OtherType, Flaw::TooMany] {
            let malformed = Malformed { message, flaw };
            assert_eq!(malformed.code(), code);
            let said = malformed.to_string();
            let who = if message == Message::Identities { "the agent's" } else { "the client's" };
            assert!(said.starts_with(who) && said.ends_with("(RFC 9987)"), "{said}");
        }
    }
}

proptest! {
    #[test]
    fn a_sign_request_is_read_as_it_was_written(
        key in prop::collection::vec(any::<u8>(), 0..80),
        data in prop::collection::vec(any::<u8>(), 0..80),
        flags: u32,
    ) {
        let body = signing(&key, &data, flags);
        prop_assert_eq!(Request::parse(&body), Ok(Request::Sign { key: &key, data: &data, flags }));
    }

    #[test]
    fn whatever_is_understood_is_all_there_is(
        kind in prop::sample::select(vec![11_u8, 13, 27, 9, 22]),
        name in prop::sample::select(vec![QUERY, SESSION_BIND, b"x"]),
        rest in prop::collection::vec(prop_oneof![4 => Just(0_u8), 1 => any::<u8>()], 0..40),
    ) {
        for body in [[&[kind], &rest[..]].concat(), message(kind, &[name], &rest)] {
            let Ok(request) = Request::parse(&body) else { continue };
            match written(&request) {
                None => prop_assert_eq!(request, Request::Other(kind)),
                // Every true but 1 is written as 1.
                Some(again) if matches!(request, Request::Bind(_)) => {
                    prop_assert_eq!(&again[..again.len() - 1], &body[..body.len() - 1]);
                    prop_assert_eq!(again.last() == Some(&1), body.last() != Some(&0));
                }
                Some(again) => prop_assert_eq!(again, body),
            }
        }
    }
}
