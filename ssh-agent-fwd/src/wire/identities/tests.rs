//! Lists of keys.

use proptest::prelude::*;

use super::*;
use crate::wire::captured::{self, bytes};
use crate::wire::cursor::put_string;

/// A list that names so many keys and holds these, with their comments.
fn listing(count: u32, entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![IDENTITIES_ANSWER];
    body.extend_from_slice(&count.to_be_bytes());
    for (key, comment) in entries {
        put_string(&mut body, key);
        put_string(&mut body, comment);
    }
    body
}

fn entry(key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (key.to_vec(), b"a\x1b[2J\xff\0".to_vec())
}

fn flaw(body: &[u8]) -> Flaw {
    let malformed = Identities::read(body).expect_err("no list");
    assert_eq!(malformed.message, Message::Identities);
    malformed.flaw
}

#[test]
fn the_list_of_a_real_agent_is_read_and_written() {
    let body = bytes(captured::LIST);
    let identities = Identities::read(&body).expect("a list");
    let names: Vec<_> = identities.keys().map(KeyBlob::algorithm).collect();
    assert_eq!(names, [Some("ssh-ed25519"), Some("ssh-ed25519-cert-v01@openssh.com")]);
    let [plain, certificate] = &identities.keys().map(KeyBlob::plain).collect::<Vec<_>>()[..] else {
        panic!("two keys")
    };
    assert_eq!(plain, certificate);
    assert_eq!(identities.kept(|_| true), body);
    let kept = identities.kept(|key| key.plain() == *key);
    assert_eq!(kept, listing(1, &[(plain.as_bytes().to_vec(), b"ed25519@example.org".to_vec())]));
}

#[test]
fn what_is_kept_keeps_its_order_and_its_comment() {
    let entries: Vec<_> = [&b"c"[..], b"a", b"b", b"a"].iter().map(|key| entry(key)).collect();
    let body = listing(4, &entries);
    let identities = Identities::read(&body).expect("a list");
    for (keep, left) in [(&b"ca"[..], &[0, 1, 3][..]), (b"ab", &[1, 2, 3]), (b"b", &[2]), (b"", &[])] {
        let left: Vec<_> = left.iter().map(|&at| entries[at].clone()).collect();
        let kept = identities.kept(|key| keep.contains(&key.as_bytes()[0]));
        assert_eq!(kept, listing(u32::try_from(left.len()).expect("a count"), &left));
    }
}

#[test]
fn a_list_of_no_keys_is_a_list() {
    let body = [12, 0, 0, 0, 0];
    assert_eq!(Identities::read(&body).expect("a list").kept(|_| true), body);
}

#[test]
fn what_is_no_list_is_refused() {
    let whole = bytes(captured::LIST);
    for end in 1..whole.len() {
        assert_eq!(flaw(&whole[..end]), Flaw::CutShort, "{end} bytes");
    }
    assert_eq!(flaw(&[&whole[..], &[0]].concat()), Flaw::LeftOver);
    for other in [&b""[..], &[5], &[6], &[14, 0, 0, 0, 0], &[2, 0, 0, 0, 0]] {
        assert_eq!(flaw(other), Flaw::OtherType, "{other:?}");
    }
    assert_eq!(flaw(&listing(2, &[entry(b"a")])), Flaw::CutShort);
    assert_eq!(flaw(&listing(0, &[entry(b"a")])), Flaw::LeftOver);
}

#[test]
fn a_list_names_as_many_keys_as_ssh_accepts_and_not_one_more() {
    let entries = vec![(vec![], vec![]); 2049];
    let body = listing(2048, &entries[..2048]);
    let identities = Identities::read(&body).expect("a list");
    assert_eq!((identities.keys().count(), identities.kept(|_| true)), (2048, body.clone()));
    assert_eq!(flaw(&listing(2049, &entries)), Flaw::TooMany);
    assert_eq!(flaw(&listing(u32::MAX, &[])), Flaw::TooMany);
}

#[test]
fn a_list_of_more_than_64_kib_is_a_list() {
    let entries = vec![(vec![7; 500], vec![b'c'; 500]); 200];
    let body = listing(200, &entries);
    assert_eq!(Identities::read(&body).expect("a list").kept(|_| true), body);
}

proptest! {
    #[test]
    fn what_is_read_is_all_there_is(
        head in prop_oneof![Just(12_u8), any::<u8>()],
        rest in prop::collection::vec(prop_oneof![6 => Just(0_u8), 2 => 0_u8..4, 1 => any::<u8>()], 0..60),
    ) {
        let body = [&[head], &rest[..]].concat();
        if let Ok(identities) = Identities::read(&body) {
            prop_assert_eq!(&identities.kept(|_| true), &body);
            prop_assert_eq!(identities.kept(|_| false), [12, 0, 0, 0, 0]);
        }
    }

    #[test]
    fn any_choice_is_a_list_of_the_chosen(
        entries in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..20), prop::collection::vec(any::<u8>(), 0..20)), 0..8),
        odd: bool,
    ) {
        let body = listing(u32::try_from(entries.len()).expect("a count"), &entries);
        let keep = |key: &KeyBlob| (key.as_bytes()[0] % 2 == 1) == odd;
        let kept = Identities::read(&body).expect("a list").kept(keep);
        let chosen: Vec<_> = entries.into_iter().filter(|(key, _)| keep(&KeyBlob::of(key))).collect();
        prop_assert_eq!(kept, listing(u32::try_from(chosen.len()).expect("a count"), &chosen));
    }
}
