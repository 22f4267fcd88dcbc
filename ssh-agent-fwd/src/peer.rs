//! Who is at the other end: what the kernel knows of it, apart from whatever it says.

mod facts;
mod process;

use std::io;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};

use crate::sys;

pub use facts::Facts;
pub use process::Process;

/// The process that connected, as it was then (unix(7), SO_PEERCRED): a descriptor that is passed on, or ids that are
/// changed later, change nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
    /// Its groups, the effective one first.
    pub groups: Vec<u32>,
    /// Its process id; 0 when it is in a pid namespace that cannot be seen from here.
    pub pid: i32,
}

impl Peer {
    /// Who is at the other end of this connection.
    ///
    /// # Errors
    /// When the kernel does not say; a peer that is not known is not served.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = getsockopt(stream, sockopt::PeerCredentials)?;
        let (uid, gid) = (credentials.uid(), credentials.gid());
        let mut groups = vec![gid];
        match sys::peer_groups(stream) {
            Ok(more) => groups.extend(more),
            // Linux before 4.13: the groups of its account stand for those of the process.
            Err(error) if error.raw_os_error() == Some(Errno::ENOPROTOOPT as i32) => {
                groups.extend(memberships(uid)?);
            }
            Err(error) => return Err(error),
        }
        Ok(Self { uid, gid, groups, pid: credentials.pid() })
    }
}

fn memberships(uid: u32) -> io::Result<Vec<u32>> {
    let look_up = || {
        let database = accounts::Database::read()?;
        match database.account_of_uid(uid)? {
            Some(row) => database.memberships(&row.name),
            None => Ok(Vec::new()),
        }
    };
    look_up().map_err(|error: accounts::DatabaseError| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_of_an_own_connection_is_this_process() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        let peer = Peer::of(&one).expect("a peer");
        assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(peer.gid, nix::unistd::getegid().as_raw());
        assert_eq!(peer.groups.first(), Some(&peer.gid));
        assert_eq!(u32::try_from(peer.pid).ok(), Some(std::process::id()));
    }
}
