//! Public keys, by their bytes.
//!
//! Nothing is known of most keys but their type: a key is a blob, and two keys are the same when their bytes
//! are. A certificate is judged by the plain key inside it, whose private half makes its signatures.

pub(crate) mod base64;
mod certificate;
mod fingerprint;
mod line;
#[cfg(test)]
pub(crate) mod made;

use std::fmt;

pub use fingerprint::Fingerprint;
pub use line::{MAX_LINE, NotAKey};

use crate::wire::cursor::Cursor;

/// The longest name of an algorithm, in characters (RFC 4251 section 6).
const MAX_ALGORITHM: usize = 64;

/// A public key or a certificate in the encoding of RFC 4253 section 6.6; any bytes that a client calls so.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyBlob(Vec<u8>);

impl KeyBlob {
    /// These bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name of its type; `None` when the bytes do not begin with one.
    #[must_use]
    pub fn algorithm(&self) -> Option<&str> {
        let name = Cursor::new(&self.0).text()?;
        let is_name = |c: char| c.is_ascii_graphic() && c != ',';
        (1..=MAX_ALGORITHM).contains(&name.len()).then_some(name).filter(|name| name.chars().all(is_name))
    }

    /// Of a certificate the key that it certifies, of anything else itself. So is a certificate that is
    /// broken or of an unknown type: its bytes are in no policy.
    #[must_use]
    pub fn plain(&self) -> Self {
        certificate::plain(&self.0).map_or_else(|| self.clone(), Self)
    }

    /// The fingerprint of its plain key, as ssh-keygen(1) -l shows it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(certificate::plain(&self.0).as_deref().unwrap_or(&self.0))
    }
}

/// Its fingerprint.
impl fmt::Debug for KeyBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBlob({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests;
