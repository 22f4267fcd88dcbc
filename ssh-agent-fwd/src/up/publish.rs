//! The moment in which a generation takes the place of the one before: everything is made beforehand, so that only
//! renames are left.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use diagnostics::{Failure, one_line};
use nix::sys::stat::SFlag;

use super::place::{Place, kind};
use crate::instance::{FileId, Generation, Instance, State};

/// What is to be moved where.
#[derive(Debug)]
pub struct Publication {
    public: (PathBuf, Place),
    links: Vec<(PathBuf, Place)>,
}

impl Publication {
    /// Makes sure that a new generation can take its places. What `ours` have there is replaced.
    ///
    /// # Errors
    /// Those of [`Place`].
    pub fn examine(generation: &Generation, state: &State, ours: &[FileId]) -> Result<(), Failure> {
        let public = Place::of(state.public_socket.as_path())?;
        public.is_near(generation.folder())?;
        public.is_free(|stat| ours.contains(&FileId { device: stat.st_dev, inode: stat.st_ino }))?;
        let Some(agent) = &state.agent_socket else { return Ok(()) };
        let agent = Place::of(agent.as_path())?;
        agent.is_near(generation.folder())?;
        let instance = generation.folder().parent().unwrap_or(generation.folder());
        agent.is_free(|stat| kind(stat) == SFlag::S_IFLNK && agent.leads_into(instance))
    }

    /// Makes what is to be moved.
    ///
    /// # Errors
    /// Those of [`Self::examine`], and `place-failed` when a link cannot be made.
    pub fn prepare(
        instance: &Instance,
        generation: &Generation,
        state: &State,
        ours: &[FileId],
    ) -> Result<Self, Failure> {
        Self::examine(generation, state, ours)?;
        let number = generation.number().to_string();
        let current = link(generation, "current", Path::new(&number), &instance.current_link())?;
        let mut links = vec![current];
        if let Some(agent) = &state.agent_socket {
            links.push(link(generation, "agent.link", &generation.agent_socket(), agent.as_path())?);
        }
        let public = (generation.public_socket(), Place::of(state.public_socket.as_path())?);
        Ok(Self { public, links })
    }

    /// From now on clients find the new generation. What cannot be said of it afterwards is returned.
    ///
    /// # Errors
    /// `place-failed`; nothing has changed then.
    pub fn commit(self) -> Result<Vec<Failure>, Failure> {
        let (socket, place) = &self.public;
        place.take(socket)?;
        Ok(self.links.iter().filter_map(|(link, place)| place.take(link).err()).collect())
    }
}

fn link(
    generation: &Generation,
    name: &str,
    target: &Path,
    place: &Path,
) -> Result<(PathBuf, Place), Failure> {
    let made = generation.folder().join(name);
    symlink(target, &made).map_err(|error| {
        Failure::new("place-failed", format!("{}: {error}", one_line(&made.to_string_lossy())))
    })?;
    Ok((made, Place::of(place)?))
}
