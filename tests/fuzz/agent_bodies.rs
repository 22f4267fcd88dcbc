//! What the fuzz targets of ssh-agent-fwd do with their input: messages of the agent protocol, without the
//! length before them, and what they carry.

use std::io::{self, Read};

use ssh_agent_fwd::key::KeyBlob;
use ssh_agent_fwd::signed::{Hash, MAX_SESSION, Signed};
use ssh_agent_fwd::wire::cursor::put_string;
use ssh_agent_fwd::wire::frame::{FrameError, MAX_FRAME, read_frame, write_frame};
use ssh_agent_fwd::wire::identities::Identities;
use ssh_agent_fwd::wire::request::{Bind, Request};

use super::{first_line, pieces};

#[track_caller]
fn check_sentence(said: &str) {
    assert!(!said.is_empty() && !said.contains(char::is_control), "{said:?}");
}

/// A stream that comes in these pieces.
struct Pieces<'a>(Vec<&'a [u8]>);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.retain(|piece| !piece.is_empty());
        let Some(first) = self.0.first_mut() else { return Ok(0) };
        first.read(buffer)
    }
}

/// Cuts, then a stream of messages with their lengths.
pub fn agent_frames(data: &[u8]) {
    let (cuts, stream) = first_line(data);
    let (bodies, error) = messages(&mut &*stream);
    let (cut_bodies, cut_error) = messages(&mut Pieces(pieces(cuts, stream)));
    assert_eq!(cut_bodies, bodies, "the cuts do not matter");
    let code = |error: &Option<FrameError>| error.as_ref().map(FrameError::code);
    assert_eq!(code(&cut_error), code(&error));
    let mut written = Vec::new();
    for body in &bodies {
        write_frame(&mut written, body).expect("what was read can be written");
    }
    assert!(stream.starts_with(&written), "a message is not what came");
    match error {
        None => assert_eq!(written, stream, "nothing is passed over"),
        Some(error) => check_sentence(&error.to_string()),
    }
}

/// All messages of a stream, and why there are no more.
fn messages(stream: &mut impl Read) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let (mut bodies, mut body) = (Vec::new(), Vec::new());
    loop {
        match read_frame(stream, &mut body) {
            Ok(false) => return (bodies, None),
            Err(error) => return (bodies, Some(error)),
            Ok(true) => {
                assert!((1..=MAX_FRAME).contains(&body.len()));
                bodies.push(body.clone());
            }
        }
    }
}

/// The body of a client's message.
pub fn agent_request(data: &[u8]) {
    match Request::parse(data) {
        Err(malformed) => check_sentence(&malformed.to_string()),
        Ok(Request::List) => assert_eq!(data, [11]),
        Ok(Request::Query) => assert_eq!(data, b"\x1b\0\0\0\x05query"),
        Ok(Request::Other(kind)) => assert!(data[0] == kind && kind != 11 && kind != 13),
        Ok(Request::Sign { key, data: signed, flags }) => {
            assert_eq!(data, message(13, &[key, signed], &flags.to_be_bytes()));
        }
        Ok(Request::Bind(Bind { host_key, session, signature, is_forwarding })) => {
            let (flag, before) = data.split_last().expect("a message");
            assert_eq!(
                before,
                message(27, &[b"session-bind@openssh.com", host_key, session, signature], &[])
            );
            assert_eq!(is_forwarding, *flag != 0);
        }
    }
}

fn message(kind: u8, strings: &[&[u8]], last: &[u8]) -> Vec<u8> {
    let mut body = vec![kind];
    strings.iter().for_each(|string| put_string(&mut body, string));
    body.extend_from_slice(last);
    body
}

/// The body of the agent's list of keys.
pub fn agent_identities(data: &[u8]) {
    let identities = match Identities::read(data) {
        Err(malformed) => return check_sentence(&malformed.to_string()),
        Ok(identities) => identities,
    };
    assert_eq!(identities.kept(|_| true), data, "the same list");
    assert_eq!(identities.kept(|_| false), [12, 0, 0, 0, 0]);
    let odd = identities.kept(|key| key.as_bytes().len() % 2 == 1);
    let kept = Identities::read(&odd).expect("what is left is a list");
    let expected = identities.keys().filter(|key| key.as_bytes().len() % 2 == 1);
    assert!(kept.keys().eq(expected), "the same keys in the same order");
    identities.keys().for_each(check_key);
}

/// A key: its bytes, and the text of a line.
pub fn agent_key(data: &[u8]) {
    check_key(&KeyBlob::of(data));
    match String::from_utf8_lossy(data).parse::<KeyBlob>() {
        Err(error) => check_sentence(&error.to_string()),
        Ok(key) => {
            assert_eq!(key.to_string().parse(), Ok(key.clone()), "its line is read back");
            check_key(&key);
        }
    }
}

fn check_key(key: &KeyBlob) {
    let plain = key.plain();
    assert_eq!(plain.plain(), plain, "a plain key is plain");
    assert_eq!(plain.fingerprint(), key.fingerprint());
    let certifies = key.algorithm().is_some_and(|name| name.ends_with("-cert-v01@openssh.com"));
    assert!(plain == *key || certifies && plain.as_bytes().len() < key.as_bytes().len());
    check_sentence(&key.to_string());
    assert_eq!(key.fingerprint().to_string().len(), "SHA256:".len() + 43);
}

/// The body of a sign request: what its data is, with its key and with another.
pub fn agent_signed(data: &[u8]) {
    let Ok(Request::Sign { key, data: signed, .. }) = Request::parse(data) else { return };
    match Signed::classify(signed, key) {
        Signed::Opaque => {}
        Signed::SshSig(signature) => {
            let (hash, length) = match signature.hash {
                Hash::Sha256 => (&b"sha256"[..], 32),
                Hash::Sha512 => (&b"sha512"[..], 64),
            };
            let digest = &signed[signed.len() - length..];
            let written = message(b'S', &[signature.namespace.as_bytes(), b"", hash, digest], &[]);
            assert_eq!(signed, [b"SSHSIG", &written[1..]].concat(), "nothing but its parts");
            assert!(!signature.namespace.is_empty() && !signature.namespace.contains('\0'));
            assert_eq!(
                Signed::classify(signed, b"another"),
                Signed::classify(signed, key),
                "any key makes one"
            );
        }
        Signed::UserAuth(login) => {
            let mut written = Vec::new();
            put_string(&mut written, login.session);
            let method: &[u8] = match login.host_key {
                None => b"publickey",
                Some(_) => b"publickey-hostbound-v00@openssh.com",
            };
            written.extend(message(50, &[login.user.as_bytes(), b"ssh-connection", method], &[]));
            written.extend(message(1, &[login.algorithm.as_bytes(), key], &[]));
            login.host_key.iter().for_each(|key| put_string(&mut written, key));
            assert_eq!(signed, written, "nothing but its parts");
            assert!((1..=MAX_SESSION).contains(&login.session.len()) && !login.user.contains('\0'));
            let other = [key, b"\0"].concat();
            assert_eq!(Signed::classify(signed, &other), Signed::Opaque, "a login of another key");
        }
    }
}
