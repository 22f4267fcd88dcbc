//! How an instance is: what is seen of it, and what that means.

use std::path::Path;

use diagnostics::Failure;

use crate::agent_keys;
use crate::instance::{FileId, Generation, Instance, State};
use crate::name::Name;
use crate::policy;
use crate::process::Process;
use crate::report::ABSENT;
use crate::served_user::ServedUser;
use crate::ssh_files::{self, Budget, TURNED_AWAY};

/// What is seen of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// How many generations have a folder, or have left files of the user's as they were.
    pub generations: usize,
    /// The one that serves, if one ever did.
    pub current: Option<Seen>,
}

/// What is seen of the generation that serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its number.
    pub number: u32,
    /// Whom it serves, and where; `None` when that is not known any more.
    pub state: Option<State>,
    /// The forwarder, while it runs.
    pub forwarder: Option<Process>,
    /// The agent, while it runs.
    pub agent: Option<Process>,
    /// How many keys the agent has, if it says so.
    pub keys: Option<usize>,
    /// Whether the socket at the public place is the forwarder's.
    pub is_published: bool,
    /// How many keys a client of the user's gets there, or why it gets no list; `None` when it was not asked.
    pub listed: Option<Result<usize, Failure>>,
}

/// How an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It serves.
    Ready,
    /// The agent has ended.
    AgentDead,
    /// The agent runs, and does not say which keys it has.
    AgentSilent,
    /// The forwarder has ended.
    ForwarderDead,
    /// Both run, and the user's socket is not there.
    SocketGone,
    /// Both run, and the user has as many connections as it may.
    ConnectionsUsedUp,
    /// Both run, and the user gets no list of keys.
    ForwarderSilent,
    /// The user gets an empty list.
    NoKeys,
    /// Something is left of it, and nothing runs.
    Stale,
    /// Nothing is there.
    Absent,
}

impl Facts {
    /// Looks.
    ///
    /// # Errors
    /// Those of [`Instance`]'s files.
    pub fn gather(instance: &Instance) -> Result<Self, Failure> {
        let current = instance.serving()?.map(|generation| Seen::gather(&generation)).transpose()?;
        let generations = instance.generations()?.len() + instance.left()?.len();
        Ok(Self { generations, current })
    }
}

impl Seen {
    fn gather(generation: &Generation) -> Result<Self, Failure> {
        let alive = |process: Option<Process>| process.filter(Process::is_alive);
        let mut seen = Self {
            number: generation.number(),
            state: generation.state()?,
            forwarder: alive(generation.forwarder()?),
            agent: alive(generation.agent()?),
            keys: None,
            is_published: false,
            listed: None,
        };
        // What is dead is not asked.
        if seen.agent.is_some() {
            seen.keys = agent_keys::list(&generation.agent_socket()).ok().map(|keys| keys.len());
        }
        if let Some(state) = &seen.state {
            let published = FileId::of(state.public_socket.as_path())?;
            seen.is_published = published.is_some() && published == state.published;
            if seen.is_published && seen.keys.is_some() && seen.forwarder.is_some() {
                seen.listed = Some(list_as_the_user(state, &generation.policy()));
            }
        }
        Ok(seen)
    }
}

/// Asks as clients do; the forwarder does not serve root. It turns two away: whom the policy does not name, and who has
/// as many connections as it may.
fn list_as_the_user(state: &State, policy: &Path) -> Result<usize, Failure> {
    let user = ServedUser::resolve(&state.user, &state.home)?;
    let listed = ssh_files::prove(state.public_socket.as_path(), &user, &Budget::default());
    listed.map_err(|failure| match policy::load(policy) {
        Ok(policy) if failure.code == TURNED_AWAY && policy.admits(user.uid, &groups(&user)) => {
            let most = policy.limits.connections_per_uid.min(policy.limits.connections);
            let why = format!("the policy allows {} {most} connections; {failure}", user.name);
            Failure::new(Condition::ConnectionsUsedUp.word(), why)
        }
        _ => failure,
    })
}

fn groups(user: &ServedUser) -> Vec<u32> {
    user.credentials.groups().iter().map(|gid| gid.as_raw()).chain([user.gid]).collect()
}

/// The generation of this instance that serves, or did when it was last heard of.
///
/// # Errors
/// `absent` when there is no such instance, `stale` when something is left of it alone.
pub fn current(name: &Name) -> Result<Generation, Failure> {
    let instance = Instance::of(name);
    if let Some(generation) = instance.serving()? {
        return Ok(generation);
    }
    if !instance.generations()?.is_empty() || !instance.left()?.is_empty() {
        return Err(Failure::new(
            Condition::Stale.word(),
            format!("{name}: {}", Condition::Stale.sentence()),
        ));
    }
    Err(absent(name))
}

/// Why there is nothing to be asked, with the names that there are.
#[must_use]
pub fn absent(name: &Name) -> Failure {
    let names = Instance::names().unwrap_or_default();
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    let others = match names.len() {
        0 => "nor any other".to_owned(),
        _ => format!("there are: {}", names.join(", ")),
    };
    Failure::new(ABSENT, format!("there is no instance {name}; {others}"))
}

impl Condition {
    /// What is seen, judged. The first that is wrong is what helps most to know.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        match &facts.current {
            None if facts.generations == 0 => Self::Absent,
            None | Some(Seen { forwarder: None, agent: None, .. }) => Self::Stale,
            Some(Seen { forwarder: None, .. }) => Self::ForwarderDead,
            Some(Seen { agent: None, .. }) => Self::AgentDead,
            Some(Seen { keys: None, .. }) => Self::AgentSilent,
            Some(Seen { is_published: false, .. }) => Self::SocketGone,
            Some(Seen { listed: Some(Err(failure)), .. })
                if failure.code == Self::ConnectionsUsedUp.word() =>
            {
                Self::ConnectionsUsedUp
            }
            Some(Seen { listed: None | Some(Err(_)), .. }) => Self::ForwarderSilent,
            Some(Seen { listed: Some(Ok(0)), .. }) => Self::NoKeys,
            Some(_) => Self::Ready,
        }
    }

    /// The word for programs; it does not change from version to version.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::AgentDead => "agent-dead",
            Self::AgentSilent => "agent-silent",
            Self::ForwarderDead => "forwarder-dead",
            Self::SocketGone => "socket-gone",
            Self::ConnectionsUsedUp => "connections-used-up",
            Self::ForwarderSilent => "forwarder-silent",
            Self::NoKeys => "no-keys",
            Self::Stale => "stale",
            Self::Absent => ABSENT,
        }
    }

    /// What that means, for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Ready => "the user gets a list of keys from the forwarder, and the agent behind it answers",
            Self::AgentDead => "the agent has ended, and its keys with it: the forwarder refuses everything",
            Self::AgentSilent => "the agent runs and does not answer: clients wait for it",
            Self::ForwarderDead => {
                "the forwarder has ended: the agent still has the keys, and nobody can use them"
            }
            Self::SocketGone => {
                "both run, and the socket that the user knows is not the forwarder's any more"
            }
            Self::ConnectionsUsedUp => {
                "both run and serve, and the user has used up its connections: more of them are turned away"
            }
            Self::ForwarderSilent => "both run, and the user gets no list of keys from the forwarder",
            Self::NoKeys => "both run, and no key that the policy names is loaded",
            Self::Stale => {
                "files are left, and nothing runs: an up was killed or is under way, or the system was restarted"
            }
            Self::Absent => "there is no such instance",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn helps(self) -> Option<&'static str> {
        match self {
            Self::Ready => None,
            Self::AgentDead | Self::ForwarderDead | Self::SocketGone => {
                Some("ssh-agent-fwd up with the same manifest puts another one in its place")
            }
            Self::AgentSilent => Some("see whether it is stopped (ps shows T); otherwise ssh-agent-fwd up"),
            Self::ConnectionsUsedUp => Some(
                "end what has them: ss -xp shows the user's programs; each ends when it is idle for too long",
            ),
            Self::ForwarderSilent => {
                Some("its record in the syslog (authpriv) says why; otherwise ssh-agent-fwd up")
            }
            Self::NoKeys => Some("ssh-agent-fwd load with the same manifest puts them back"),
            Self::Stale => Some("ssh-agent-fwd up begins anew, ssh-agent-fwd down takes away what is left"),
            Self::Absent => Some("ssh-agent-fwd up makes one"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving() -> Seen {
        let process = Some(Process { pid: 1, start_time: 1 });
        Seen {
            number: 1,
            state: None,
            forwarder: process,
            agent: process,
            keys: Some(1),
            is_published: true,
            listed: Some(Ok(1)),
        }
    }

    #[test]
    fn each_condition_has_its_word() {
        let unasked = || Seen { listed: None, ..serving() };
        let dead = Seen { forwarder: None, agent: None, keys: None, ..unasked() };
        let silent = Failure::new("proof", "no list");
        let full = Failure::new("connections-used-up", "no list");
        for (generations, current, word) in [
            (1, Some(serving()), "ready"),
            (2, Some(serving()), "ready"),
            (1, Some(Seen { agent: None, keys: None, ..unasked() }), "agent-dead"),
            (1, Some(Seen { keys: None, ..unasked() }), "agent-silent"),
            (1, Some(Seen { forwarder: None, ..unasked() }), "forwarder-dead"),
            (1, Some(Seen { is_published: false, ..unasked() }), "socket-gone"),
            (1, Some(Seen { listed: Some(Err(silent)), ..serving() }), "forwarder-silent"),
            (1, Some(Seen { listed: Some(Err(full)), ..serving() }), "connections-used-up"),
            (1, Some(Seen { keys: Some(0), listed: Some(Ok(0)), ..serving() }), "no-keys"),
            (1, Some(dead), "stale"),
            (1, None, "stale"),
            (0, None, "absent"),
        ] {
            let condition = Condition::of(&Facts { generations, current });
            assert_eq!(condition.word(), word);
            assert_eq!(condition.helps().is_none(), condition == Condition::Ready, "{word}");
        }
    }
}
