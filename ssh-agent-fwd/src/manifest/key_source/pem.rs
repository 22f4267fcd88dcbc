//! A private key in the manifest.

use std::fmt;

use zeroize::Zeroizing;

use super::MAX_KEY;

/// How the text of a private key begins, whatever its format (PEM, RFC 7468; OpenSSH's PROTOCOL.key).
const BEGIN: &[u8] = b"-----BEGIN ";
/// How its first line ends.
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

/// The text of a private key. It is never shown, and overwritten when it goes.
pub struct Pem(Zeroizing<Vec<u8>>);

impl Pem {
    /// The text, for ssh-add(1) alone.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.0
    }

    /// Reads a JSON string as it stands in the text. serde_json would keep a second copy where it resolves the
    /// escapes, which a key's line ends are.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        let string = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let string = string.ok_or("its key: a pem is a string")?;
        // An escape is never shorter than what it stands for.
        if string.len() > MAX_KEY {
            return Err(format!("its key: a pem has at most {MAX_KEY} bytes"));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(string.len() + 1));
        let mut rest = string.as_bytes();
        while let Some((byte, after)) = next(rest) {
            // ssh-add(1) finds no key between lines that end with both.
            if byte != b'\r' {
                text.push(byte);
            }
            rest = after;
        }
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if !rest.is_empty() || !first.starts_with(BEGIN) || !first.ends_with(PRIVATE_KEY) {
            return Err("its key: a pem is the text of a private key, from -----BEGIN on".to_owned());
        }
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
        Ok(Self(text))
    }
}

/// The next byte of a JSON string (RFC 8259 section 7), and what follows; `None` at its end, and where there is
/// something that no private key holds.
fn next(string: &[u8]) -> Option<(u8, &[u8])> {
    let (byte, after) = match string {
        [b'\\', b'u', rest @ ..] => {
            let (digits, after) = rest.split_first_chunk::<4>()?;
            let value = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            (u8::try_from(value).ok()?, after)
        }
        [b'\\', escaped, after @ ..] => {
            let byte = match escaped {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'"' | b'\\' | b'/' => *escaped,
                _ => return None,
            };
            (byte, after)
        }
        [byte, after @ ..] => (*byte, after),
        [] => return None,
    };
    let is_text = byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    is_text.then_some((byte, after))
}

/// Nothing of it.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl+/=\n-----END OPENSSH PRIVATE KEY-----\n";

    fn read(json: &str) -> Result<Pem, String> {
        Pem::read(json)
    }

    #[test]
    fn every_spelling_of_a_key_is_the_same_key() {
        let plain = serde_json::to_string(TEXT).expect("JSON");
        for json in [
            plain.clone(),
            plain.replace('/', "\\/"),
            plain.replace('+', "\\u002B").replace('=', "\\u003d").replace('-', "\\u002d"),
            plain.replace("\\n", "\\r\\n"),
            plain.replace("\\n", "\\u000a"),
            plain.replace("-----\\n\"", "-----\""),
        ] {
            assert_eq!(read(&json).expect(&json).secret(), TEXT.as_bytes(), "{json}");
        }
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        for text in [
            "",
            "ssh-ed25519 AAAA",
            "-----BEGIN PUBLIC KEY-----\nx\n",
            " -----BEGIN OPENSSH PRIVATE KEY-----\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n\0",
            "-----BEGIN OPENSSH PRIVATE KEY-----\né",
            "x\n-----BEGIN OPENSSH PRIVATE KEY-----\n",
        ] {
            assert!(read(&serde_json::to_string(text).expect("JSON")).is_err(), "{text:?}");
        }
        for json in ["1", "\"", "\"-----BEGIN PRIVATE KEY-----\\x\"", "\"-----BEGIN PRIVATE KEY-----\\u00\""]
        {
            assert!(read(json).is_err(), "{json:?}");
        }
        let long = format!("\"{}{}\"", TEXT.lines().next().expect("a line"), "a".repeat(MAX_KEY));
        assert!(read(&long).expect_err("long").contains("at most"));
    }

    #[test]
    fn a_key_is_not_shown() {
        let pem = read(&serde_json::to_string(TEXT).expect("JSON")).expect("read");
        assert_eq!(format!("{pem:?}"), "Pem(not shown)");
    }

    proptest! {
        #[test]
        fn a_key_is_what_json_says_it_is(body in "[ -~\n\t]{0,64}") {
            let text = format!("-----BEGIN PRIVATE KEY-----\n{body}\n");
            let json = serde_json::to_string(&text).expect("JSON");
            let pem = read(&json).expect("read");
            prop_assert_eq!(pem.secret(), text.as_bytes());
        }
    }
}
