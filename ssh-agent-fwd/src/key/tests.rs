//! Keys and certificates of every type that is known.

use proptest::prelude::*;

use super::made::KEYS;
use super::*;
use crate::wire::cursor::put_string;

fn key(line: &str) -> KeyBlob {
    line.parse().unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[test]
fn a_certificate_is_its_plain_key() {
    for (plain, certificate, fingerprint) in KEYS {
        let (plain, certificate) = (key(plain), key(certificate));
        assert_ne!(plain, certificate);
        assert_eq!(certificate.plain(), plain);
        assert_eq!(plain.plain(), plain);
        assert_eq!(plain.fingerprint().to_string(), fingerprint);
        assert_eq!(certificate.fingerprint(), plain.fingerprint());
        assert_eq!(format!("{certificate:?}"), format!("KeyBlob({fingerprint})"));
    }
}

#[test]
fn a_key_is_written_as_it_is_read() {
    for (plain, certificate, _) in KEYS {
        for line in [plain, certificate] {
            let read = key(line);
            assert_eq!(read.to_string(), line);
            assert_eq!(read.algorithm(), line.split(' ').next());
            assert_eq!(KeyBlob::of(read.as_bytes()), read);
            for with in [format!("{line} a comment"), format!("  {line}\ta\n"), line.replace(' ', " \t ")] {
                assert_eq!(with.parse(), Ok(read.clone()), "{with:?}");
            }
        }
    }
}

#[test]
fn a_certificate_that_is_not_whole_is_nobodys() {
    for (_, certificate, _) in KEYS {
        let whole = key(certificate);
        let bytes = whole.as_bytes();
        let longer = [bytes, &[0]].concat();
        let cut = (0..bytes.len()).map(|end| bytes[..end].to_vec());
        for broken in cut.chain([longer]) {
            let broken = KeyBlob(broken);
            assert_eq!(broken.plain(), broken);
            assert_ne!(broken.fingerprint(), whole.fingerprint());
        }
    }
}

#[test]
fn a_certificate_of_an_unknown_type_is_itself() {
    let (_, certificate, _) = KEYS[0];
    let known = key(certificate);
    let mut unknown = Vec::new();
    put_string(&mut unknown, b"ssh-ed25520-cert-v01@openssh.com");
    unknown.extend_from_slice(&known.as_bytes()[4 + "ssh-ed25519-cert-v01@openssh.com".len()..]);
    let unknown = KeyBlob(unknown);
    assert_eq!(unknown.plain(), unknown);
}

#[test]
fn an_algorithm_is_a_name() {
    let long = "x".repeat(64);
    let longer = "x".repeat(65);
    for (name, is_one) in [
        ("ssh-mldsa44-ed25519@openssh.com", true),
        (long.as_str(), true),
        (longer.as_str(), false),
        ("", false),
        ("ssh ed25519", false),
        ("ssh,ed25519", false),
        ("ssh\n", false),
        ("ssh\0", false),
        ("é", false),
    ] {
        let mut blob = Vec::new();
        put_string(&mut blob, name.as_bytes());
        blob.push(0);
        let blob = KeyBlob(blob);
        assert_eq!(blob.algorithm(), is_one.then_some(name), "{name:?}");
        let shown = blob.to_string();
        assert!(shown.starts_with(if is_one { name } else { "SHA256:" }), "{shown:?}");
    }
    assert_eq!(KeyBlob::of(b"").algorithm(), None);
    assert_eq!(KeyBlob::of(b"\0\0\0\x05ssh").algorithm(), None);
}

#[test]
fn a_line_that_is_no_public_key_is_refused() {
    let (ed25519, certificate, _) = KEYS[0];
    let (_, text) = ed25519.split_once(' ').expect("two words");
    let (_, rsa_text) = KEYS[1].0.split_once(' ').expect("two words");
    for (line, error) in [
        (String::new(), NotAKey::Form),
        ("ssh-ed25519".to_owned(), NotAKey::Form),
        (format!("{ed25519}\n{ed25519}"), NotAKey::Form),
        (format!("{ed25519} \u{1b}[2J"), NotAKey::Form),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END".to_owned(), NotAKey::Form),
        (format!("{ed25519} {}", "x".repeat(MAX_LINE)), NotAKey::TooLong),
        (format!("@cert-authority *.example.org {ed25519}"), NotAKey::Marker),
        (format!("@revoked {ed25519}"), NotAKey::Marker),
        (format!("git.example.org {ed25519}"), NotAKey::Base64),
        (format!("no-pty {ed25519}"), NotAKey::Base64),
        (ed25519[..ed25519.len() - 1].to_owned(), NotAKey::Base64),
        (format!("ssh-rsa {text}"), NotAKey::OtherType),
        (format!("ssh-ed25519 {rsa_text}"), NotAKey::OtherType),
        ("ssh-ed25519 AAAA".to_owned(), NotAKey::OtherType),
        (ed25519[..ed25519.len() - 4].to_owned(), NotAKey::Broken),
        (format!("{ed25519}AAAA"), NotAKey::Broken),
        (certificate[..certificate.len() - 4].to_owned(), NotAKey::Broken),
    ] {
        assert_eq!(line.parse::<KeyBlob>(), Err(error), "{line:?}");
        assert!(!error.to_string().contains("AAAA1") && !error.to_string().contains('\n'), "{error}");
    }
    let longest = format!("{ed25519} {}", "x".repeat(MAX_LINE - ed25519.len() - 1));
    assert_eq!(longest.parse(), Ok(key(ed25519)));
}

proptest! {
    #[test]
    fn the_plain_key_of_a_plain_key_is_itself(bytes in prop::collection::vec(any::<u8>(), 0..120), at: usize) {
        let (_, certificate, _) = KEYS[at % KEYS.len()];
        let mut damaged = key(certificate).as_bytes().to_vec();
        let place = at % damaged.len();
        damaged.splice(place..(place + bytes.len()).min(key(certificate).as_bytes().len()), bytes.iter().copied());
        for blob in [KeyBlob::of(&bytes), KeyBlob(damaged)] {
            let plain = blob.plain();
            prop_assert_eq!(plain.plain(), plain.clone());
            prop_assert_eq!(plain.fingerprint(), blob.fingerprint());
            prop_assert_eq!(plain == blob, plain.as_bytes().len() == blob.as_bytes().len());
        }
    }

    #[test]
    fn any_key_of_an_unknown_type_is_read_as_it_is_written(rest in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut blob = Vec::new();
        put_string(&mut blob, b"ssh-new@example.org");
        blob.extend_from_slice(&rest);
        let blob = KeyBlob(blob);
        prop_assert_eq!(blob.to_string().parse(), Ok(blob));
    }

    #[test]
    fn no_text_makes_the_reader_panic(line in "(ssh-ed25519|ssh-rsa|@x)? ?[A-Za-z0-9+/=\\PC]{0,40}") {
        if let Ok(key) = line.parse::<KeyBlob>() {
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
}
