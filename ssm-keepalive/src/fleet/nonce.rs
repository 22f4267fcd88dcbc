//! What frames the answer of a host: nobody could have printed it before it was asked.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

/// How many bytes of chance it is made of.
const BYTES: usize = 16;

/// 32 hexadecimal digits, fresh for each question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A new one.
    ///
    /// # Errors
    /// Those of reading /dev/urandom (random(4)).
    pub fn fresh() -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_32_digits_of_its_own() {
        let [one, other] = [(); 2].map(|()| Nonce::fresh().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 2 * BYTES);
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
    }
}
