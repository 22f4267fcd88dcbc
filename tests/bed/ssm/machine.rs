//! Where the commands of a node run.

use std::sync::Arc;

use crate::agent::Agent;

/// Where the commands of a node run.
#[derive(Clone)]
pub enum Machine {
    /// On a test host, below the stand-in agent, which has to be there.
    Host(Arc<Agent>),
    /// Where those of the node of that id run, once for all that share a command.
    Like(String),
    /// Nowhere.
    None,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(agent) => write!(f, "Host({})", agent.name()),
            Self::Like(of) => write!(f, "Like({of})"),
            Self::None => f.write_str("None"),
        }
    }
}
