//! Whose the socket is: as few as the clients of the policy allow.

use crate::policy::Client;
use crate::publish::Access;
use diagnostics::Failure;

const OWNER_ALONE: u32 = 0o600;
const OWNER_AND_GROUP: u32 = 0o660;

/// The owner, the group and the mode that let these clients connect, and nobody else; `mode` where the operator says
/// another. Whoever connects is looked at in any case: the file alone admits nobody.
///
/// # Errors
/// `no-client` without clients; `listen-access` when no owner and group lets all of them in.
pub fn access(clients: &[Client], mode: Option<u32>) -> Result<Access, Failure> {
    let mut uids: Vec<u32> = Vec::new();
    let mut gids: Vec<u32> = Vec::new();
    for client in clients {
        match client {
            Client::Uid(uid) if !uids.contains(uid) => uids.push(*uid),
            Client::Gid(gid) if !gids.contains(gid) => gids.push(*gid),
            Client::Uid(_) | Client::Gid(_) => {}
        }
    }
    let narrow = match (&uids[..], &gids[..]) {
        ([], []) => {
            let error =
                "nobody may connect: say --allow-user or --allow-group, or name clients in the policy";
            return Err(Failure::new("no-client", error));
        }
        ([uid], []) => Some(Access { owner: *uid, group: 0, mode: OWNER_ALONE }),
        ([], [gid]) => Some(Access { owner: 0, group: *gid, mode: OWNER_AND_GROUP }),
        ([uid], [gid]) => Some(Access { owner: *uid, group: *gid, mode: OWNER_AND_GROUP }),
        _ => None,
    };
    match (narrow, mode) {
        (Some(access), mode) => Ok(Access { mode: mode.unwrap_or(access.mode), ..access }),
        (None, Some(mode)) => Ok(Access { owner: 0, group: 0, mode }),
        (None, None) => Err(Failure::new(
            "listen-access",
            "a socket has one owner and one group, and there are more clients: allow one group that has them all, or \
             say --mode 666, with which every user may knock and only those are let in",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_as_closed_as_its_clients_allow() {
        use Client::{Gid, Uid};
        let access_of = |owner, group, mode| Ok(Access { owner, group, mode });
        for (clients, mode, expected) in [
            (&[Uid(5)][..], None, access_of(5, 0, 0o600)),
            (&[Uid(5), Uid(5)], None, access_of(5, 0, 0o600)),
            (&[Gid(7)], None, access_of(0, 7, 0o660)),
            (&[Uid(5), Gid(7)], None, access_of(5, 7, 0o660)),
            (&[Uid(5)], Some(0o666), access_of(5, 0, 0o666)),
            (&[Uid(5), Uid(6)], Some(0o666), access_of(0, 0, 0o666)),
            (&[Uid(5), Uid(6)], None, Err("listen-access")),
            (&[Uid(5), Gid(7), Gid(8)], None, Err("listen-access")),
            (&[], None, Err("no-client")),
            (&[], Some(0o666), Err("no-client")),
        ] {
            assert_eq!(access(clients, mode).map_err(|failure| failure.code), expected, "{clients:?}");
        }
    }
}
