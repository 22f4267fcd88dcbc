//! The signed part of an SSH signature (OpenSSH's PROTOCOL.sshsig, section 3).

use crate::wire::cursor::Cursor;

const MAGIC_PREAMBLE: &[u8] = b"SSHSIG";

/// A signature of a message, in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SshSig<'a> {
    /// What the signature is good for: `git`, `file`, a name with a domain. Never empty. Hostile text.
    pub namespace: &'a str,
    /// What the message was hashed with.
    pub hash: Hash,
}

/// A hash that PROTOCOL.sshsig knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// `sha256`.
    Sha256,
    /// `sha512`.
    Sha512,
}

impl Hash {
    fn of(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// In bytes.
    const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl<'a> SshSig<'a> {
    /// The signature that this is; `None` when it is none. A verifier ignores what `reserved` holds, and
    /// nobody knows what it will mean: it must be empty, as ssh-keygen(1) leaves it.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(data.strip_prefix(MAGIC_PREAMBLE)?);
        let (namespace, reserved) = (cursor.text()?, cursor.string()?);
        let (hash, digest) = (Hash::of(cursor.text()?)?, cursor.string()?);
        let is_signature = !namespace.is_empty()
            && reserved.is_empty()
            && digest.len() == hash.length()
            && cursor.is_at_end();
        is_signature.then_some(Self { namespace, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cursor::put_string;

    /// A signature with these parts.
    fn signature(namespace: &[u8], reserved: &[u8], hash: &[u8], digest: usize) -> Vec<u8> {
        let mut data = b"SSHSIG".to_vec();
        [namespace, reserved, hash, &vec![7; digest]]
            .into_iter()
            .for_each(|string| put_string(&mut data, string));
        data
    }

    #[test]
    fn a_signature_is_read_strictly() {
        for (namespace, hash, digest, read) in [
            ("git", "sha512", 64, Hash::Sha512),
            ("git", "sha256", 32, Hash::Sha256),
            ("file", "sha512", 64, Hash::Sha512),
            ("a@example.org", "sha512", 64, Hash::Sha512),
            ("g", "sha256", 32, Hash::Sha256),
        ] {
            let data = signature(namespace.as_bytes(), b"", hash.as_bytes(), digest);
            assert_eq!(SshSig::read(&data), Some(SshSig { namespace, hash: read }));
            for end in 0..data.len() {
                assert_eq!(SshSig::read(&data[..end]), None, "{end} bytes");
            }
            assert_eq!(SshSig::read(&[&data[..], &[0]].concat()), None, "a byte more");
        }
        for (namespace, reserved, hash, digest) in [
            (&b""[..], &b""[..], &b"sha512"[..], 64),
            (b"git\0", b"", b"sha512", 64),
            (b"git\0file", b"", b"sha512", 64),
            (b"\0", b"", b"sha512", 64),
            (b"\xff", b"", b"sha512", 64),
            (b"git", b"tag", b"sha512", 64),
            (b"git", b"", b"sha1", 20),
            (b"git", b"", b"sha384", 48),
            (b"git", b"", b"SHA512", 64),
            (b"git", b"", b"sha512\0", 64),
            (b"git", b"", b"", 64),
            (b"git", b"", b"sha512", 63),
            (b"git", b"", b"sha512", 65),
            (b"git", b"", b"sha512", 32),
            (b"git", b"", b"sha256", 64),
            (b"git", b"", b"sha256", 0),
        ] {
            let data = signature(namespace, reserved, hash, digest);
            assert_eq!(SshSig::read(&data), None, "{namespace:?} {reserved:?} {hash:?} {digest}");
        }
        let data = signature(b"git", b"", b"sha512", 64);
        for magic in [&b"SSHSIH"[..], b"sshsig", b"\0\0\0\x06SSHSIG", b"-SSHSIG", b"SSHSIG\0\0\0\x01"] {
            assert_eq!(SshSig::read(&[magic, &data[6..]].concat()), None, "{magic:?}");
        }
    }
}
