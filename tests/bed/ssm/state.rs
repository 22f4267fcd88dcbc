//! What the endpoint knows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::call::Call;
use super::command::Command;
use super::fault::Faults;
use super::node::Node;
use super::page;
use super::run::Run;
use super::runner::Job;
use super::stop::Stop;

/// What its threads share.
pub(super) struct Shared {
    pub(super) stop: Stop,
    state: Mutex<State>,
    runs: Mutex<Vec<JoinHandle<()>>>,
}

/// What changes.
pub(super) struct State {
    pub(super) nodes: Vec<Node>,
    pub(super) commands: Vec<Command>,
    pub(super) faults: Faults,
    pub(super) calls: Vec<Call>,
    pub(super) page_size: usize,
}

impl Shared {
    pub(super) fn new() -> Self {
        let state = State {
            nodes: Vec::new(),
            commands: Vec::new(),
            faults: Faults::default(),
            calls: Vec::new(),
            page_size: page::MOST,
        };
        Self { stop: Stop::default(), state: Mutex::new(state), runs: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a job, apart.
    pub(super) fn run(self: &Arc<Self>, job: Job) -> Arc<Run> {
        let run = Arc::new(Run::default());
        let (shared, run_there) = (Arc::clone(self), Arc::clone(&run));
        let thread = thread::spawn(move || job.run(&run_there, &shared.stop));
        self.runs().push(thread);
        run
    }

    /// Awaits the runs, which end once [`Self::stop`] has it that they are to.
    pub(super) fn join_runs(&self) {
        for run in std::mem::take(&mut *self.runs()) {
            let _ = run.join();
        }
    }

    fn runs(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    pub(super) fn command(&mut self, id: &str) -> Option<&mut Command> {
        self.commands.iter_mut().find(|command| command.id == id)
    }
}
