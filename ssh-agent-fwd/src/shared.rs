//! What all connections have in common: the policy of the moment, the buckets, the agent and the record.

mod in_flight;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use crate::bucket::Buckets;
use crate::key::Fingerprint;
use crate::policy::Policy;
use crate::record::Recorder;

pub use in_flight::{InFlight, Turn};

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
    buckets: Mutex<Buckets>,
}

impl Shared {
    /// With this policy, all buckets full.
    #[must_use]
    pub fn new(agent: PathBuf, policy: Policy, recorder: Recorder) -> Self {
        let buckets = Mutex::new(Buckets::new(policy.rate));
        Self {
            agent,
            recorder,
            in_flight: InFlight::default(),
            policy: RwLock::new(Arc::new(policy)),
            buckets,
        }
    }

    /// The policy of the moment.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this policy, for connections that are open, too.
    pub fn set_policy(&self, policy: Policy) {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).set_rate(policy.rate);
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// Takes a token for a signature with this key.
    #[must_use]
    pub fn take_token(&self, uid: u32, key: &Fingerprint) -> bool {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).take(uid, key, Instant::now())
    }
}
