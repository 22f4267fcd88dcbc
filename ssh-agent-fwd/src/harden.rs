//! What this process gives up before it serves anybody.

use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors besides those of connections: the standard ones, the socket, the agent's, the log's, those of look-ups.
const OTHERS: u64 = 64;
/// Of a connection: the client's and the agent's.
const OF_CONNECTION: u64 = 2;

/// No core, no ptrace(2) by processes of the same user, no new privileges by execve(2).
///
/// # Errors
/// Those of setrlimit(2) and prctl(2).
pub fn harden() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)?;
    prctl::set_no_new_privs()?;
    Ok(())
}

/// The caller's limit of core dumps, which a command of its is to have.
#[derive(Debug)]
pub struct CoreLimit {
    soft: u64,
    hard: u64,
}

impl CoreLimit {
    /// No core of this process, and no ptrace(2), until the limit is given back.
    ///
    /// # Errors
    /// Those of getrlimit(2), setrlimit(2) and prctl(2).
    pub fn hold() -> io::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_CORE)?;
        // Whoever is not root could not raise the hard limit again.
        setrlimit(Resource::RLIMIT_CORE, 0, hard)?;
        prctl::set_dumpable(false)?;
        Ok(Self { soft, hard })
    }

    /// Has this process, and what it starts from now on, have the limit as it was. This one stays not dumpable.
    ///
    /// # Errors
    /// Those of setrlimit(2).
    pub fn give_back(self) -> io::Result<()> {
        setrlimit(Resource::RLIMIT_CORE, self.soft, self.hard).map_err(io::Error::from)
    }
}

/// Descriptors enough for so many connections, as far as the caller's hard limit lets it; beyond that clients wait.
///
/// # Errors
/// Those of getrlimit(2) and setrlimit(2).
pub fn allow_descriptors(connections: u32) -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = (u64::from(connections) * OF_CONNECTION + OTHERS).min(hard);
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).map_err(io::Error::from)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_trace_this_process_or_have_its_core() {
        harden().expect("hardened");
        assert!(!prctl::get_dumpable().expect("a flag"));
        assert!(prctl::get_no_new_privs().expect("a flag"));
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).expect("a limit"), (0, 0));
    }

    #[test]
    fn descriptors_are_enough_for_all_connections_or_as_many_as_there_may_be() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        allow_descriptors(700).expect("allowed");
        let (soft, still) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        assert!(soft >= 1464.min(hard), "{soft}");
        assert_eq!(still, hard);
    }
}
