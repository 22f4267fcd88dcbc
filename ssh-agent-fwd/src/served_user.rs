//! The user that is served, with what a process needs to become that one.

use accounts::Database;
use diagnostics::{Failure, one_line};
use nix::unistd::{Gid, Uid};
use supervise::Credentials;

use crate::name::{AbsolutePath, AccountName};
use crate::policy::OVERFLOW_ID;

/// The user that is served; never root, and never the one that stands for everybody without a name.
#[derive(Debug, Clone)]
pub struct ServedUser {
    /// The account.
    pub name: AccountName,
    /// Its uid.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Where its ssh files are to be.
    pub home: AbsolutePath,
    /// Its ids, with all its groups.
    pub credentials: Credentials,
    /// The home that its account names: where ssh(1) looks, whatever HOME says.
    account_home: String,
}

impl ServedUser {
    /// Looks the account up, with its groups.
    ///
    /// # Errors
    /// `accounts-unknown` when accounts cannot be looked up, `no-such-user`, and `user-refused` for root, for a member
    /// of root's group and for the overflow uid or gid.
    pub fn resolve(name: &AccountName, home: &AbsolutePath) -> Result<Self, Failure> {
        let unknown = |error: &dyn std::fmt::Display| {
            Failure::new("accounts-unknown", format!("the user {name}: {}", one_line(&error.to_string())))
        };
        let database = Database::read().map_err(|error| unknown(&error))?;
        let row = database.account(name.as_str()).map_err(|error| unknown(&error))?.ok_or_else(|| {
            Failure::new(
                "no-such-user",
                format!("there is no user {name}: name one in the manifest's \"user\""),
            )
        })?;
        let groups = database.memberships(name.as_str()).map_err(|error| unknown(&error))?;
        let credentials = credentials(name, row.uid, row.gid, &groups)?;
        let (name, home) = (name.clone(), home.clone());
        Ok(Self { name, uid: row.uid, gid: row.gid, home, credentials, account_home: row.home })
    }

    /// Why ssh(1) will not see files below [`Self::home`], if so: it asks the account where its home is.
    #[must_use]
    pub fn overlooked_home(&self) -> Option<String> {
        let (said, account) = (self.home.as_str(), self.account_home.as_str());
        (said != account.trim_end_matches('/')).then(|| {
            format!(
                "{}: ssh(1) reads {}/.ssh/config, the home of {}'s account, and not this one",
                one_line(said),
                one_line(account),
                self.name
            )
        })
    }
}

fn credentials(name: &AccountName, uid: u32, gid: u32, groups: &[u32]) -> Result<Credentials, Failure> {
    let refused = |why: &dyn std::fmt::Display| {
        Failure::new(
            "user-refused",
            format!("the user {name} is not served: {why}; name an unprivileged user"),
        )
    };
    if uid == OVERFLOW_ID || gid == OVERFLOW_ID {
        return Err(refused(&format_args!("{OVERFLOW_ID} stands for every id that has no name here")));
    }
    let groups = groups.iter().copied().map(Gid::from_raw).collect();
    Credentials::new(Uid::from_raw(uid), Gid::from_raw(gid), groups).map_err(|why| refused(&why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(name: &str, home: &str) -> Result<ServedUser, Failure> {
        ServedUser::resolve(&name.parse().expect("a name"), &home.parse().expect("a path"))
    }

    #[test]
    fn an_account_of_this_machine_has_its_ids_and_groups() {
        let user = resolve("daemon", "/usr/sbin").expect("there");
        assert_eq!((user.uid, user.gid, user.credentials.uid().as_raw()), (1, 1, 1));
        assert_eq!(user.overlooked_home(), None);
        let elsewhere = resolve("daemon", "/srv/daemon").expect("there").overlooked_home();
        assert!(elsewhere.is_some_and(|words| words.contains("/usr/sbin/.ssh/config")));
    }

    #[test]
    fn who_is_nobody_or_root_is_not_served() {
        for (name, code) in
            [("no_such-user-0f1e", "no-such-user"), ("root", "user-refused"), ("nobody", "user-refused")]
        {
            assert_eq!(resolve(name, "/home/x").expect_err(name).code, code);
        }
    }

    #[test]
    fn an_id_of_root_s_or_of_everybody_s_is_refused() {
        let name = "node".parse().expect("a name");
        for (uid, gid, groups, taken) in [
            (1000, 1000, &[4, 27][..], true),
            (0, 1000, &[], false),
            (1000, 0, &[], false),
            (1000, 1000, &[0], false),
            (OVERFLOW_ID, 1000, &[], false),
            (1000, OVERFLOW_ID, &[], false),
        ] {
            assert_eq!(credentials(&name, uid, gid, groups).is_ok(), taken, "{uid} {gid} {groups:?}");
        }
    }
}
