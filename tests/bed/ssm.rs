//! An SSM endpoint of the tests' own, to which the real `aws` talks: Run Command with what fleets do to
//! those who use it.
//!
//! What is sent runs: as the agent's child on the test host that a node stands for, and what a node
//! answers is what its script said there. A [`Behaviour`] lets a node be late, silent or a liar, and a
//! [`Fault`] lets the service itself fail. The shapes of requests and answers are those of the API
//! (Systems Manager API Reference, and service-2.json of botocore), the cuts and exit codes those of the
//! agent's source. What it does not do: MaxConcurrency and MaxErrors are taken and shown, and all nodes
//! get a command at once, as with the API's own default of 50 for what one call can name.

mod behaviour;
mod call;
mod clock;
mod command;
mod fault;
mod fields;
mod http;
mod machine;
mod node;
mod operations;
mod output;
mod page;
mod refusal;
mod run;
mod runner;
mod server;
mod stage;
mod state;
mod stop;

pub use behaviour::{Behaviour, End};
pub use call::{Call, Operation};
pub use fault::Fault;
pub use machine::Machine;
pub use node::{Node, Ping, Platform};
pub use run::Ran;

use std::net::SocketAddr;
use std::sync::Arc;

use server::Server;
use state::Shared;

/// The region in which it says that it is.
pub const REGION: &str = "eu-west-1";

/// The account that it says that it serves; one that documentation uses.
pub const ACCOUNT: &str = "123456789012";

/// An endpoint that listens until it is dropped.
pub struct Endpoint {
    shared: Arc<Shared>,
    server: Server,
}

impl Endpoint {
    /// Listens on a free port of the loopback address, with no node.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn start() -> Self {
        let shared = Arc::new(Shared::new());
        Self { server: Server::start(&shared), shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where it listens, as --endpoint-url takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Registers a node, in the order in which lists have them.
    ///
    /// # Panics
    /// When that id is registered already.
    pub fn add(&self, node: Node) {
        let mut state = self.shared.state();
        assert!(state.node(&node.id).is_none(), "{} is registered twice", node.id);
        state.nodes.push(node);
    }

    /// Changes what a node is from now on: its ping status, its behaviours for the commands to come, …
    ///
    /// # Panics
    /// When there is no such node.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Node)) {
        let mut state = self.shared.state();
        let node = state.nodes.iter_mut().find(|node| node.id == id);
        change(node.unwrap_or_else(|| panic!("no node {id}")));
    }

    /// Has the commands that a node got so far go on that way, so that a test need not wait for a time to
    /// pass. What waits to be run on a machine still waits as long as it was to.
    pub fn proceed(&self, id: &str, behaviour: &Behaviour) {
        let mut state = self.shared.state();
        let invocations = state.commands.iter_mut().flat_map(|command| &mut command.invocations);
        for invocation in invocations.filter(|invocation| invocation.instance == id) {
            invocation.behaviour = behaviour.clone();
        }
    }

    /// Lets the next `times` calls of an operation fail that way, after those that are to fail already.
    pub fn fault(&self, operation: Operation, fault: Fault, times: usize) {
        self.shared.state().faults.push(operation, fault, times);
    }

    /// How many rows a page of a list has at most, whatever the caller asks for; at first the API's 50.
    pub fn page_size(&self, rows: usize) {
        self.shared.state().page_size = rows;
    }

    /// Each call so far, oldest first, with those that failed and those that the CLI repeated.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The calls of one operation.
    #[must_use]
    pub fn calls_of(&self, operation: Operation) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.operation == operation).collect()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.shared.state().calls.clear();
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.stop.now();
        self.server.join();
        self.shared.join_runs();
    }
}
