//! Where accounts and groups are found: the local files, and getent(1) for every other source.
//!
//! The C library's own look-up is never called in this process: it loads modules, which a static
//! program cannot do safely, and runs their code with root's ids.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use supervise::{Bounded, BoundedError, Outcome};

use crate::nsswitch::Switch;
use crate::spec::{Principal, number};
use crate::{group, passwd};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const NSSWITCH: &str = "/etc/nsswitch.conf";
const GETENT: &str = "/usr/bin/getent";

/// A larger file belongs into a directory service.
const MAX_FILE: u64 = 16 << 20;

/// How long a directory service may take to answer.
const GETENT_TIME: Duration = Duration::from_secs(10);

/// The answer is one line; a user is in 65536 groups at most (NGROUPS_MAX).
const GETENT_OUTPUT: usize = 1 << 20;

/// getent(1): the key is not in the database.
const KEY_NOT_FOUND: u8 = 2;

/// Group- or world-writable.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why a database gave no answer.
#[derive(Debug)]
pub enum DatabaseError {
    /// A file could not be read.
    Read(&'static str, io::Error),
    /// A file is not root's alone to write.
    NotTrusted(&'static str),
    /// A file is larger than it may be.
    TooLarge(&'static str),
    /// getent could not be run or did not end as it should.
    Getent(BoundedError),
    /// getent ended with an unexpected status.
    GetentStatus(u8),
    /// getent's answer is not what was asked for.
    GetentAnswer(&'static str, String),
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(file, error) => write!(f, "cannot read {file}: {error}"),
            Self::NotTrusted(file) => {
                write!(
                    f,
                    "{file} is not a regular file that only root can write; set its owner and mode right"
                )
            }
            Self::TooLarge(file) => write!(f, "{file} is larger than {MAX_FILE} bytes"),
            Self::Getent(error) => write!(f, "{GETENT}, needed for what is not in the local files: {error}"),
            Self::GetentStatus(status) => write!(f, "{GETENT} ended with status {status}"),
            Self::GetentAnswer(database, key) => {
                write!(f, "{GETENT} {database} {key} gave an answer that cannot be used")
            }
        }
    }
}

impl std::error::Error for DatabaseError {}

/// The local files, read once.
pub struct Database {
    passwd: String,
    group: String,
    switch: Switch,
}

impl Database {
    /// Reads /etc/passwd, /etc/group and /etc/nsswitch.conf.
    ///
    /// # Errors
    /// See [`DatabaseError`]; a missing file counts as empty.
    pub fn read() -> Result<Self, DatabaseError> {
        Ok(Self {
            passwd: read_trusted(PASSWD)?,
            group: read_trusted(GROUP)?,
            switch: Switch::parse(&read_trusted(NSSWITCH)?),
        })
    }

    /// The account of that name, or else of that number.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn user(&self, user: &Principal) -> Result<Option<passwd::Row>, DatabaseError> {
        let named = |row: &passwd::Row| row.name == user.as_name();
        let numbered = |row: &passwd::Row| user.as_number() == Some(row.uid);
        let local_name = passwd::find(&self.passwd, named);
        let local = local_name.clone().or_else(|| passwd::find(&self.passwd, numbered));
        match local {
            Some(row) if self.switch.passwd_hit_is_final => Ok(Some(row)),
            None if self.switch.passwd_miss_is_final => Ok(None),
            // getent takes digits for a uid, 01000 for 1000: it cannot be asked for such a name.
            _ if user.looks_numeric() && (local_name.is_some() || user.as_number().is_none()) => {
                Ok(local_name)
            }
            _ => ask(user, "passwd", passwd::Row::parse, |row| named(row) || numbered(row)),
        }
    }

    /// The local account of that number: whose home a caller's variables may point into.
    #[must_use]
    pub fn local_home(&self, uid: u32) -> Option<String> {
        passwd::find(&self.passwd, |row| row.uid == uid).map(|row| row.home)
    }

    /// The group of that name, or else of that number; a number needs no row.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn group(&self, group: &Principal) -> Result<Option<u32>, DatabaseError> {
        let local = group::find(&self.group, |row| row.name == group.as_name()).map(|row| row.gid);
        let row = match local {
            Some(gid) if self.switch.group_hit_is_final => return Ok(Some(gid)),
            None if self.switch.group_miss_is_final => None,
            _ if group.looks_numeric() => local,
            _ => {
                ask(group, "group", group::Row::parse, |row| row.name == group.as_name())?.map(|row| row.gid)
            }
        };
        Ok(row.or(group.as_number()))
    }

    /// Every supplementary group of an account, without its primary one.
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn memberships(&self, account: &passwd::Row) -> Result<Vec<u32>, DatabaseError> {
        let local = passwd::find(&self.passwd, |row| row.name == account.name).is_some();
        if local && self.switch.memberships_are_final {
            return Ok(group::memberships(&self.group, &account.name));
        }
        let answer = getent(&["initgroups", &account.name])?.unwrap_or_default();
        initgroups(&answer, &account.name)
            .ok_or_else(|| DatabaseError::GetentAnswer("initgroups", account.name.clone()))
    }

    /// The name of a group in the local file, to be shown.
    #[must_use]
    pub fn local_group_name(&self, gid: u32) -> Option<String> {
        group::find(&self.group, |row| row.gid == gid).map(|row| row.name)
    }
}

fn read_trusted(path: &'static str) -> Result<String, DatabaseError> {
    let unreadable = |error| DatabaseError::Read(path, error);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        other => other.map_err(unreadable)?,
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.uid() != 0 || metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(DatabaseError::NotTrusted(path));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or(0) + 1);
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(DatabaseError::TooLarge(path));
    }
    Ok(match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(_) => String::from_utf8(bytes).unwrap_or_default(),
        // A comment field may be in any encoding; names and numbers are compared as they are.
        Cow::Owned(repaired) => repaired,
    })
}

/// One row from getent, which must be the one that was asked for.
fn ask<Row>(
    key: &Principal,
    database: &'static str,
    parse: impl Fn(&str) -> Option<Row>,
    wanted: impl Fn(&Row) -> bool,
) -> Result<Option<Row>, DatabaseError> {
    let Some(answer) = getent(&[database, key.as_name()])? else { return Ok(None) };
    let unusable = || DatabaseError::GetentAnswer(database, key.as_name().to_owned());
    let line = answer.strip_suffix('\n').filter(|line| !line.contains('\n')).ok_or_else(unusable)?;
    parse(line).filter(|row| wanted(row)).map(Some).ok_or_else(unusable)
}

/// `NAME  4 27 1000`, as getent(1) prints it.
fn initgroups(answer: &str, user: &str) -> Option<Vec<u32>> {
    let line = answer.strip_suffix('\n').filter(|line| !line.contains('\n'))?;
    let mut words = line.split_ascii_whitespace();
    words.next().filter(|name| *name == user)?;
    words.map(number).collect()
}

fn getent(arguments: &[&str]) -> Result<Option<String>, DatabaseError> {
    let program = Bounded { program: GETENT, arguments, time: GETENT_TIME, output: GETENT_OUTPUT };
    let captured = program.run().map_err(DatabaseError::Getent)?;
    match captured.outcome {
        Outcome::Exited(0) => Ok(Some(String::from_utf8_lossy(&captured.output).into_owned())),
        Outcome::Exited(KEY_NOT_FOUND) => Ok(None),
        other => Err(DatabaseError::GetentStatus(other.status())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initgroups_answers_are_read_strictly() {
        assert_eq!(initgroups("ubuntu                4 27 1000\n", "ubuntu"), Some(vec![4, 27, 1000]));
        assert_eq!(initgroups("ubuntu               \n", "ubuntu"), Some(Vec::new()));
        for answer in ["", "other 4\n", "ubuntu 4 x\n", "ubuntu 4\nubuntu 5\n", "ubuntu 4", "ubuntu -1\n"] {
            assert_eq!(initgroups(answer, "ubuntu"), None, "{answer:?}");
        }
    }
}
