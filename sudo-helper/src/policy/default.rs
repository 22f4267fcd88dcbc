//! The policy that `sudo-helper default-policy` prints: the original's lists, less what they gave away.
//!
//! | the original (systems-manager-helper 1.36) | this policy | why |
//! |---|---|---|
//! | `start stop restart status enable disable` for every service | the same verbs for nginx, caddy, docker, snapd and snapd.socket | |
//! | no `reload` | `reload` for nginx, caddy, docker, ssh and fail2ban | it changes configuration without ending connections |
//! | `stop`, `disable` for ssh | left out | either locks out everyone who comes in by it; `start` and `enable` only bring it back |
//! | `restart` for ssh | kept, tagged `lockout` | upkeep needs it, but with a faulty configuration nothing listens afterwards; `reload` tests it first (`sshd -t`) and changes nothing then |
//! | `stop`, `disable` for fail2ban | left out | it would drop a defence; `restart` and `reload` do what upkeep needs |
//! | `remove` for ufw and fail2ban | left out | it would drop a defence |
//! | `install`, `remove` for curl, git, htop, rsync, trash-cli, snapd, nginx, caddy | kept | `install` is tagged `maintainer-scripts` |
//! | `install`, `remove` for docker.io; every verb for docker | kept, tagged `root-equivalent` | who may use docker's socket is root; let `package install docker.io` wait for approval where that matters |
//! | `update`, `autoclean` | kept | |
//! | `upgrade`, `autoremove` for everything | left out | they act on packages that no list names |
//! | (no `repair`) | left out | it finishes whatever was begun, on packages that no list names |

/// The text of the policy; `make install` installs the same file.
#[must_use]
pub fn default_text() -> &'static str {
    include_str!("../../policy.json")
}
