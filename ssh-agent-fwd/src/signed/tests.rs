//! What is a login, what is a signature, and what only looks like one.

use proptest::prelude::*;

use super::*;
use crate::key::KeyBlob;
use crate::key::made::KEYS;
use crate::wire::captured::{self, bytes};
use crate::wire::cursor::put_string;
use crate::wire::request::{Bind, Request};

/// Makes a login one that is none.
type Spoil = fn(&mut Login);

/// The parts of a login, each of which a test may spoil.
#[derive(Clone)]
struct Login {
    session: Vec<u8>,
    number: u8,
    user: Vec<u8>,
    service: Vec<u8>,
    method: Vec<u8>,
    follows: u8,
    algorithm: Vec<u8>,
    key: Vec<u8>,
    host_key: Option<Vec<u8>>,
    rest: Vec<u8>,
}

impl Login {
    fn plain(key: &KeyBlob) -> Self {
        Self {
            session: vec![7; 32],
            number: 50,
            user: b"git".to_vec(),
            service: b"ssh-connection".to_vec(),
            method: b"publickey".to_vec(),
            follows: 1,
            algorithm: key.algorithm().expect("a type").as_bytes().to_vec(),
            key: key.as_bytes().to_vec(),
            host_key: None,
            rest: Vec::new(),
        }
    }

    fn hostbound(key: &KeyBlob) -> Self {
        let method = b"publickey-hostbound-v00@openssh.com".to_vec();
        Self { method, host_key: Some(b"host".to_vec()), ..Self::plain(key) }
    }

    fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        put_string(&mut data, &self.session);
        data.push(self.number);
        [&self.user, &self.service, &self.method]
            .into_iter()
            .for_each(|string| put_string(&mut data, string));
        data.push(self.follows);
        put_string(&mut data, &self.algorithm);
        put_string(&mut data, &self.key);
        self.host_key.iter().for_each(|key| put_string(&mut data, key));
        data.extend_from_slice(&self.rest);
        data
    }
}

fn key(line: &str) -> KeyBlob {
    line.parse().expect("a key")
}

fn ed25519() -> KeyBlob {
    key(KEYS[0].0)
}

/// The key and the data of a captured request.
fn captured(hex: &str) -> (Vec<u8>, Vec<u8>) {
    let body = bytes(hex);
    let Ok(Request::Sign { key, data, .. }) = Request::parse(&body) else { panic!("no sign request") };
    (key.to_vec(), data.to_vec())
}

#[test]
fn what_real_clients_have_signed_is_recognised() {
    let body = bytes(captured::BIND);
    let Ok(Request::Bind(Bind { host_key, session, .. })) = Request::parse(&body) else { panic!("no bind") };
    let root = |session, host_key, algorithm| UserAuth { session, user: "root", host_key, algorithm };

    let (key, data) = captured(captured::HOSTBOUND_LOGIN);
    let login = root(session, Some(host_key), "ssh-ed25519");
    assert_eq!(Signed::classify(&data, &key), Signed::UserAuth(login), "in the session that ssh bound");

    let (key, data) = captured(captured::PLAIN_LOGIN);
    let login = root(&data[4..68], None, "ssh-ed25519");
    assert_eq!(Signed::classify(&data, &key), Signed::UserAuth(login));

    let (key, data) = captured(captured::CERTIFICATE_LOGIN);
    let login = root(&data[4..68], Some(host_key), "ssh-ed25519-cert-v01@openssh.com");
    assert_eq!(Signed::classify(&data, &key), Signed::UserAuth(login));
    assert_eq!(KeyBlob::of(&key).plain().as_bytes(), captured(captured::PLAIN_LOGIN).0);

    for (hex, namespace, hash) in
        [(captured::GIT_SIGNATURE, "git", Hash::Sha512), (captured::FILE_SIGNATURE, "file", Hash::Sha256)]
    {
        let (key, data) = captured(hex);
        assert_eq!(Signed::classify(&data, &key), Signed::SshSig(SshSig { namespace, hash }));
    }

    let (key, data) = captured(captured::CERTIFICATE_SIGNATURE);
    assert_eq!(Signed::classify(&data, &key), Signed::Opaque);
}

#[test]
fn a_login_with_any_part_spoilt_is_opaque() {
    let signer = ed25519();
    let spoils: [(&str, Spoil); 22] = [
        ("no session", |login| login.session.clear()),
        ("a session longer than any hash", |login| login.session = vec![7; MAX_SESSION + 1]),
        ("another message", |login| login.number = 51),
        ("a user with a NUL at the end", |login| login.user.push(0)),
        ("a user with a NUL inside", |login| login.user = b"git\0root".to_vec()),
        ("a user that is not UTF-8", |login| login.user = vec![0xff]),
        ("another service", |login| login.service = b"ssh-userauth".to_vec()),
        ("a service with a NUL", |login| login.service.push(0)),
        ("no service", |login| login.service.clear()),
        ("another method", |login| login.method = b"hostbased".to_vec()),
        ("a method in capitals", |login| login.method = b"Publickey".to_vec()),
        ("a newer method", |login| login.method = b"publickey-hostbound-v01@openssh.com".to_vec()),
        ("a method with a NUL", |login| login.method.push(0)),
        ("no signature follows", |login| login.follows = 0),
        ("another true", |login| login.follows = 255),
        ("another key", |login| login.key = key(KEYS[3].0).as_bytes().to_vec()),
        ("a certificate of the key", |login| login.key = key(KEYS[0].1).as_bytes().to_vec()),
        ("no key", |login| login.key.clear()),
        ("an algorithm of another key", |login| login.algorithm = b"ssh-rsa".to_vec()),
        ("no algorithm", |login| login.algorithm.clear()),
        ("a byte more", |login| login.rest.push(0)),
        ("a host key more", |login| login.rest = b"\0\0\0\x04host".to_vec()),
    ];
    for login in [Login::plain(&signer), Login::hostbound(&signer)] {
        let data = login.data();
        assert_eq!(Signed::classify(&data, signer.as_bytes()).class(), "userauth");
        for (what, spoil) in spoils {
            let mut spoilt = login.clone();
            spoil(&mut spoilt);
            assert_eq!(Signed::classify(&spoilt.data(), signer.as_bytes()), Signed::Opaque, "{what}");
        }
        for end in 0..data.len() {
            assert_eq!(Signed::classify(&data[..end], signer.as_bytes()), Signed::Opaque, "{end} bytes");
        }
        for other in [KEYS[3].0, KEYS[0].1] {
            assert_eq!(Signed::classify(&data, key(other).as_bytes()), Signed::Opaque);
        }
    }
}

#[test]
fn only_the_hostbound_method_has_a_host_key() {
    let key = ed25519();
    let with = Login { host_key: Some(b"host".to_vec()), ..Login::plain(&key) };
    let without = Login { host_key: None, ..Login::hostbound(&key) };
    for login in [with, without] {
        assert_eq!(Signed::classify(&login.data(), key.as_bytes()), Signed::Opaque);
    }
    let data = Login::hostbound(&key).data();
    let Signed::UserAuth(login) = Signed::classify(&data, key.as_bytes()) else { panic!("no login") };
    assert_eq!((login.session, login.user, login.host_key), (&[7; 32][..], "git", Some(&b"host"[..])));
    let data = Login { host_key: Some(Vec::new()), ..Login::hostbound(&key) }.data();
    let Signed::UserAuth(login) = Signed::classify(&data, key.as_bytes()) else { panic!("no login") };
    assert_eq!(login.host_key, Some(&b""[..]), "an empty host key is one that no policy names");
}

#[test]
fn a_session_identifier_has_1_to_128_bytes_and_a_user_any_text() {
    let key = ed25519();
    for session in [1, 20, 32, 64, MAX_SESSION] {
        let data = Login { session: vec![7; session], ..Login::plain(&key) }.data();
        assert_eq!(Signed::classify(&data, key.as_bytes()).class(), "userauth", "{session}");
    }
    for user in ["", "root", "é\n\u{202e}", "git:style"] {
        let data = Login { user: user.as_bytes().to_vec(), ..Login::plain(&key) }.data();
        let Signed::UserAuth(login) = Signed::classify(&data, key.as_bytes()) else { panic!("{user}") };
        assert_eq!(login.user, user);
    }
}

#[test]
fn a_key_of_every_type_signs_as_its_type_and_rsa_with_newer_hashes_too() {
    let newer = |kind: &str| match kind {
        "ssh-rsa" => vec!["rsa-sha2-256", "rsa-sha2-512"],
        "ssh-rsa-cert-v01@openssh.com" => {
            vec!["rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com"]
        }
        _ => vec![],
    };
    let keys: Vec<KeyBlob> =
        KEYS.iter().flat_map(|(plain, certificate, _)| [plain, certificate]).map(|line| key(line)).collect();
    let kinds: Vec<&str> = keys.iter().filter_map(KeyBlob::algorithm).collect();
    let algorithms: Vec<&str> = kinds.iter().flat_map(|kind| [vec![*kind], newer(kind)].concat()).collect();
    for key in &keys {
        let kind = key.algorithm().expect("a type");
        for algorithm in &algorithms {
            let data = Login { algorithm: algorithm.as_bytes().to_vec(), ..Login::plain(key) }.data();
            let fits = *algorithm == kind || newer(kind).contains(algorithm);
            let class = if fits { "userauth" } else { "opaque" };
            assert_eq!(Signed::classify(&data, key.as_bytes()).class(), class, "{kind} {algorithm}");
        }
    }
}

#[test]
fn a_key_without_a_type_logs_in_nowhere() {
    for key in [&b""[..], b"\0\0\0\0", b"key"] {
        for algorithm in [&b""[..], b"key"] {
            let login =
                Login { key: key.to_vec(), algorithm: algorithm.to_vec(), ..Login::plain(&ed25519()) };
            assert_eq!(Signed::classify(&login.data(), key), Signed::Opaque, "{key:?} {algorithm:?}");
        }
    }
}

#[test]
fn bytes_that_say_nothing_are_opaque() {
    let (_, kex) = captured(captured::HOSTBOUND_LOGIN);
    for data in [&b""[..], &[7; 32], &[0; 64], &[0xff; 300], b"SSHSIG", &kex[4..]] {
        assert_eq!(Signed::classify(data, ed25519().as_bytes()), Signed::Opaque, "{data:?}");
    }
}

/// Bytes of which many are lengths that lead somewhere.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![6 => Just(0_u8), 2 => 0_u8..12, 1 => any::<u8>()], 0..120)
}

proptest! {
    #[test]
    fn a_login_is_read_as_it_was_written(
        session in prop::collection::vec(any::<u8>(), 1..=MAX_SESSION),
        user in "[^\0]{0,12}",
        host_key in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
    ) {
        let key = ed25519();
        let like = if host_key.is_some() { Login::hostbound(&key) } else { Login::plain(&key) };
        let user_bytes = user.clone().into_bytes();
        let login = Login { session: session.clone(), user: user_bytes, host_key: host_key.clone(), ..like };
        let data = login.data();
        let expected =
            UserAuth { session: &session, user: &user, host_key: host_key.as_deref(), algorithm: "ssh-ed25519" };
        prop_assert_eq!(Signed::classify(&data, key.as_bytes()), Signed::UserAuth(expected));
    }

    #[test]
    fn a_changed_byte_never_makes_it_the_same_login(at: prop::sample::Index, byte: u8, hostbound: bool) {
        let key = ed25519();
        let whole = if hostbound { Login::hostbound(&key) } else { Login::plain(&key) }.data();
        let mut changed = whole.clone();
        *at.get_mut(&mut changed) = byte;
        let same = Signed::classify(&changed, key.as_bytes()) == Signed::classify(&whole, key.as_bytes());
        prop_assert_eq!(same, changed == whole);
    }

    #[test]
    fn whatever_is_signed_no_class_overlaps_another(data in noise(), magic: bool, key in noise()) {
        let data = if magic { [b"SSHSIG", &data[..]].concat() } else { data };
        match Signed::classify(&data, &key) {
            Signed::UserAuth(login) => {
                prop_assert!(!magic && data.windows(key.len()).any(|part| part == key));
                prop_assert!(data.starts_with(&u32::try_from(login.session.len()).expect("a length").to_be_bytes()));
            }
            Signed::SshSig(signed) => prop_assert!(magic && !signed.namespace.is_empty()),
            Signed::Opaque => {}
        }
    }
}
