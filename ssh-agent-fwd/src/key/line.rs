//! A public key as a line of text: `ssh-ed25519 AAAA… comment` (sshd(8), AUTHORIZED_KEYS and SSH_KNOWN_HOSTS).

use std::fmt;
use std::str::FromStr;

use super::{KeyBlob, base64, certificate};

/// The longest line, in bytes: SSH_MAX_PUBKEY_BYTES of OpenSSH's ssh.h.
pub const MAX_LINE: usize = 16 * 1024;

/// Why a line is no public key. Nothing of the line is repeated: a private key may have been pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAKey {
    /// It is not of the form.
    Form,
    /// It is longer than [`MAX_LINE`].
    TooLong,
    /// It begins with `@cert-authority` or `@revoked`.
    Marker,
    /// The second word is not base64.
    Base64,
    /// The first word is not the type of the key in the second.
    OtherType,
    /// The key has not the fields of its type.
    Broken,
}

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => {
                "a public key is one line: `ssh-ed25519 AAAA… comment`, without names or options before it"
            }
            Self::TooLong => "a public key is at most 16 KiB long",
            Self::Marker => "@cert-authority and @revoked are not supported: name the host's own keys",
            Self::Base64 => "the second word of the public key is not base64: copy it whole",
            Self::OtherType => "the first word of the public key is not the type of the key in the second",
            Self::Broken => "the public key has not the fields of its type: copy it whole",
        })
    }
}

impl std::error::Error for NotAKey {}

impl FromStr for KeyBlob {
    type Err = NotAKey;

    fn from_str(line: &str) -> Result<Self, NotAKey> {
        let line = line.trim();
        if line.len() > MAX_LINE {
            return Err(NotAKey::TooLong);
        }
        // A second line would pass for a comment, and its key would be lost.
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(NotAKey::Form);
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let (Some(algorithm), Some(text)) = (words.next(), words.next()) else { return Err(NotAKey::Form) };
        if algorithm.starts_with('@') {
            return Err(NotAKey::Marker);
        }
        let key = Self(base64::decode(text).ok_or(NotAKey::Base64)?);
        match key.algorithm() {
            Some(name) if name == algorithm && certificate::is_whole(&key.0) => Ok(key),
            Some(name) if name == algorithm => Err(NotAKey::Broken),
            _ => Err(NotAKey::OtherType),
        }
    }
}

/// The line, without a comment. Bytes that do not begin with a type have none: they are shown by their
/// fingerprint.
impl fmt::Display for KeyBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm() {
            Some(algorithm) => write!(f, "{algorithm} {}", base64::encode(&self.0)),
            None => write!(f, "{}", self.fingerprint()),
        }
    }
}
