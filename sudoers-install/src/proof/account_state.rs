//! Accounts that PAM lets run nothing, whatever sudoers says (shadow(5), pam_unix(8)).
//!
//! A locked password (`!`, `*`) is no such thing, nor is one that has to be changed: they keep only those
//! out who have to give it.

use std::fs::File;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::account::Account;
use diagnostics::Failure;

const SHADOW: &str = "/etc/shadow";
const PASSWD: &str = "/etc/passwd";
/// How much of each is read, in bytes.
const MAX_FILE: u64 = 16 << 20;
const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Makes sure that the account is one that may still be used, as far as /etc/shadow tells.
pub(super) fn examine(account: &Account) -> Result<(), Failure> {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs() / SECONDS_PER_DAY);
    // What is not known is not claimed: accounts may come from a directory.
    let (Some(shadow), Ok(today)) = (read(SHADOW), today) else { return Ok(()) };
    let why = match line(&shadow, &account.name) {
        Some(line) => state(line, today.cast_signed()),
        None => unknown(&account.name),
    };
    why.map_or(Ok(()), |why| {
        let user = account.name.escape_debug();
        Err(Failure::new("account-expired", format!("sudo refuses the account '{user}': {why}")))
    })
}

fn read(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn line<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.split(':').next() == Some(name))
}

/// Why an account may not be used whose line in /etc/passwd refers to shadow(5) (passwd(5), "x"), and that
/// no source of nsswitch.conf(5) has there.
fn unknown(name: &str) -> Option<&'static str> {
    let refers = line(&read(PASSWD)?, name)?.split(':').nth(1) == Some("x");
    let missing = !accounts::is_in_shadow(name).ok()?;
    (refers && missing).then_some("it has no line in /etc/shadow (see pwck; pwconv adds it)")
}

/// Why it may not be used, by its line, on a day counted from 1970-01-01.
fn state(line: &str, today: i64) -> Option<&'static str> {
    let field = |index: usize| line.split(':').nth(index).and_then(|text| text.parse::<i64>().ok());
    let [changed, most, grace, expires] = [2, 4, 6, 7].map(|index| field(index).filter(|days| *days >= 0));
    if expires.is_some_and(|day| today >= day) {
        return Some("it has expired (see chage -l; chage -E -1 lifts that)");
    }
    let ends = changed?.saturating_add(most?);
    if today > ends.saturating_add(grace?) {
        return Some("its password has expired (see chage -l; chage -M -1 lifts that)");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shadow_says() {
        const SHADOW: &str = "root:*:1::::::\nbo:x:1::::::\nbob:!:100:0:99999:7:::\nexp:*:100::::0:120:\n\
                              new:*:0:0:99999:7:::\nold:*:100:0:10:7:5::\naged:*:100:0:10:7:::\nnone:*:::::::\nnever:*:100:0:-1:7:-1:-1:\n";
        for (name, today, expected) in [
            ("bob", 119, None),
            ("exp", 119, None),
            ("exp", 120, Some("it has expired")),
            ("new", 119, None),
            ("old", 115, None),
            ("old", 116, Some("password has expired")),
            ("aged", 200, None),
            ("none", 119, None),
            ("never", 119, None),
            ("nobody", 119, None),
            ("", 119, None),
        ] {
            let found = line(SHADOW, name).and_then(|line| state(line, today));
            assert_eq!(found.is_some(), expected.is_some(), "{name} {found:?}");
            assert!(found.unwrap_or("").contains(expected.unwrap_or("")), "{name} {found:?}");
        }
    }
}
