//! A private key as text, on its way to ssh-add(1): read once, checked before anything is changed, overwritten when it
//! goes.

mod format;
mod source;

use std::fmt;

use diagnostics::{Failure, one_line};
use zeroize::Zeroizing;

use crate::erase::KeyFile;
use crate::key::KeyBlob;
use crate::manifest::{KeySource, MAX_KEY};

use format::{Kind, kind};

/// The text of a private key without a passphrase. It is never shown.
pub struct Material {
    text: Zeroizing<Vec<u8>>,
    public: Option<KeyBlob>,
    from: String,
}

/// Nothing of the key.
impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Material({})", self.from)
    }
}

impl Material {
    /// Reads a key from its place; of a path also the file, held so that it can be erased.
    ///
    /// # Errors
    /// `key-unreadable`; `key-untrusted` for a file that others can read or change, or that has another name;
    /// `key-invalid` for what is no private key; `key-encrypted` for one with a passphrase.
    pub fn read(source: &KeySource) -> Result<(Self, Option<KeyFile>), Failure> {
        let from = shown(source);
        let (text, file) = match source {
            KeySource::Pem(pem) => (copy(pem.secret()), None),
            KeySource::Path(path) => {
                let (text, file) = source::path(path.as_path(), &from)?;
                (text, Some(file))
            }
            KeySource::Fd(number) => (source::descriptor(*number, &from)?, None),
            KeySource::Credential(name) => (source::credential(name, &from)?, None),
        };
        Self::of(text, from).map(|material| (material, file))
    }

    fn of(text: Zeroizing<Vec<u8>>, from: String) -> Result<Self, Failure> {
        let text = plain_lines(text);
        match kind(&text) {
            Some(Kind::Plain { public }) => Ok(Self { text, public, from }),
            Some(Kind::Encrypted) => Err(encrypted(&from)),
            None => {
                let why = "it is no private key: it has to begin with -----BEGIN … PRIVATE KEY-----, and to be whole";
                Err(Failure::new("key-invalid", format!("{from}: {why}")))
            }
        }
    }

    /// The text, for ssh-add(1) alone.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.text
    }

    /// Its public half, as far as the text has it: OpenSSH's format does, PEM does not.
    #[must_use]
    pub fn public(&self) -> Option<&KeyBlob> {
        self.public.as_ref()
    }

    /// Where it comes from, for messages: `the key /run/key`.
    #[must_use]
    pub fn from(&self) -> &str {
        &self.from
    }
}

/// Why a key with a passphrase is refused.
pub(crate) fn encrypted(from: &str) -> Failure {
    let help = "remove it (ssh-keygen -p), or load the key yourself (ssh-add)";
    Failure::new(
        "key-encrypted",
        format!("{from}: it has a passphrase, and nobody is here to type it: {help}"),
    )
}

/// What the operator calls it.
fn shown(source: &KeySource) -> String {
    match source {
        KeySource::Pem(_) => "the key in the manifest".to_owned(),
        KeySource::Path(path) => format!("the key {}", one_line(path.as_str())),
        KeySource::Fd(number) => format!("the key from descriptor {number}"),
        KeySource::Credential(name) => format!("the key of the credential {name}"),
    }
}

/// Room for a whole key, its last line end, and the byte that would be too much: a buffer that grows leaves copies.
fn room() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(MAX_KEY + 2))
}

fn copy(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = room();
    text.extend_from_slice(bytes);
    text
}

/// ssh-add(1) finds no key between lines that end with CR and LF, or when the last one does not end.
fn plain_lines(mut text: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    text.retain(|byte| *byte != b'\r');
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests;
