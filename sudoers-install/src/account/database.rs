//! Where accounts and groups are looked up: /etc/passwd (passwd(5)), otherwise getent(1).

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use supervise::{Bounded, Outcome};

use super::Account;

/// The file of local accounts.
const PASSWD: &str = "/etc/passwd";
/// Largest /etc/passwd that is read, in bytes.
const MAX_PASSWD: u64 = 16 << 20;
/// What asks the other sources that nsswitch.conf(5) names.
const GETENT: &str = "/usr/bin/getent";
/// How long getent(1) may take: a directory server may be far or down.
const GETENT_TIME: Duration = Duration::from_secs(10);
/// Most bytes of its answer, which is one line; one of a user of very many groups included.
const GETENT_OUTPUT: usize = 1 << 20;
/// getent(1): "One or more supplied key could not be found in the database."
const GETENT_NOT_FOUND: u8 = 2;

/// A uid or gid in decimal, digits only and not `(uid_t) -1`, which setreuid(2) and its like read as
/// "unchanged".
pub(super) fn parse_id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok().filter(|&id| id != u32::MAX)
}

/// The first line of passwd(5) that is wanted decides, as for getpwnam(3). Lines of another form are
/// nobody's.
pub(super) fn first(passwd: &[u8], wanted: impl Fn(&Account) -> bool) -> Option<Account> {
    passwd.split(|&byte| byte == b'\n').filter_map(entry).find(wanted)
}

fn entry(line: &[u8]) -> Option<Account> {
    // The fields after these may be in any encoding.
    let mut fields =
        line.trim_ascii_start().split(|&byte| byte == b':').map(|field| std::str::from_utf8(field).ok());
    let (name, _password, uid, gid) = (fields.next()??, fields.next()?, fields.next()??, fields.next()??);
    Some(Account { uid: parse_id(uid)?, gid: parse_id(gid)?, name: name.to_owned() })
}

pub(super) fn local_accounts() -> io::Result<Vec<u8>> {
    let mut passwd = Vec::new();
    let length = File::open(PASSWD)?.take(MAX_PASSWD + 1).read_to_end(&mut passwd)?;
    if length as u64 > MAX_PASSWD {
        return Err(io::Error::other(format!("{PASSWD} is larger than {MAX_PASSWD} bytes")));
    }
    Ok(passwd)
}

/// What getent(1) answers; `None` when it knows nothing of that.
pub(super) fn getent(arguments: &[&str]) -> io::Result<Option<Vec<u8>>> {
    let getent = Bounded { program: GETENT, arguments, time: GETENT_TIME, output: GETENT_OUTPUT };
    let answer = getent.run().map_err(|error| io::Error::other(format!("{GETENT}: {error}")))?;
    match answer.outcome {
        Outcome::Exited(0) => Ok(Some(answer.output)),
        Outcome::Exited(GETENT_NOT_FOUND) => Ok(None),
        outcome => Err(io::Error::other(format!("{GETENT} ended with status {}", outcome.status()))),
    }
}

/// The gids of one answer of `getent initgroups`: the name, then numbers.
pub(super) fn initgroups(answer: &[u8], name: &str) -> Option<Vec<u32>> {
    let answer = std::str::from_utf8(answer).ok()?;
    if answer.is_empty() {
        return Some(Vec::new());
    }
    let numbers = answer.strip_suffix('\n')?.strip_prefix(name)?;
    let words = numbers.split(' ').filter(|word| !word.is_empty());
    if numbers.is_empty() || numbers.starts_with(' ') { words.map(parse_id).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_spelling() {
        for (text, id) in [("0", 0), ("1000", 1000), ("4294967294", u32::MAX - 1)] {
            assert_eq!(parse_id(text), Some(id));
        }
        for text in ["", "-1", "+1", " 1", "1 ", "01", "1x", "0x1", "4294967295", "4294967296", "١"] {
            assert_eq!(parse_id(text), None, "{text:?}");
        }
    }

    #[test]
    fn answers_about_groups_are_read_strictly() {
        for (answer, name, groups) in [
            ("ubuntu                4 27 1000\n", "ubuntu", Some(vec![4, 27, 1000])),
            ("ubuntu               \n", "ubuntu", Some(vec![])),
            ("jane doe              5\n", "jane doe", Some(vec![5])),
            ("", "ubuntu", Some(vec![])),
            ("other                 5\n", "ubuntu", None),
            ("ubuntu                5\nubuntu 6\n", "ubuntu", None),
            ("ubuntu2               5\n", "ubuntu", None),
            ("ubuntu               -1\n", "ubuntu", None),
            ("ubuntu                5", "ubuntu", None),
        ] {
            assert_eq!(initgroups(answer.as_bytes(), name), groups, "{answer:?}");
        }
    }
}
