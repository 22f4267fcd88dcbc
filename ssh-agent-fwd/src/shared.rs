//! What all connections have in common: the policy of the moment, the buckets, the agent and the record.

mod in_flight;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use crate::bucket::Buckets;
use crate::key::Fingerprint;
use crate::policy::{Policy, Rate};
use crate::record::Recorder;

pub use in_flight::{InFlight, Turn};

/// How often a user may have the agent verify a session-bind. It works for one client at a time, and the largest host keys
/// that it takes cost it 10 ms. A login that names its host key needs none.
pub const BINDS: Rate = Rate { burst: 64, milli_per_s: 16_000 };

/// What all connections have in common.
#[derive(Debug)]
pub struct Shared {
    /// The agent's socket.
    pub agent: PathBuf,
    /// Where records go.
    pub recorder: Recorder,
    /// The requests that are being answered.
    pub in_flight: InFlight,
    policy: RwLock<Arc<Policy>>,
    signatures: Mutex<Buckets<(u32, Fingerprint)>>,
    binds: Mutex<Buckets<u32>>,
}

impl Shared {
    /// With this policy, all buckets full.
    #[must_use]
    pub fn new(agent: PathBuf, policy: Policy, recorder: Recorder) -> Self {
        let (signatures, binds) = (Mutex::new(Buckets::new(policy.rate)), Mutex::new(Buckets::new(BINDS)));
        Self {
            agent,
            recorder,
            in_flight: InFlight::default(),
            policy: RwLock::new(Arc::new(policy)),
            signatures,
            binds,
        }
    }

    /// The policy of the moment.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this policy, for connections that are open, too.
    pub fn set_policy(&self, policy: Policy) {
        held(&self.signatures).set_rate(policy.rate);
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// Takes a token for a signature with this key.
    #[must_use]
    pub fn take_token(&self, uid: u32, key: &Fingerprint) -> bool {
        held(&self.signatures).take((uid, *key), Instant::now())
    }

    /// Takes a token for a session-bind.
    #[must_use]
    pub fn take_bind(&self, uid: u32) -> bool {
        held(&self.binds).take(uid, Instant::now())
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
