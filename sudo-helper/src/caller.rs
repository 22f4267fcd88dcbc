//! Who calls: the uid that sudo attests, and what else is worth recording.

mod ancestry;
mod watch;

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use accounts::parse_id;
use nix::unistd::{ResUid, getresuid};
use serde::{Deserialize, Serialize};

pub use ancestry::Parent;
pub use watch::WatchError;

/// Most bytes of SUDO_USER that are kept.
const MAX_USER: usize = 256;

/// Who calls. Only `uid` decides anything; the rest is for the record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Caller {
    /// SUDO_UID as sudo(8) set it, 0 when root itself calls.
    pub uid: u32,
    /// SUDO_USER as sudo(8) set it: foreign text.
    pub user: Option<String>,
    /// The login uid: a claim, since a process whose login uid is unset may set it to anything.
    pub login_uid: LoginUid,
    /// Our parent, its parent and so on, as proc(5) named them for a moment.
    pub parents: Vec<Parent>,
    /// SSH_CONNECTION of sudo or of the process that ran it: a claim of the caller.
    pub ssh_connection: Option<String>,
}

/// The login uid of the audit system (/proc/self/loginuid, proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginUid {
    /// Never set, or the kernel keeps none.
    Unset,
    /// Set to this uid.
    Uid(u32),
}

impl fmt::Display for LoginUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Uid(uid) => uid.fmt(f),
        }
    }
}

/// (uid_t) -1, which no account has.
const NOBODY: u32 = u32::MAX;
/// What doas(1) and pkexec(1) set: their caller would pass for root itself, since they set no SUDO_UID.
const OTHERS: [&str; 2] = ["DOAS_USER", "PKEXEC_UID"];

/// SUDO_UID is no uid, or another program than sudo has made us root, so that nobody knows who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCaller;

impl fmt::Display for BadCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody knows who calls: SUDO_UID is not a uid, or another program than sudo was used; run it through sudo")
    }
}

impl std::error::Error for BadCaller {}

impl Caller {
    /// Looks at the environment that sudo(8) made and at proc(5). To be called before the
    /// environment is cleared.
    ///
    /// # Errors
    /// [`BadCaller`]; what is only for the record is left out when it cannot be had.
    pub fn examine() -> Result<Self, BadCaller> {
        if env::var_os("SUDO_UID").is_none() && OTHERS.iter().any(|name| env::var_os(name).is_some()) {
            return Err(BadCaller);
        }
        sudo_uid(env::var_os("SUDO_UID").as_deref()).map(Self::with_uid)
    }

    /// The same for the record alone, where nobody knows who calls.
    #[must_use]
    pub fn unknown() -> Self {
        Self::with_uid(NOBODY)
    }

    fn with_uid(uid: u32) -> Self {
        let user = env::var_os("SUDO_USER").map(|user| ancestry::bounded(&user.to_string_lossy(), MAX_USER));
        let parents = ancestry::parents(std::os::unix::process::parent_id(), ancestry::look_up);
        let near = ancestry::up_to_caller(&parents).iter();
        let ssh_connection = near.map(|parent| parent.pid).find_map(ancestry::ssh_connection);
        Self { uid, user, login_uid: own_login_uid(), parents, ssh_connection }
    }
}

/// Whether sudo(8) has started this: who calls itself root's own has no SUDO_UID.
#[must_use]
pub fn through_sudo() -> bool {
    env::var_os("SUDO_UID").is_some()
}

/// Whether this process is root throughout: real, effective and saved uid (credentials(7)). A
/// program that was started with only one of them is not run through sudo.
#[must_use]
pub fn is_root() -> bool {
    getresuid().is_ok_and(|uids| all_root(&uids))
}

fn all_root(uids: &ResUid) -> bool {
    [uids.real, uids.effective, uids.saved].iter().all(|uid| uid.is_root())
}

fn sudo_uid(variable: Option<&OsStr>) -> Result<u32, BadCaller> {
    variable.map_or(Ok(0), |text| text.to_str().and_then(parse_id).ok_or(BadCaller))
}

fn own_login_uid() -> LoginUid {
    let mut text = [0; 16];
    let read = |mut file: File| -> io::Result<usize> { file.read(&mut text) };
    let length = File::open("/proc/self/loginuid").and_then(read).unwrap_or(0);
    login_uid(&text[..length])
}

/// (uid_t) -1 stands for "unset"; so does anything else that is no uid.
fn login_uid(text: &[u8]) -> LoginUid {
    let uid = std::str::from_utf8(text).ok().and_then(|text| parse_id(text.trim_end()));
    uid.map_or(LoginUid::Unset, LoginUid::Uid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use nix::unistd::Uid;

    use super::*;

    #[test]
    fn sudo_uid_is_taken_as_sudo_writes_it() {
        assert_eq!(sudo_uid(None), Ok(0));
        assert_eq!(sudo_uid(Some(OsStr::new("0"))), Ok(0));
        assert_eq!(sudo_uid(Some(OsStr::new("1000"))), Ok(1000));
        for text in ["", "-1", "+0", " 0", "0\n", "00", "01000", "4294967295", "4294967296", "root"] {
            assert_eq!(sudo_uid(Some(OsStr::new(text))), Err(BadCaller), "{text:?}");
        }
        assert_eq!(sudo_uid(Some(OsStr::from_bytes(b"\xff"))), Err(BadCaller));
    }

    #[test]
    fn root_is_root_throughout() {
        let uids = |real, effective, saved| ResUid {
            real: Uid::from_raw(real),
            effective: Uid::from_raw(effective),
            saved: Uid::from_raw(saved),
        };
        assert!(all_root(&uids(0, 0, 0)));
        for other in [uids(1000, 0, 0), uids(0, 1000, 0), uids(0, 0, 1000), uids(1000, 1000, 1000)] {
            assert!(!all_root(&other), "{other:?}");
        }
    }

    #[test]
    fn login_uids() {
        assert_eq!(login_uid(b"4294967295"), LoginUid::Unset);
        assert_eq!(login_uid(b""), LoginUid::Unset);
        assert_eq!(login_uid(b"1000\n"), LoginUid::Uid(1000));
        assert_eq!(LoginUid::Unset.to_string(), "unset");
        assert_eq!(LoginUid::Uid(0).to_string(), "0");
    }

    #[test]
    fn this_process_has_a_parent() {
        let caller = Caller::examine().expect("a caller");
        assert_eq!(caller.parents[0].pid, std::os::unix::process::parent_id());
        assert!(caller.parents[0].exe.is_some());
    }
}
