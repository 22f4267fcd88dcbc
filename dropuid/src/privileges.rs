//! What a user can still reach through setuid programs and its groups: shown by `--explain`.

use std::ffi::OsString;
use std::time::Duration;

use supervise::Outcome;
use supervise::bounded::{self, Run};

const SUDO: &str = "/usr/bin/sudo";
const SUDO_TIME: Duration = Duration::from_secs(10);
const SUDO_OUTPUT: usize = 1 << 16;

/// Groups whose members are as good as root, and why.
const ROOT_EQUIVALENT: [(&str, &str); 9] = [
    ("sudo", "its members may use sudo"),
    ("wheel", "its members may use sudo or su"),
    ("admin", "its members may use sudo"),
    ("lxd", "its members can mount the host's files in a container"),
    ("incus-admin", "its members can mount the host's files in a container"),
    ("docker", "its members can mount the host's files in a container"),
    ("libvirt", "its members can attach the host's disks to a guest"),
    ("disk", "its members can write to the disks"),
    ("shadow", "its members can read the password hashes"),
];

/// Why membership of this group is as good as root, if it is.
#[must_use]
pub fn root_equivalent(group: &str) -> Option<&'static str> {
    ROOT_EQUIVALENT.iter().find(|(name, _)| *name == group).map(|(_, why)| *why)
}

/// The sudoers rules that a user needs no password for, as sudo itself lists them; `None` when it
/// gives no listing.
#[must_use]
pub fn nopasswd_rules(user: &str, as_root: bool) -> Option<Vec<String>> {
    let of_other = [SUDO, "-n", "-l", "-U", user].map(OsString::from);
    let argv = if as_root { &of_other[..] } else { &of_other[..3] };
    let sudo = Run { argv, env: &[], stdin: b"", limit: SUDO_TIME, output: SUDO_OUTPUT };
    let listing = bounded::ask(&sudo).ok()?;
    let answered = listing.outcome == Outcome::Exited(0) || !listing.stdout.is_empty();
    answered.then(|| rules(&String::from_utf8_lossy(&listing.stdout)))
}

/// A `Defaults` of `!authenticate` makes every rule one without a password (sudoers(5)).
fn rules(listing: &str) -> Vec<String> {
    let never_asks = listing.contains("!authenticate");
    let lines = listing.lines().map(str::trim).filter(|line| line.starts_with('('));
    lines.filter(|line| never_asks || line.contains("NOPASSWD:")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_without_a_password_are_listed() {
        let listing = "User ubuntu may run the following commands on host:\n    (ALL : ALL) ALL\n    \
                       (root) NOPASSWD: /usr/bin/sudo-helper\n";
        assert_eq!(rules(listing), ["(root) NOPASSWD: /usr/bin/sudo-helper"]);
    }

    #[test]
    fn where_sudo_never_asks_every_rule_is_listed() {
        let listing = "Matching Defaults entries for ubuntu on host:\n    !authenticate\n\nUser ubuntu may run:\n    \
                       (ALL : ALL) ALL\n";
        assert_eq!(rules(listing), ["(ALL : ALL) ALL"]);
    }
}
