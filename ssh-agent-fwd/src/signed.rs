//! What a client wants signed.
//!
//! The data of a request says what the signature is for. It is read strictly: whatever is not, to the last
//! byte, one of the two layouts that are known is opaque, and nobody knows what a signature of it is good for.

mod sshsig;
mod userauth;

pub use sshsig::{Hash, SshSig};
pub use userauth::{MAX_SESSION, UserAuth};

/// What the data of a sign request is. The two layouts never overlap: `SSHS` as the length of a session
/// identifier is more than a frame can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed<'a> {
    /// A login.
    UserAuth(UserAuth<'a>),
    /// A signature of a file, a commit or a message, as `ssh-keygen -Y sign` makes them.
    SshSig(SshSig<'a>),
    /// Anything else: a certificate, a host's key exchange, a challenge, or bytes made to look like a login.
    Opaque,
}

impl<'a> Signed<'a> {
    /// What this data is, when it is to be signed with this key of the agent's.
    #[must_use]
    pub fn classify(data: &'a [u8], key: &[u8]) -> Self {
        let login = UserAuth::read(data, key).map(Self::UserAuth);
        login.or_else(|| SshSig::read(data).map(Self::SshSig)).unwrap_or(Self::Opaque)
    }

    /// The word for programs; it does not change from version to version.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::UserAuth(_) => "userauth",
            Self::SshSig(_) => "sshsig",
            Self::Opaque => "opaque",
        }
    }
}

#[cfg(test)]
mod tests;
