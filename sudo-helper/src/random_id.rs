//! The id of a request: nobody guesses it, and no two requests share one.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::sys;

/// 128 bits.
const BYTES: usize = 16;

/// 128 random bits, written as 32 lower-case hexadecimal digits.
///
/// Holding one grants nothing: who may approve or fetch a request is decided by uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId([u8; BYTES]);

/// A text is not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRequestId;

impl fmt::Display for BadRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request's id is 32 digits of 0-9 and a-f; see sudo-helper pending")
    }
}

impl std::error::Error for BadRequestId {}

impl RequestId {
    /// A new one, from getrandom(2).
    ///
    /// # Errors
    /// Those of getrandom(2).
    pub fn random() -> io::Result<Self> {
        sys::random_bytes().map(Self)
    }

    /// Reads an id. One id has one spelling, so that it can name a file.
    ///
    /// # Errors
    /// See [`BadRequestId`].
    pub fn parse(text: &str) -> Result<Self, BadRequestId> {
        let digits: &[u8; 2 * BYTES] = text.as_bytes().try_into().map_err(|_| BadRequestId)?;
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

fn digit(character: u8) -> Result<u8, BadRequestId> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(BadRequestId),
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TryFrom<String> for RequestId {
    type Error = BadRequestId;

    fn try_from(text: String) -> Result<Self, BadRequestId> {
        Self::parse(&text)
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back() {
        let id = RequestId::random().expect("random bits");
        let text = id.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(RequestId::parse(&text), Ok(id));
        assert_eq!(serde_json::to_string(&id).expect("written"), format!("{text:?}"));
        assert_eq!(
            RequestId::parse("00010203040506070809aabbccddeeff").expect("read").to_string(),
            "00010203040506070809aabbccddeeff"
        );
    }

    #[test]
    fn two_ids_differ() {
        assert_ne!(RequestId::random().expect("random"), RequestId::random().expect("random"));
    }

    #[test]
    fn an_id_has_one_spelling() {
        for text in [
            "",
            "0",
            "../../../../../../../etc/passwdxx",
            "00010203040506070809AABBCCDDEEFF",
            "00010203040506070809aabbccddeef",
            "00010203040506070809aabbccddeeff0",
            " 0010203040506070809aabbccddeeff",
            "+0010203040506070809aabbccddeeff",
            "00010203040506070809aabbccddeeé",
        ] {
            assert_eq!(RequestId::parse(text), Err(BadRequestId), "{text:?}");
        }
    }
}
