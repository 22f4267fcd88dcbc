//! Why something is signed, or is not.

use std::fmt;

use super::{HostKey, Rate};
use crate::key::KeyBlob;

/// Most characters of a text of the client's that a sentence quotes.
const MAX_QUOTED: usize = 64;
/// Most names that a sentence lists.
const MAX_LISTED: usize = 8;

/// What shows where a login is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The signed data itself names the host key (publickey-hostbound-v00@openssh.com): a server with another
    /// one does not take it (auth2-pubkey.c).
    Hostbound,
    /// The agent has verified that the host key signed the session that the data names.
    SessionBind,
}

/// Why: what was compared with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A login at these hosts, which hold the host key.
    Host {
        /// Their names.
        hosts: Vec<String>,
        /// What shows it.
        proof: Proof,
    },
    /// A login anywhere.
    AnyHost,
    /// A signature in this namespace.
    Namespace(String),
    /// Whatever it is.
    Opaque,
    /// The list of keys.
    List,

    /// No rule is about the key.
    KeyNotListed(KeyBlob),
    /// The connection was forwarded.
    Forwarded,
    /// Neither a login nor an SSHSIG signature.
    OpaqueNotAllowed,
    /// A signature for something else.
    NamespaceNotAllowed {
        /// What for.
        namespace: String,
        /// What may be.
        allowed: Vec<String>,
    },
    /// A login as somebody else.
    UserNotAllowed {
        /// As whom.
        user: String,
        /// As whom it may be.
        allowed: Vec<String>,
    },
    /// The data name one host key, and the connection is bound to another.
    HostKeysDisagree {
        /// The one in the data.
        signed: KeyBlob,
        /// The one of the verified session-bind.
        bound: KeyBlob,
    },
    /// Nothing shows where the login is.
    NotBound,
    /// The login is in another session than the connection is bound to.
    OtherSession,
    /// The host presents a certificate.
    HostCertificate(KeyBlob),
    /// A login at another host.
    HostNotAllowed {
        /// The host key.
        presented: KeyBlob,
        /// Those that may be.
        allowed: Vec<HostKey>,
    },
    /// Too often: no token is left.
    TooOften(Rate),
}

impl Reason {
    /// The word for programs; it does not change from version to version.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Host { proof: Proof::Hostbound, .. } => "hostbound",
            Self::Host { proof: Proof::SessionBind, .. } => "session-bound",
            Self::AnyHost => "any-host",
            Self::Namespace(_) => "namespace",
            Self::Opaque => "opaque",
            Self::List => "list",
            Self::KeyNotListed(_) => "key-not-listed",
            Self::Forwarded => "forwarded",
            Self::OpaqueNotAllowed => "opaque-not-allowed",
            Self::NamespaceNotAllowed { .. } => "namespace-not-allowed",
            Self::UserNotAllowed { .. } => "user-not-allowed",
            Self::HostKeysDisagree { .. } => "host-keys-disagree",
            Self::NotBound => "not-bound",
            Self::OtherSession => "other-session",
            Self::HostCertificate(_) => "host-certificate",
            Self::HostNotAllowed { .. } => "host-not-allowed",
            Self::TooOften(_) => "too-often",
        }
    }

    /// How far the comparison with a rule came: of several denials the one that came furthest is the one that helps.
    pub(super) const fn depth(&self) -> u8 {
        match self {
            Self::KeyNotListed(_) => 0,
            Self::Forwarded => 1,
            Self::OpaqueNotAllowed | Self::NamespaceNotAllowed { .. } | Self::UserNotAllowed { .. } => 2,
            _ => 3,
        }
    }
}

/// The sentence for people. What the client said in it is cut and escaped.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { hosts, proof: Proof::Hostbound } => {
                write!(f, "the data to be signed name the host key of {}", listed(hosts))
            }
            Self::Host { hosts, proof: Proof::SessionBind } => {
                write!(f, "the connection is bound to this session with {}, as the agent has verified", listed(hosts))
            }
            Self::AnyHost => f.write_str("this user may log in with this key at any host"),
            Self::Namespace(namespace) => {
                write!(f, "the key may make SSHSIG signatures in namespace {}", quoted(namespace))
            }
            Self::Opaque => f.write_str("the key may sign what is neither a login nor an SSHSIG signature"),
            Self::List => f.write_str("the keys that policy names may be listed"),
            Self::KeyNotListed(key) => {
                write!(f, "the policy has no rule for key {}", key.fingerprint())
            }
            Self::Forwarded => f.write_str(
                "a session-bind on this connection says that it is forwarded to another host (ssh -A), and no rule of \
                 this key allows that",
            ),
            Self::OpaqueNotAllowed => f.write_str(
                "the data to be signed are neither a login with this key nor an SSHSIG signature, and the rule does not \
                 allow anything else",
            ),
            Self::NamespaceNotAllowed { namespace, allowed } => {
                write!(f, "the SSHSIG namespace is {}, and the rule allows {}", quoted(namespace), listed(allowed))
            }
            Self::UserNotAllowed { user, allowed } => {
                write!(f, "the login is as {}, and the rule allows {}", quoted(user), listed(allowed))
            }
            Self::HostKeysDisagree { signed, bound } => write!(
                f,
                "the data to be signed name host key {}, and the connection is bound to this session with host key {}",
                shown(signed),
                shown(bound)
            ),
            Self::NotBound => f.write_str(
                "the rule allows certain hosts, and nothing shows where this login is: the data name no host key, and \
                 the agent has verified no session-bind on this connection; use OpenSSH 8.9 or later",
            ),
            Self::OtherSession => f.write_str(
                "the rule allows certain hosts, the data to be signed name no host key, and their session is not the one \
                 that the agent has verified on this connection",
            ),
            Self::HostCertificate(key) => write!(
                f,
                "the host presents a certificate ({}), and host certificates are not supported: let it present its \
                 plain key (HostKeyAlgorithms, ssh_config(5))",
                shown(key)
            ),
            Self::HostNotAllowed { presented, allowed } => {
                let allowed: Vec<String> =
                    allowed.iter().map(|HostKey { name, key }| format!("{name} ({})", shown(key))).collect();
                write!(f, "the host key is {}, and the rule allows {}", shown(presented), listed(&allowed))
            }
            Self::TooOften(rate) => {
                write!(f, "this user has used up what the key may sign: {rate}; wait, or raise the rate")
            }
        }
    }
}

/// A text of the client's: cut, escaped, and seen to begin and end.
fn quoted(text: &str) -> String {
    let kept: String = text.chars().take(MAX_QUOTED).collect();
    let cut = if kept.len() < text.len() { "…" } else { "" };
    format!("'{}{cut}'", diagnostics::one_line(&kept))
}

/// Texts of the policy's.
fn listed(texts: &[String]) -> String {
    let mut listed = match texts {
        [] => "none".to_owned(),
        _ => texts.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join(", "),
    };
    if let Some(more @ 1..) = texts.len().checked_sub(MAX_LISTED) {
        listed.push_str(&format!(" and {more} more"));
    }
    diagnostics::one_line(&listed)
}

/// A key, with its type where that is a plain word.
fn shown(key: &KeyBlob) -> String {
    let fingerprint = key.fingerprint();
    key.algorithm().map_or_else(|| fingerprint.to_string(), |name| format!("{name} {fingerprint}"))
}

#[cfg(test)]
mod tests;
