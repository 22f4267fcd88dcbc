//! The signed part of a public key login (RFC 4252 section 7; OpenSSH's PROTOCOL for
//! `publickey-hostbound-v00@openssh.com`).

use crate::key::KeyBlob;
use crate::wire::cursor::Cursor;

/// The longest session identifier, in bytes: AGENT_MAX_SID_LEN of OpenSSH's ssh-agent.c. It is a hash.
pub const MAX_SESSION: usize = 128;

/// SSH_MSG_USERAUTH_REQUEST.
const USERAUTH_REQUEST: u8 = 50;
/// The boolean before the algorithm: a signature follows. The server signs no other true than 1.
const SIGNATURE_FOLLOWS: u8 = 1;
const SERVICE: &str = "ssh-connection";
const PUBLICKEY: &str = "publickey";
const HOSTBOUND: &str = "publickey-hostbound-v00@openssh.com";

/// A login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserAuth<'a> {
    /// The session in which the signature counts, and in no other.
    pub session: &'a [u8],
    /// The account on the server. Hostile text.
    pub user: &'a str,
    /// The server's host key, where the signature counts for that server alone: the server compares it with
    /// its own (OpenSSH's auth2-pubkey.c).
    pub host_key: Option<&'a [u8]>,
    /// The signature algorithm, one that the key signs with.
    pub algorithm: &'a str,
}

impl<'a> UserAuth<'a> {
    /// The login that this is, with this key; `None` when it is none.
    pub(super) fn read(data: &'a [u8], key: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(data);
        let session = cursor.string()?;
        let number = cursor.byte()?;
        let (user, service, method) = (cursor.text()?, cursor.text()?, cursor.text()?);
        let signature_follows = cursor.byte()?;
        let (algorithm, signer) = (cursor.text()?, cursor.string()?);
        let host_key = match method {
            PUBLICKEY => None,
            HOSTBOUND => Some(cursor.string()?),
            _ => return None,
        };
        let is_login = (1..=MAX_SESSION).contains(&session.len())
            && number == USERAUTH_REQUEST
            && service == SERVICE
            && signature_follows == SIGNATURE_FOLLOWS
            && signer == key
            && signs_as(key, algorithm)
            && cursor.is_at_end();
        is_login.then_some(Self { session, user, host_key, algorithm })
    }
}

/// A key signs as its type says; RSA keys with newer hashes too (RFC 8332, PROTOCOL.certkeys).
fn signs_as(key: &[u8], algorithm: &str) -> bool {
    match (KeyBlob::of(key).algorithm(), algorithm) {
        (Some("ssh-rsa"), "rsa-sha2-256" | "rsa-sha2-512")
        | (
            Some("ssh-rsa-cert-v01@openssh.com"),
            "rsa-sha2-256-cert-v01@openssh.com" | "rsa-sha2-512-cert-v01@openssh.com",
        ) => true,
        (kind, algorithm) => kind == Some(algorithm),
    }
}
