use proptest::prelude::*;

use super::*;
use crate::wire::cursor::put_string;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let group = |group: &[u8]| {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(padded);
        (0..4).map(|at| char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63])).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// A text of OpenSSH's format: cipher, count of keys, public half, and something for the private half.
fn openssh(cipher: &[u8], count: u32, public: &[u8]) -> String {
    let mut bytes = b"openssh-key-v1\0".to_vec();
    for field in [cipher, b"none", b""] {
        put_string(&mut bytes, field);
    }
    bytes.extend(count.to_be_bytes());
    put_string(&mut bytes, public);
    put_string(&mut bytes, b"the private half");
    let body = base64(&bytes);
    let lines: Vec<&str> =
        body.as_bytes().chunks(70).map(|line| str::from_utf8(line).expect("text")).collect();
    let name = "OPENSSH PRIVATE KEY-----";
    format!("-----BEGIN {name}\n{}\n-----END {name}\n", lines.join("\n"))
}

fn public() -> Vec<u8> {
    let mut public = Vec::new();
    put_string(&mut public, b"ssh-ed25519");
    put_string(&mut public, &[7; 32]);
    public
}

fn plain(public: Option<&[u8]>) -> Option<Kind> {
    Some(Kind::Plain { public: public.map(KeyBlob::of) })
}

#[test]
fn the_public_half_and_the_cipher_are_read_from_openssh_s_format() {
    let public = public();
    assert_eq!(kind(openssh(b"none", 1, &public).as_bytes()), plain(Some(&public)));
    for cipher in [&b"aes256-ctr"[..], b"", b"NONE"] {
        assert_eq!(kind(openssh(cipher, 1, &public).as_bytes()), Some(Kind::Encrypted), "{cipher:?}");
    }
    for (count, public) in
        [(0, &public[..]), (2, &public), (1, b""), (1, b"\0\0\0\x09ssh"), (1, &[0; 20_000])]
    {
        assert_eq!(kind(openssh(b"none", count, public).as_bytes()), None, "{count}");
    }
}

#[test]
fn a_passphrase_is_seen_in_every_format_of_pem() {
    let end = "-----END X-----\n";
    for (begin, expected) in [
        ("-----BEGIN RSA PRIVATE KEY-----\nMII", plain(None)),
        ("-----BEGIN EC PRIVATE KEY-----\nMII", plain(None)),
        ("-----BEGIN PRIVATE KEY-----\nMII", plain(None)),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII", Some(Kind::Encrypted)),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMII",
            Some(Kind::Encrypted),
        ),
        ("-----BEGIN PUBLIC KEY-----\nMII", None),
        (" -----BEGIN RSA PRIVATE KEY-----\nMII", None),
        ("x\n-----BEGIN RSA PRIVATE KEY-----\nMII", None),
        ("-----BEGIN RSA PRIVATE KEY----- \nMII", None),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", None),
    ] {
        assert_eq!(kind(format!("{begin}\n{end}").as_bytes()), expected, "{begin}");
    }
    assert_eq!(kind(b"-----BEGIN RSA PRIVATE KEY-----\nMII\n"), None, "cut short");
}

#[test]
fn where_a_key_comes_from_is_said_on_one_line() {
    for (source, expected) in [
        (KeySource::Path("/run/a\u{202e}b".parse().expect("a path")), "the key /run/a\\u{202e}b"),
        (KeySource::Fd(7), "the key from descriptor 7"),
        (KeySource::Credential("git".parse().expect("a name")), "the key of the credential git"),
    ] {
        assert_eq!(shown(&source), expected);
    }
}

#[test]
fn a_text_is_never_moved_to_a_larger_place() {
    let text = copy(&[b'a'; MAX_KEY + 1]);
    let place = text.as_ptr();
    let text = plain_lines(text);
    assert_eq!((text.as_ptr(), text.len()), (place, MAX_KEY + 2));
}

proptest! {
    #[test]
    fn whatever_the_text_is_it_is_judged(
        text in "(-----BEGIN (OPENSSH |RSA |)PRIVATE KEY-----\n)?[ -~\n]{0,200}(\n-----END )?",
    ) {
        let _ = kind(text.as_bytes());
    }

    #[test]
    fn a_text_that_is_cut_is_no_key(at in 0..200_usize) {
        let text = openssh(b"none", 1, &public());
        prop_assume!(at < text.find("-----END").expect("an end"));
        prop_assert_eq!(kind(&text.as_bytes()[..at]), None);
    }
}
