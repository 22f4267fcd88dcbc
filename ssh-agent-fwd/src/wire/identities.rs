//! The agent's list of keys, and what is left of it (RFC 9987 section 5.5).

use super::cursor::Cursor;
use super::reply::IDENTITIES_ANSWER;
use super::{Flaw, Malformed, Message};
use crate::key::KeyBlob;

/// The most keys that a list may name: ssh(1) gives up on a longer one (MAX_AGENT_IDENTITIES of OpenSSH's
/// authfd.c).
pub const MAX_IDENTITIES: u32 = 2048;

/// A list of keys, in the agent's order.
#[derive(Debug)]
pub struct Identities<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Debug)]
struct Entry<'a> {
    key: KeyBlob,
    comment: &'a [u8],
    /// The key and its comment as they stand in the list.
    raw: &'a [u8],
}

impl<'a> Identities<'a> {
    /// Reads the body of the agent's reply, all of it.
    ///
    /// # Errors
    /// When it is no list, names more keys than it holds or than [`MAX_IDENTITIES`], or goes on after them.
    pub fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let malformed = |flaw| Malformed { message: Message::Identities, flaw };
        let mut cursor = Cursor::new(body);
        if cursor.byte() != Some(IDENTITIES_ANSWER) {
            return Err(malformed(Flaw::OtherType));
        }
        let count = cursor.u32().ok_or(malformed(Flaw::CutShort))?;
        if count > MAX_IDENTITIES {
            return Err(malformed(Flaw::TooMany));
        }
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(Entry::read(&mut cursor).ok_or(malformed(Flaw::CutShort))?);
        }
        if !cursor.is_at_end() {
            return Err(malformed(Flaw::LeftOver));
        }
        Ok(Self { entries })
    }

    /// The keys, in the agent's order.
    pub fn keys(&self) -> impl Iterator<Item = &KeyBlob> {
        self.entries.iter().map(|entry| &entry.key)
    }

    /// Their comments, in the same order; foreign bytes.
    pub fn comments(&self) -> impl Iterator<Item = &'a [u8]> {
        self.entries.iter().map(|entry| entry.comment)
    }

    /// The body of a list of the keys that are kept, in the same order, their comments untouched: the order
    /// decides which key a client offers first, and servers count the offers.
    #[must_use]
    pub fn kept(&self, mut keep: impl FnMut(&KeyBlob) -> bool) -> Vec<u8> {
        let kept: Vec<&[u8]> =
            self.entries.iter().filter(|entry| keep(&entry.key)).map(|entry| entry.raw).collect();
        let mut body = vec![IDENTITIES_ANSWER];
        // There are no more than MAX_IDENTITIES.
        body.extend_from_slice(&(kept.len() as u32).to_be_bytes());
        kept.iter().for_each(|raw| body.extend_from_slice(raw));
        body
    }
}

impl<'a> Entry<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let raw = cursor.strings(2)?;
        let mut fields = Cursor::new(raw);
        Some(Self { key: KeyBlob::of(fields.string()?), comment: fields.string()?, raw })
    }
}

#[cfg(test)]
mod tests;
