//! The decision: pure, and the same for a client and for `check`.

use super::reason::{Proof, Reason};
use super::{HostKey, Hosts, KeyRule, Policy};
use crate::bindings::Bindings;
use crate::key::KeyBlob;
use crate::signed::{Signed, UserAuth};

/// How the type of every certificate of OpenSSH's ends (PROTOCOL.certkeys).
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// What is decided, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is done.
    Allow {
        /// Why.
        reason: Reason,
    },
    /// It is refused.
    Deny {
        /// Why.
        reason: Reason,
    },
}

impl Decision {
    /// Whether it is done.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        match self {
            Self::Allow { reason } | Self::Deny { reason } => reason,
        }
    }
}

impl From<Result<Reason, Reason>> for Decision {
    fn from(judged: Result<Reason, Reason>) -> Self {
        match judged {
            Ok(reason) => Self::Allow { reason },
            Err(reason) => Self::Deny { reason },
        }
    }
}

/// Whether this may be signed with the key that the request names, on a connection that is bound so. The first rule of
/// the key that allows it does.
#[must_use]
pub fn decide(policy: &Policy, bindings: &Bindings, key: &KeyBlob, signed: &Signed<'_>) -> Decision {
    let key = key.plain();
    let mut denied = Reason::KeyNotListed(key.clone());
    for rule in policy.rules_of(&key) {
        match judge(rule, bindings, signed) {
            Ok(reason) => return Decision::Allow { reason },
            Err(reason) if reason.depth() > denied.depth() => denied = reason,
            Err(_) => {}
        }
    }
    Decision::Deny { reason: denied }
}

/// Whether keys may be listed at all on this connection; which, says [`is_listed`].
#[must_use]
pub fn may_list(policy: &Policy, bindings: &Bindings) -> Decision {
    let forwarded = bindings.is_forwarding() && !policy.keys.iter().any(|rule| rule.forwarded);
    if forwarded { Err(Reason::Forwarded) } else { Ok(Reason::List) }.into()
}

/// Whether this key of the agent's is in the list that the client gets.
#[must_use]
pub fn is_listed(policy: &Policy, bindings: &Bindings, key: &KeyBlob) -> bool {
    policy.rules_of(&key.plain()).any(|rule| rule.forwarded || !bindings.is_forwarding())
}

/// Whether it is a certificate, of a type that is known here or not.
pub(crate) fn is_certificate(key: &KeyBlob) -> bool {
    key.algorithm().is_some_and(|name| name.ends_with(CERTIFICATE))
}

/// What one rule says.
pub(super) fn judge(rule: &KeyRule, bindings: &Bindings, signed: &Signed<'_>) -> Result<Reason, Reason> {
    if bindings.is_forwarding() && !rule.forwarded {
        return Err(Reason::Forwarded);
    }
    match signed {
        Signed::UserAuth(login) => judge_login(rule, bindings, login),
        Signed::SshSig(signature) if is_in(&rule.namespaces, signature.namespace) => {
            Ok(Reason::Namespace(signature.namespace.to_owned()))
        }
        Signed::SshSig(signature) => Err(Reason::NamespaceNotAllowed {
            namespace: signature.namespace.to_owned(),
            allowed: rule.namespaces.clone(),
        }),
        Signed::Opaque if rule.opaque => Ok(Reason::Opaque),
        Signed::Opaque => Err(Reason::OpaqueNotAllowed),
    }
}

/// Where a login is, without trust in the client: a host key counts when the server will compare it with its own
/// (PROTOCOL section 3.1, auth2-pubkey.c), or when the agent has verified it for this very session.
fn judge_login(rule: &KeyRule, bindings: &Bindings, login: &UserAuth<'_>) -> Result<Reason, Reason> {
    if !is_in(&rule.users, login.user) {
        return Err(Reason::UserNotAllowed { user: login.user.to_owned(), allowed: rule.users.clone() });
    }
    let signed = login.host_key.map(KeyBlob::of);
    let bound = bindings.verified(login.session);
    let shown = match (&signed, bound) {
        (Some(signed), Some(bound)) if signed != bound => {
            return Err(Reason::HostKeysDisagree { signed: signed.clone(), bound: bound.clone() });
        }
        (Some(signed), _) => Some((signed, Proof::Hostbound)),
        (None, bound) => bound.map(|bound| (bound, Proof::SessionBind)),
    };
    match (&rule.hosts, shown) {
        (Hosts::Any, _) => Ok(Reason::AnyHost),
        (Hosts::Keys(allowed), Some((host_key, proof))) => judge_host(allowed, host_key, proof),
        (Hosts::Keys(_), None) if bindings.is_bound() => Err(Reason::OtherSession),
        (Hosts::Keys(_), None) => Err(Reason::NotBound),
    }
}

fn judge_host(allowed: &[HostKey], host_key: &KeyBlob, proof: Proof) -> Result<Reason, Reason> {
    if is_certificate(host_key) {
        return Err(Reason::HostCertificate(host_key.clone()));
    }
    let mut hosts: Vec<String> = Vec::new();
    for host in allowed.iter().filter(|host| host.key == *host_key) {
        if !hosts.contains(&host.name) {
            hosts.push(host.name.clone());
        }
    }
    if hosts.is_empty() {
        return Err(Reason::HostNotAllowed { presented: host_key.clone(), allowed: allowed.to_vec() });
    }
    Ok(Reason::Host { hosts, proof })
}

fn is_in(allowed: &[String], text: &str) -> bool {
    allowed.iter().any(|allowed| allowed == text)
}

#[cfg(test)]
mod tests;
