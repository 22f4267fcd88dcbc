//! What a client asks (RFC 9987 section 5).

use super::cursor::Cursor;
use super::{Flaw, Malformed, Message};

/// SSH_AGENTC_REQUEST_IDENTITIES.
const REQUEST_IDENTITIES: u8 = 11;
/// The same, the whole body.
pub const LIST: [u8; 1] = [REQUEST_IDENTITIES];
/// SSH_AGENTC_SIGN_REQUEST.
const SIGN_REQUEST: u8 = 13;
/// SSH_AGENTC_EXTENSION.
const EXTENSION: u8 = 27;

/// The extension that asks for the names of extensions (RFC 9987 section 5.8.1).
pub(super) const QUERY: &[u8] = b"query";
/// The extension that ties a connection to a session (OpenSSH's PROTOCOL.agent, section 1).
pub(super) const SESSION_BIND: &[u8] = b"session-bind@openssh.com";

/// What a client asks. Everything that is let through is here; the rest is one word for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// The list of keys (section 5.5).
    List,
    /// A signature (section 5.6).
    Sign {
        /// The public key, as it stands in the agent's list.
        key: &'a [u8],
        /// What is to be signed.
        data: &'a [u8],
        /// Which hash an RSA key uses (section 5.6.1); the agent judges them.
        flags: u32,
    },
    /// The connection belongs to this session.
    Bind(Bind<'a>),
    /// The names of extensions.
    Query,
    /// A request of this type, or an extension of another name, that nobody is given.
    Other(u8),
}

/// `session-bind@openssh.com`: a claim, until the agent has checked the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The server's public host key.
    pub host_key: &'a [u8],
    /// The session identifier: the exchange hash of the first key exchange.
    pub session: &'a [u8],
    /// The host key's signature of `session`.
    pub signature: &'a [u8],
    /// What follows comes from the other end of that session, not from its own authentication. Every
    /// byte but 0 says so, as in OpenSSH.
    pub is_forwarding: bool,
}

impl<'a> Request<'a> {
    /// Reads the body of a message, all of it.
    ///
    /// # Errors
    /// For a request of a known type that is cut short or goes on after its last field.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(body);
        let (message, request) = match cursor.byte() {
            None => (Message::Request, None),
            Some(REQUEST_IDENTITIES) => (Message::List, Some(Self::List)),
            Some(SIGN_REQUEST) => (Message::Sign, sign(&mut cursor)),
            Some(EXTENSION) => match cursor.string() {
                None => (Message::Extension, None),
                Some(QUERY) => (Message::Query, Some(Self::Query)),
                Some(SESSION_BIND) => (Message::Bind, bind(&mut cursor).map(Self::Bind)),
                Some(_) => return Ok(Self::Other(EXTENSION)),
            },
            Some(other) => return Ok(Self::Other(other)),
        };
        match request {
            None => Err(Malformed { message, flaw: Flaw::CutShort }),
            Some(_) if !cursor.is_at_end() => Err(Malformed { message, flaw: Flaw::LeftOver }),
            Some(request) => Ok(request),
        }
    }
}

fn sign<'a>(cursor: &mut Cursor<'a>) -> Option<Request<'a>> {
    Some(Request::Sign { key: cursor.string()?, data: cursor.string()?, flags: cursor.u32()? })
}

fn bind<'a>(cursor: &mut Cursor<'a>) -> Option<Bind<'a>> {
    Some(Bind {
        host_key: cursor.string()?,
        session: cursor.string()?,
        signature: cursor.string()?,
        is_forwarding: cursor.boolean()?,
    })
}

#[cfg(test)]
mod tests;
