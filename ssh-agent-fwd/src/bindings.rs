//! What a connection is tied to, by `session-bind@openssh.com` (OpenSSH's PROTOCOL.agent, section 1).
//!
//! Nothing is verified here: the bind goes to the agent, which checks the host key's signature of the session, and
//! counts when the agent has answered SUCCESS. What speaks against a connection counts without any answer.

use crate::key::KeyBlob;
use crate::signed::MAX_SESSION;
use crate::wire::request::Bind;

/// Most sessions of one connection (ssh-agent.c, AGENT_MAX_SESSION_IDS).
pub const MAX_SESSIONS: usize = 16;
/// Longest host key that is remembered, in bytes: RSA of 16384 bits has 2 KiB, and certificates are refused anyway.
pub const MAX_HOST_KEY: usize = 16 * 1024;

/// A session that the agent has verified.
#[derive(Debug)]
struct Session {
    id: Vec<u8>,
    host_key: KeyBlob,
    is_forwarding: bool,
}

/// The sessions that one connection is tied to.
#[derive(Debug, Default)]
pub struct Bindings {
    sessions: Vec<Session>,
    is_forwarding: bool,
}

impl Bindings {
    /// Remembers a bind; `verified` when the agent answered SUCCESS to it.
    ///
    /// A session keeps what was said of it first. The agent answers SUCCESS to the same bind without the flag, and goes
    /// on holding the connection for a forwarded one (ssh-agent.c, process_ext_session_bind); so does this.
    pub fn record(&mut self, bind: &Bind<'_>, verified: bool) {
        self.is_forwarding |= bind.is_forwarding;
        let fits = bind.session.len() <= MAX_SESSION && bind.host_key.len() <= MAX_HOST_KEY;
        let is_known = self.sessions.iter().any(|session| session.id == bind.session);
        // No session follows the one that a client authenticates in.
        let is_over = self.sessions.len() == MAX_SESSIONS || self.is_bound();
        if verified && fits && !is_known && !is_over {
            self.sessions.push(Session {
                id: bind.session.to_vec(),
                host_key: KeyBlob::of(bind.host_key),
                is_forwarding: bind.is_forwarding,
            });
        }
    }

    /// A bind came that cannot be read: what it would have said is unknown, so the worst is taken for true.
    pub fn record_malformed(&mut self) {
        self.is_forwarding = true;
    }

    /// The host key of the session, when the agent has verified that this connection is for authentication in it.
    #[must_use]
    pub fn verified(&self, session: &[u8]) -> Option<&KeyBlob> {
        let of_it = |bound: &&Session| !bound.is_forwarding && bound.id == session;
        self.sessions.iter().find(of_it).map(|bound| &bound.host_key)
    }

    /// Whether the agent has verified a session for authentication, whichever.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_forwarding)
    }

    /// Whether what is asked here may come from another host: some bind said so, whatever the agent answered.
    #[must_use]
    pub const fn is_forwarding(&self) -> bool {
        self.is_forwarding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind<'a>(host_key: &'a [u8], session: &'a [u8], is_forwarding: bool) -> Bind<'a> {
        Bind { host_key, session, signature: b"", is_forwarding }
    }

    #[test]
    fn only_what_the_agent_verified_counts() {
        let mut bindings = Bindings::default();
        bindings.record(&bind(b"a", b"one", false), false);
        assert_eq!(bindings.verified(b"one"), None);
        assert!(!bindings.is_bound());
        bindings.record(&bind(b"a", b"one", false), true);
        assert_eq!(bindings.verified(b"one"), Some(&KeyBlob::of(b"a")));
        assert_eq!(bindings.verified(b"two"), None);
        assert!(bindings.is_bound());
        assert!(!bindings.is_forwarding());
    }

    #[test]
    fn a_connection_that_was_once_forwarded_stays_so_whatever_the_agent_answers() {
        for verified in [false, true] {
            let mut bindings = Bindings::default();
            bindings.record(&bind(b"a", b"one", true), verified);
            assert!(bindings.is_forwarding());
            // The agent says SUCCESS to this one when it had verified the first.
            bindings.record(&bind(b"a", b"one", false), verified);
            assert!(bindings.is_forwarding());
            assert_eq!(bindings.verified(b"one"), None, "it was bound for forwarding");
        }
        let mut late = Bindings::default();
        late.record(&bind(b"a", b"one", false), true);
        late.record(&bind(b"a", b"two", true), false);
        assert!(late.is_forwarding());
        let mut unread = Bindings::default();
        unread.record_malformed();
        assert!(unread.is_forwarding());
    }

    #[test]
    fn behind_a_forwarded_hop_the_last_session_is_the_verified_one() {
        let mut bindings = Bindings::default();
        bindings.record(&bind(b"hop", b"one", true), true);
        bindings.record(&bind(b"target", b"two", false), true);
        assert_eq!(bindings.verified(b"one"), None);
        assert_eq!(bindings.verified(b"two"), Some(&KeyBlob::of(b"target")));
    }

    #[test]
    fn the_first_session_for_authentication_is_the_last() {
        let mut bindings = Bindings::default();
        bindings.record(&bind(b"a", b"one", false), true);
        bindings.record(&bind(b"b", b"two", false), true);
        bindings.record(&bind(b"b", b"one", false), true);
        assert_eq!(bindings.verified(b"one"), Some(&KeyBlob::of(b"a")));
        assert_eq!(bindings.verified(b"two"), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut bindings = Bindings::default();
        for number in 0..=u8::try_from(MAX_SESSIONS).expect("few") {
            bindings.record(&bind(b"hop", &[number], true), true);
        }
        assert_eq!(bindings.sessions.len(), MAX_SESSIONS);
        bindings.record(&bind(b"a", b"late", false), true);
        assert_eq!(bindings.verified(b"late"), None, "the seventeenth");
        let mut long = Bindings::default();
        long.record(&bind(b"a", &[0; MAX_SESSION + 1], false), true);
        long.record(&bind(&[0; MAX_HOST_KEY + 1], b"one", false), true);
        assert!(!long.is_bound());
        long.record(&bind(&[0; MAX_HOST_KEY], &[0; MAX_SESSION], false), true);
        assert!(long.is_bound());
    }
}
