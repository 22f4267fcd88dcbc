//! What the operator should know of the user that is served: who can become root has no need of a policy.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use accounts::Database;

use crate::record::examine_syslog;
use crate::served_user::ServedUser;

/// Groups whose members have root for the asking: docker(1) and lxc(1) mount what they are told.
const ROOTS: [&str; 2] = ["docker", "lxd"];
/// Where docker(1) asks.
const DOCKER: &str = "/var/run/docker.sock";
/// For others and for the group, to write.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;

/// That nobody reads what the forwarder records, as in a container without syslogd(8).
#[must_use]
pub fn unrecorded(is_required: bool) -> Option<String> {
    let what = if is_required { "nothing is signed" } else { "no connection and no signature is recorded" };
    let help =
        format!("{what}: start syslogd(8), or say --foreground, which has the record on its standard error");
    examine_syslog().err().map(|error| format!("/dev/log: {error}; {help}"))
}

/// By what the user can become root, as far as that is cheaply known.
#[must_use]
pub fn of(user: &ServedUser) -> Vec<String> {
    let mut ways = Vec::new();
    if let Ok(database) = Database::read() {
        let is_member = |group: &&str| {
            let gid = database.group(group).ok().flatten();
            gid.is_some_and(|gid| has_group(user, gid))
        };
        ways.extend(ROOTS.into_iter().filter(is_member).map(|group| format!("is in the group {group}")));
    }
    if ways.is_empty() && std::fs::metadata(DOCKER).is_ok_and(|metadata| may_write(user, &metadata)) {
        ways.push(format!("may write to {}", Path::new(DOCKER).display()));
    }
    let warning = |way: String| {
        format!(
            "{} {way}, and can have root by it: then no policy holds, and the agent's keys can be used",
            user.name
        )
    };
    ways.into_iter().map(warning).collect()
}

fn has_group(user: &ServedUser, gid: u32) -> bool {
    user.gid == gid || user.credentials.groups().iter().any(|group| group.as_raw() == gid)
}

fn may_write(user: &ServedUser, metadata: &std::fs::Metadata) -> bool {
    let mode = metadata.permissions().mode();
    mode & OTHERS_WRITE != 0
        || (mode & GROUP_WRITES != 0 && has_group(user, metadata.gid()))
        || metadata.uid() == user.uid
}
