//! A generation that is coming: dropped before it is there, nothing is left of it.

use diagnostics::{Failure, complain};

use crate::down::files::{self, GiveBack};
use crate::down::generation::{Ending, take_down};
use crate::instance::{FileId, Generation, Instance, Service, State, Turn};
use crate::report::NAME;
use crate::ssh_files::Budget;
use crate::up::publish::Publication;

/// A generation that is coming.
#[derive(Debug)]
pub struct Change<'a> {
    instance: &'a Instance,
    /// Its folder.
    pub generation: Generation,
    /// What it has, and what it has touched.
    pub state: State,
    /// The one that serves meanwhile.
    before: Option<State>,
    /// The sockets of those that are there.
    ours: Vec<FileId>,
    budget: &'a Budget,
    is_there: bool,
}

impl<'a> Change<'a> {
    /// Makes its folder, and writes there what it is.
    ///
    /// # Errors
    /// `instance`; those of [`Publication::examine`].
    pub fn begin(instance: &'a Instance, service: Service, budget: &'a Budget) -> Result<Self, Failure> {
        let mut states = Vec::new();
        for generation in instance.generations()? {
            states.extend(generation.state()?);
        }
        let ours = states.iter().filter_map(|state| state.published).collect();
        let before = instance.serving()?.map_or(Ok(None), |serving| serving.state())?;
        let state = State::untouched(service)?;
        let generation = instance.begin()?;
        let change = Self { instance, generation, state, before, ours, budget, is_there: false };
        change.generation.write(&change.state)?;
        Publication::examine(&change.generation, &change.state, &change.ours)?;
        Ok(change)
    }

    /// Writes the ssh files.
    ///
    /// # Errors
    /// Those of [`files::install`].
    pub fn install_files(&mut self) -> Result<(), Failure> {
        self.state.ssh_files = true;
        self.generation.write(&self.state)?;
        files::install(&self.state, self.budget)
    }

    /// From now on clients find it. What cannot be said of it afterwards is returned.
    ///
    /// # Errors
    /// Those of [`Publication`] and [`Turn::take_places`]; clients find the one before, if there is one.
    pub fn publish(mut self) -> Result<(Generation, State, Vec<Failure>), Failure> {
        self.state.published = FileId::of(&self.generation.public_socket())?;
        self.generation.write(&self.state)?;
        // Another instance may want the same place: from the look at it to the renames it is this one's.
        let turn = Turn::take_places()?;
        let taken = self.take_places();
        let given_back = turn.remove();
        let mut failures = taken?;
        failures.extend(given_back.err());
        Ok((self.generation.clone(), self.state.clone(), failures))
    }

    fn take_places(&mut self) -> Result<Vec<Failure>, Failure> {
        let publication = Publication::prepare(self.instance, &self.generation, &self.state, &self.ours)?;
        let failures = publication.commit()?;
        self.is_there = true;
        Ok(failures)
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if self.is_there {
            return;
        }
        let give_back = GiveBack::To(self.before.as_ref());
        for failure in take_down(&self.generation, Ending::AtOnce, give_back, self.budget) {
            complain(NAME, &format!("{}: not undone: {failure}", failure.code));
        }
    }
}
