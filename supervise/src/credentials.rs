//! The ids that a child holds: never root's, taken up for good, and verified.

use std::fmt;
use std::io;

use nix::unistd::{Gid, Uid, getresgid, getresuid, setgroups, setresgid, setresuid};

use crate::sys::{self, CapabilitySets};

/// Securebits that let capabilities survive the change of ids (linux/securebits.h).
const SECBIT_NO_SETUID_FIXUP: i32 = 1 << 2;
const SECBIT_KEEP_CAPS: i32 = 1 << 4;

/// A user's ids. No value of this type holds uid 0 or gid 0, primary or supplementary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

/// Which id was root's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootRefused {
    /// The user id is 0.
    User,
    /// The primary group id is 0.
    PrimaryGroup,
    /// A supplementary group id is 0.
    SupplementaryGroup,
}

impl fmt::Display for RootRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "uid 0 is root",
            Self::PrimaryGroup => "its primary group is gid 0, root's",
            Self::SupplementaryGroup => "it is a member of gid 0, root's group",
        })
    }
}

/// Why the ids could not be taken up, or are not what they should be.
#[derive(Debug)]
pub enum DropError {
    /// A system call failed.
    Call(&'static str, io::Error),
    /// The securebits let a process keep capabilities when it changes its ids.
    Securebits(i32),
    /// After the change something is not as it should be.
    Verify(&'static str),
    /// Root could be had back.
    Regained(&'static str),
}

impl fmt::Display for DropError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call, error) => write!(f, "{call} failed: {error}"),
            Self::Securebits(bits) => write!(
                f,
                "securebits {bits:#x} keep capabilities across a change of ids; clear keep_caps and no_setuid_fixup"
            ),
            Self::Verify(what) => write!(f, "after dropping, {what}"),
            Self::Regained(call) => write!(f, "after dropping, {call} gave root back"),
        }
    }
}

impl std::error::Error for DropError {}

/// The ids of this process as the kernel reports them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Real, effective and saved user id.
    pub uids: [Uid; 3],
    /// Real, effective and saved group id.
    pub gids: [Gid; 3],
    /// Supplementary groups, sorted, each once.
    pub groups: Vec<Gid>,
    capabilities: CapabilitySets,
}

impl Held {
    /// Reads them.
    ///
    /// # Errors
    /// Those of getresuid(2), getresgid(2), getgroups(2) and capget(2).
    pub fn read() -> Result<Self, DropError> {
        let uids = getresuid().map_err(called("getresuid"))?;
        let gids = getresgid().map_err(called("getresgid"))?;
        let groups = sys::supplementary_groups().map_err(|error| DropError::Call("getgroups", error))?;
        Ok(Self {
            uids: [uids.real, uids.effective, uids.saved],
            gids: [gids.real, gids.effective, gids.saved],
            groups: sorted(groups.into_iter().map(Gid::from_raw).collect()),
            capabilities: sys::capabilities().map_err(|error| DropError::Call("capget", error))?,
        })
    }

    /// Whether the effective user id is root's.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.uids[1].is_root()
    }

    /// Whether the three user ids and the three group ids agree with one another.
    #[must_use]
    pub fn agree(&self) -> bool {
        self.uids.iter().all(|uid| *uid == self.uids[0]) && self.gids.iter().all(|gid| *gid == self.gids[0])
    }

    fn is_exactly(&self, wanted: &Credentials) -> Result<(), DropError> {
        self.has_ids(wanted)?;
        if self.groups == wanted.groups {
            Ok(())
        } else {
            Err(DropError::Verify("the supplementary groups are not those that were set"))
        }
    }

    fn has_ids(&self, wanted: &Credentials) -> Result<(), DropError> {
        if self.uids != [wanted.uid; 3] {
            Err(DropError::Verify("the real, effective and saved uid are not all the user's"))
        } else if self.gids != [wanted.gid; 3] {
            Err(DropError::Verify("the real, effective and saved gid are not all the group's"))
        } else if self.capabilities != CapabilitySets::default() {
            Err(DropError::Verify("capabilities are left"))
        } else {
            Ok(())
        }
    }

    /// Whether this process already is the user, with no group more than `wanted` has and no
    /// capability: then nothing needs dropping.
    #[must_use]
    pub fn is_already(&self, wanted: &Credentials) -> bool {
        // Some kernels report the effective gid among the supplementary groups (getgroups(2)).
        let within = |gid: &Gid| wanted.groups.contains(gid) || *gid == wanted.gid;
        self.has_ids(wanted).is_ok() && self.groups.iter().all(within)
    }
}

fn called(call: &'static str) -> impl Fn(nix::errno::Errno) -> DropError {
    move |errno| DropError::Call(call, errno.into())
}

fn sorted(mut groups: Vec<Gid>) -> Vec<Gid> {
    groups.sort_unstable_by_key(|gid| gid.as_raw());
    groups.dedup();
    groups
}

impl Credentials {
    /// Ids of an unprivileged user.
    ///
    /// # Errors
    /// When one of them is root's.
    pub fn new(uid: Uid, gid: Gid, groups: Vec<Gid>) -> Result<Self, RootRefused> {
        if uid.is_root() {
            return Err(RootRefused::User);
        }
        if gid.as_raw() == 0 {
            return Err(RootRefused::PrimaryGroup);
        }
        if groups.iter().any(|group| group.as_raw() == 0) {
            return Err(RootRefused::SupplementaryGroup);
        }
        Ok(Self { uid, gid, groups: sorted(groups) })
    }

    /// The user id.
    #[must_use]
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// The primary group id.
    #[must_use]
    pub fn gid(&self) -> Gid {
        self.gid
    }

    /// The supplementary groups, sorted, each once.
    #[must_use]
    pub fn groups(&self) -> &[Gid] {
        &self.groups
    }

    /// Takes these ids up in this process, irrevocably, and verifies that it is so: ids, groups and
    /// capability sets are read back, and root is asked for and must be refused.
    ///
    /// # Errors
    /// When a call fails or anything is not as it should be; the process must then run nothing.
    pub fn assume(&self) -> Result<(), DropError> {
        refuse_sticky_securebits()?;
        // Groups first, user last: each step needs the privilege that the next one gives up.
        setgroups(&self.groups).map_err(called("setgroups"))?;
        setresgid(self.gid, self.gid, self.gid).map_err(called("setresgid"))?;
        setresuid(self.uid, self.uid, self.uid).map_err(called("setresuid"))?;
        clear_capabilities()?;
        Held::read()?.is_exactly(self)?;
        verify_no_way_back()
    }

    /// For a process that already holds these ids: checks it as [`Credentials::assume`] would.
    ///
    /// # Errors
    /// As for [`Credentials::assume`].
    pub fn verify_held(&self) -> Result<(), DropError> {
        refuse_sticky_securebits()?;
        Held::read()?.has_ids(self)?;
        clear_capabilities()?;
        verify_no_way_back()
    }
}

fn refuse_sticky_securebits() -> Result<(), DropError> {
    let bits = sys::securebits().map_err(|error| DropError::Call("prctl(PR_GET_SECUREBITS)", error))?;
    if bits & (SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP) == 0 {
        Ok(())
    } else {
        Err(DropError::Securebits(bits))
    }
}

/// Empties every set. What is read back needs no look at the ambient set: the kernel keeps a
/// capability ambient only while it is permitted and inheritable (capabilities(7)).
fn clear_capabilities() -> Result<(), DropError> {
    sys::clear_ambient_capabilities().map_err(|error| DropError::Call("prctl(PR_CAP_AMBIENT)", error))?;
    sys::clear_capabilities().map_err(|error| DropError::Call("capset", error))
}

/// Asks for root again in every way that a program would, and wants to be refused.
fn verify_no_way_back() -> Result<(), DropError> {
    let root = Uid::from_raw(0);
    let wheel = Gid::from_raw(0);
    let attempts = [
        ("setresgid(0, 0, 0)", setresgid(wheel, wheel, wheel).is_ok()),
        ("setegid(0)", nix::unistd::setegid(wheel).is_ok()),
        ("setresuid(0, 0, 0)", setresuid(root, root, root).is_ok()),
        ("seteuid(0)", nix::unistd::seteuid(root).is_ok()),
    ];
    match attempts.iter().find(|(_, regained)| *regained) {
        Some((call, _)) => Err(DropError::Regained(call)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gids(raw: &[u32]) -> Vec<Gid> {
        raw.iter().copied().map(Gid::from_raw).collect()
    }

    fn credentials(uid: u32, gid: u32, groups: &[u32]) -> Result<Credentials, RootRefused> {
        Credentials::new(Uid::from_raw(uid), Gid::from_raw(gid), gids(groups))
    }

    fn held(uid: u32, gid: u32, groups: &[u32]) -> Held {
        Held {
            uids: [Uid::from_raw(uid); 3],
            gids: [Gid::from_raw(gid); 3],
            groups: gids(groups),
            capabilities: CapabilitySets::default(),
        }
    }

    #[test]
    fn root_cannot_be_expressed() {
        assert_eq!(credentials(0, 5, &[]), Err(RootRefused::User));
        assert_eq!(credentials(5, 0, &[]), Err(RootRefused::PrimaryGroup));
        assert_eq!(credentials(5, 5, &[7, 0]), Err(RootRefused::SupplementaryGroup));
    }

    #[test]
    fn groups_are_sorted_and_unique() {
        let wanted = credentials(5, 5, &[9, 7, 9]).expect("not root");
        assert_eq!(wanted.groups(), gids(&[7, 9]));
    }

    #[test]
    fn already_the_user_with_fewer_groups() {
        let wanted = credentials(5, 6, &[6, 7]).expect("not root");
        assert!(held(5, 6, &[]).is_already(&wanted));
        assert!(held(5, 6, &[6, 7]).is_already(&wanted));
        assert!(!held(5, 6, &[6, 8]).is_already(&wanted));
        assert!(!held(5, 7, &[6]).is_already(&wanted));
        assert!(!held(6, 6, &[6]).is_already(&wanted));
    }

    #[test]
    fn not_already_the_user_while_a_capability_or_a_saved_id_is_left() {
        let wanted = credentials(5, 6, &[]).expect("not root");
        let mut capable = held(5, 6, &[]);
        capable.capabilities.permitted = 1 << 21;
        assert!(!capable.is_already(&wanted));
        let mut saved = held(5, 6, &[]);
        saved.uids[2] = Uid::from_raw(0);
        assert!(!saved.is_already(&wanted));
        assert!(!saved.agree());
    }
}
