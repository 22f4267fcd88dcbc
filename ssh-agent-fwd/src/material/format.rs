//! What the text of a private key says of itself, without a look at the private half.

use crate::key::KeyBlob;
use crate::key::base64::value;
use crate::wire::cursor::Cursor;

/// How every such text begins (RFC 7468; OpenSSH's PROTOCOL.key).
const BEGIN: &[u8] = b"-----BEGIN ";
/// How the first line ends.
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";
/// How its last line begins.
const END: &[u8] = b"-----END ";
/// What stands between in OpenSSH's own format.
const OPENSSH: &[u8] = b"OPENSSH ";
/// What stands between for a key with a passphrase (RFC 7468 section 11).
const ENCRYPTED: &[u8] = b"ENCRYPTED ";
/// The header of a key with a passphrase in the older format (RFC 1421 section 4.6.1.1).
const PROC_TYPE: &[u8] = b"Proc-Type:";

/// The first bytes of OpenSSH's format (PROTOCOL.key).
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// The cipher of a key without a passphrase (PROTOCOL.key, section 4).
const NO_CIPHER: &[u8] = b"none";
/// The fields before the public key: names of cipher and KDF, and its options.
const HEADER_FIELDS: usize = 3;
/// Most bytes up to the end of the public key; the private half follows.
const MAX_HEAD: usize = 16 * 1024;

/// What a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key without a passphrase.
    Plain {
        /// Its public half, if it is there to be read.
        public: Option<KeyBlob>,
    },
    /// A key with a passphrase.
    Encrypted,
}

/// What this text is; `None` when it is no private key.
pub(super) fn kind(text: &[u8]) -> Option<Kind> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = lines.next()?.strip_prefix(BEGIN)?.strip_suffix(PRIVATE_KEY)?;
    let has_end = text.split(|byte| *byte == b'\n').any(|line| line.starts_with(END));
    if !has_end {
        return None;
    }
    if first == OPENSSH {
        return openssh(lines.flatten().copied());
    }
    let is_encrypted = first == ENCRYPTED || lines.next().is_some_and(|line| line.starts_with(PROC_TYPE));
    Some(if is_encrypted { Kind::Encrypted } else { Kind::Plain { public: None } })
}

/// `string cipher | string kdf | string options | uint32 1 | string public | …`, of which no byte is read that comes
/// after the public key.
fn openssh(text: impl Iterator<Item = u8>) -> Option<Kind> {
    let mut bytes = Head { bytes: Base64 { text, bits: 0, count: 0 }, taken: 0 };
    if bytes.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let cipher = bytes.string()?;
    for _ in 1..HEADER_FIELDS {
        bytes.string()?;
    }
    if cipher != NO_CIPHER {
        return Some(Kind::Encrypted);
    }
    let count = Cursor::new(&bytes.take(4)?).u32()?;
    let public = KeyBlob::of(&bytes.string()?);
    (count == 1 && public.algorithm().is_some()).then_some(Kind::Plain { public: Some(public) })
}

/// Reads fields as they are decoded.
struct Head<I> {
    bytes: Base64<I>,
    taken: usize,
}

impl<I: Iterator<Item = u8>> Head<I> {
    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        self.taken = self.taken.checked_add(count).filter(|taken| *taken <= MAX_HEAD)?;
        let bytes: Vec<u8> = self.bytes.by_ref().take(count).collect();
        (bytes.len() == count).then_some(bytes)
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let length = Cursor::new(&self.take(4)?).u32()?;
        self.take(usize::try_from(length).ok()?)
    }
}

/// The bytes that base64 stands for, one by one, up to what is none.
struct Base64<I> {
    text: I,
    bits: u32,
    count: u32,
}

impl<I: Iterator<Item = u8>> Iterator for Base64<I> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.count < 8 {
            self.bits = self.bits << 6 | value(self.text.next()?)?;
            self.count += 6;
        }
        self.count -= 8;
        let byte = self.bits >> self.count;
        self.bits &= (1 << self.count) - 1;
        u8::try_from(byte).ok()
    }
}
