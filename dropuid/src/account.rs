//! Whom a spec means: the ids to hold and the account that they belong to.

use std::fmt;

use accounts::{Database, DatabaseError, passwd};
use nix::unistd::{Gid, Uid};
use supervise::{Credentials, RootRefused};

use crate::spec::{Principal, Spec};

/// A user without an account has no home; / is what gosu and su-exec give it too.
const NO_HOME: &str = "/";

/// An empty shell field means this one (passwd(5)).
const DEFAULT_SHELL: &str = "/bin/sh";

/// What is set in the environment of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// Whom the command runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The ids.
    pub credentials: Credentials,
    /// The account, when the uid has one.
    pub account: Option<Account>,
}

impl Target {
    /// The name that people know the user by: the uid when it has no account.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.account
            .as_ref()
            .map_or_else(|| self.credentials.uid().to_string(), |account| account.name.clone())
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> &str {
        self.account.as_ref().map_or(NO_HOME, |account| &account.home)
    }
}

/// Why a spec means nobody, or nobody that a command may run as.
#[derive(Debug)]
pub enum ResolveError {
    /// No such user.
    UnknownUser(String),
    /// A uid that has no account needs a group beside it.
    NoGroup(u32),
    /// No such group.
    UnknownGroup(String),
    /// `--drop-groups` names the primary group, without which no process can be.
    PrimaryGroup(String),
    /// The user is root, or is in root's group.
    Root(String, RootRefused),
    /// A database gave no answer.
    Database(DatabaseError),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUser(user) => write!(f, "no user '{user}'"),
            Self::NoGroup(uid) => {
                write!(f, "uid {uid} has no account; name its group too, as in {uid}:GROUP")
            }
            Self::UnknownGroup(group) => write!(f, "no group '{group}'"),
            Self::PrimaryGroup(group) => {
                write!(f, "'{group}' is the primary group; name another one, as in USER:GROUP")
            }
            Self::Root(user, why) => write!(f, "will not run a command as '{user}': {why}"),
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ResolveError {}

impl From<DatabaseError> for ResolveError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// Finds the target of `spec`. Groups named in `dropped` are taken out of its supplementary ones.
///
/// # Errors
/// See [`ResolveError`].
pub fn resolve(spec: &Spec, dropped: &[Principal], database: &Database) -> Result<Target, ResolveError> {
    let row = user(&spec.user, database)?;
    let uid = match (&row, spec.user.as_number()) {
        (Some(row), _) => row.uid,
        (None, Some(uid)) => uid,
        (None, None) => return Err(ResolveError::UnknownUser(spec.user.to_string())),
    };
    let refuse = |why| ResolveError::Root(spec.user.to_string(), why);
    if uid == 0 {
        return Err(refuse(RootRefused::User));
    }
    let (gid, mut groups) = match (&spec.group, &row) {
        (Some(group), _) => {
            let gid = known_group(group, database)?;
            (gid, vec![gid])
        }
        (None, Some(row)) => {
            let mut groups = database.memberships(&row.name)?;
            groups.push(row.gid);
            (row.gid, groups)
        }
        (None, None) => return Err(ResolveError::NoGroup(uid)),
    };
    for group in dropped {
        let unwanted = known_group(group, database)?;
        if unwanted == gid {
            return Err(ResolveError::PrimaryGroup(group.to_string()));
        }
        groups.retain(|group| *group != unwanted);
    }
    let groups = groups.into_iter().map(Gid::from_raw).collect();
    let credentials = Credentials::new(Uid::from_raw(uid), Gid::from_raw(gid), groups).map_err(refuse)?;
    Ok(Target { credentials, account: row.map(Account::from) })
}

/// The account of that name, or else of that number.
fn user(user: &Principal, database: &Database) -> Result<Option<passwd::Row>, DatabaseError> {
    match (database.account(user.as_name())?, user.as_number()) {
        (None, Some(uid)) => database.account_of_uid(uid),
        (found, _) => Ok(found),
    }
}

/// The group of that name, or else of that number, which needs no row.
fn known_group(group: &Principal, database: &Database) -> Result<u32, ResolveError> {
    database
        .group(group.as_name())?
        .or(group.as_number())
        .ok_or_else(|| ResolveError::UnknownGroup(group.to_string()))
}

impl From<passwd::Row> for Account {
    fn from(row: passwd::Row) -> Self {
        let home = if row.home.starts_with('/') { row.home } else { NO_HOME.to_owned() };
        let shell = if row.shell.is_empty() { DEFAULT_SHELL.to_owned() } else { row.shell };
        Self { name: row.name, home, shell }
    }
}
