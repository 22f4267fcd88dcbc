//! getent(1), a child that asks every source that nsswitch.conf(5) names.

use std::ffi::OsString;
use std::time::Duration;

use supervise::Outcome;
use supervise::bounded::{self, Run};

use crate::error::DatabaseError;
use crate::id::parse_id;

/// Where Debian's libc-bin has it.
pub(crate) const GETENT: &str = "/usr/bin/getent";

/// How long a directory service may take to answer.
const TIME: Duration = Duration::from_secs(10);

/// The answer is one line; a user is in 65536 groups at most (NGROUPS_MAX).
const OUTPUT: usize = 1 << 20;

/// getent(1): the key is not in the database.
const KEY_NOT_FOUND: u8 = 2;

/// One row, which must be the one that was asked for.
pub(crate) fn row<Row>(
    database: &'static str,
    key: &str,
    parse: impl Fn(&str) -> Option<Row>,
    wanted: impl Fn(&Row) -> bool,
) -> Result<Option<Row>, DatabaseError> {
    let Some(answer) = ask(database, key)? else { return Ok(None) };
    let line = answer.strip_suffix('\n').filter(|line| !line.contains('\n'));
    line.and_then(parse).filter(wanted).map(Some).ok_or_else(|| unusable(database, key))
}

/// The groups of a user.
pub(crate) fn memberships(user: &str) -> Result<Vec<u32>, DatabaseError> {
    let database = "initgroups";
    let answer = ask(database, user)?.unwrap_or_default();
    initgroups(&answer, user).ok_or_else(|| unusable(database, user))
}

/// Whether a source of nsswitch.conf(5) has a row of shadow(5) for the account of that name. To be asked as
/// root: others see none.
///
/// # Errors
/// See [`DatabaseError`].
pub fn is_in_shadow(user: &str) -> Result<bool, DatabaseError> {
    Ok(ask("shadow", user)?.is_some())
}

/// `NAME  4 27 1000`, as getent(1) prints it, for a user of no group too.
fn initgroups(answer: &str, user: &str) -> Option<Vec<u32>> {
    let line = answer.strip_suffix('\n').filter(|line| !line.contains('\n'))?;
    let numbers = line.strip_prefix(user)?;
    let apart = numbers.is_empty() || numbers.starts_with(' ');
    apart.then(|| numbers.split_ascii_whitespace().map(parse_id).collect())?
}

fn unusable(database: &'static str, key: &str) -> DatabaseError {
    DatabaseError::GetentAnswer(database, key.to_owned())
}

fn ask(database: &str, key: &str) -> Result<Option<String>, DatabaseError> {
    let argv = [GETENT, database, "--", key].map(OsString::from);
    let getent = Run { argv: &argv, env: &[], stdin: b"", limit: TIME, output: OUTPUT };
    let answer = bounded::ask(&getent).map_err(DatabaseError::Getent)?;
    match answer.outcome {
        Outcome::Exited(0) => Ok(Some(String::from_utf8_lossy(&answer.stdout).into_owned())),
        Outcome::Exited(KEY_NOT_FOUND) => Ok(None),
        other => Err(DatabaseError::GetentStatus(other.status())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_about_groups_are_read_strictly() {
        for (answer, user, groups) in [
            ("ubuntu                4 27 1000\n", "ubuntu", Some(vec![4, 27, 1000])),
            ("ubuntu               \n", "ubuntu", Some(vec![])),
            ("jane doe              5\n", "jane doe", Some(vec![5])),
            ("", "ubuntu", None),
            ("other                 5\n", "ubuntu", None),
            ("ubuntu 4\nubuntu 5\n", "ubuntu", None),
            ("ubuntu2               5\n", "ubuntu", None),
            ("ubuntu               -1\n", "ubuntu", None),
            ("ubuntu                4 x\n", "ubuntu", None),
            ("ubuntu                4", "ubuntu", None),
        ] {
            assert_eq!(initgroups(answer, user), groups, "{answer:?}");
        }
    }
}
