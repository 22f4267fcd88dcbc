//! What a node does with a command.

use std::sync::Arc;
use std::time::Duration;

use super::run::Ran;

/// What a node does with a command, over time.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// How many looks, by list or by get, do not find the invocation yet: the service is eventually
    /// consistent.
    pub unseen: u32,
    /// How long it is pending before the agent gets it.
    pub pending: Duration,
    /// How long it is in progress at least, from there on.
    pub lasting: Duration,
    /// Instead of the TimeoutSeconds of the command, of which the API takes no less than 30.
    pub delivery_timeout: Option<Duration>,
    /// How it ends.
    pub end: End,
}

/// How a command ends on a node.
#[derive(Clone, Default)]
pub enum End {
    /// As its script does on the node's machine.
    #[default]
    Ran,
    /// As its script does on the machine of the node of that id: here nothing happens, and what is said
    /// of it is well-formed.
    RanBy(String),
    /// As its script does on the node's machine, but another result is reported.
    Altered(Arc<dyn Fn(Ran) -> Ran + Send + Sync>),
    /// Nothing runs; this is reported of the text of the script.
    Claims(Arc<dyn Fn(&str) -> Ran + Send + Sync>),
    /// It runs on the node's machine, if it has one, and is in progress for ever: the agent is gone.
    Silent,
    /// Nothing runs, and it is in progress until its execution timeout would have killed it: exit code 137.
    ExecutionTimedOut,
    /// It is never delivered: delayed, until the delivery timeout is over.
    DeliveryTimedOut,
    /// It cannot be delivered.
    Undeliverable,
    /// Somebody cancels it while it is in progress.
    Cancelled,
    /// The command had too many errors on other nodes (MaxErrors).
    Terminated,
}

impl Behaviour {
    /// Ends that way, at once.
    #[must_use]
    pub fn ends(end: End) -> Self {
        Self { end, ..Self::default() }
    }

    /// Nothing runs; it ends with that exit code and those outputs.
    #[must_use]
    pub fn claims(code: i32, stdout: &str, stderr: &str) -> Self {
        let ran = Ran { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() };
        Self::ends(End::Claims(Arc::new(move |_| ran.clone())))
    }

    /// It runs, and standard output has more before and after what the script said.
    #[must_use]
    pub fn noise(before: &str, after: &str) -> Self {
        let (before, after) = (before.to_owned(), after.to_owned());
        Self::ends(End::Altered(Arc::new(move |ran| {
            let stdout = format!("{before}{}{after}", ran.stdout);
            Ran { stdout, ..ran }
        })))
    }
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ran => "Ran",
            Self::RanBy(_) => "RanBy",
            Self::Altered(_) => "Altered",
            Self::Claims(_) => "Claims",
            Self::Silent => "Silent",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::DeliveryTimedOut => "DeliveryTimedOut",
            Self::Undeliverable => "Undeliverable",
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
        })
    }
}
