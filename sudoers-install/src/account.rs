//! The account that a rule is for, and the groups that it is in.

use std::ffi::OsStr;
use std::io;

use accounts::{Database, DatabaseError, parse_id, passwd};
use nix::unistd::getuid;

use crate::user_token::UserToken;
use diagnostics::Failure;

/// Longest name in bytes.
pub const MAX_NAME_LENGTH: usize = 256;
/// Characters that mean something in a list of users of sudoers(5), of passwd(5), or of a file's name.
const NEVER_IN_A_NAME: [char; 3] = [',', ':', '/'];
/// With these, the C library reads a line of passwd(5) as a comment, as one of nsswitch.conf(5) "compat",
/// or from where they end.
const NEVER_FIRST: [char; 4] = ['#', '-', '+', ' '];

/// The account that a rule is for: one that exists, that is not root, and whose name cannot be read as
/// several or as all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its user id; never 0.
    pub uid: u32,
    /// Its primary group's id.
    pub gid: u32,
    /// Its name, as passwd(5) has it.
    pub name: String,
}

impl Account {
    /// The account that calls: for root, the one that has called sudo, by SUDO_UID, which sudo(8) sets; for
    /// anybody else the real uid. LOGNAME and USER are the caller's to choose and are not looked at.
    ///
    /// # Errors
    /// When SUDO_UID is missing, no uid, root's, or that of no account; `no-user` and as for [`Self::named`].
    pub fn of_caller() -> Result<Self, Failure> {
        let own = getuid();
        if !own.is_root() {
            return Self::of_uid(own.as_raw(), "the calling uid");
        }
        let Some(text) = std::env::var_os("SUDO_UID") else {
            let error = "it is not known for whom the rule is, for SUDO_UID is not set: \
                call this with sudo from that account, or give --user USER";
            return Err(Failure::new("no-user", error));
        };
        Self::of_sudo_uid(&text)
    }

    fn of_sudo_uid(text: &OsStr) -> Result<Self, Failure> {
        let uid = text.to_str().and_then(parse_id).ok_or_else(|| {
            Failure::new("no-user", format!("SUDO_UID is no user id: {text:?}; give --user USER"))
        })?;
        if uid == 0 {
            let error = "SUDO_UID is root's, who needs no rule: give --user USER";
            return Err(Failure::new("user-root", error));
        }
        Self::of_uid(uid, "SUDO_UID")
    }

    fn of_uid(uid: u32, what: &str) -> Result<Self, Failure> {
        let row = look_up(|database| database.account_of_uid(uid))?.ok_or_else(|| {
            let error = format!("{what} is {uid}, which no account has: give --user USER");
            Failure::new("unknown-user", error)
        })?;
        fit(row)
    }

    /// The account of this name.
    ///
    /// # Errors
    /// `bad-user` for a name that no rule can be for, `unknown-user`, `user-root`, and `accounts` when
    /// the accounts cannot be read.
    pub fn named(name: &str) -> Result<Self, Failure> {
        check_name(name)?;
        let row = look_up(|database| database.account(name))?.ok_or_else(|| {
            let error = format!("there is no account '{}': see getent passwd", name.escape_debug());
            Failure::new("unknown-user", error)
        })?;
        fit(row)
    }

    /// Makes sure that sudo takes a rule with the account's name for this account and for no other one of
    /// this machine: it knows who calls by the first name of the uid, and does not tell capitals from small
    /// letters (sudoers(5), `case_insensitive_user`).
    ///
    /// # Errors
    /// `ambiguous-user` with the other name, and `accounts` when the accounts cannot be read.
    pub fn require_own_name(&self) -> Result<(), Failure> {
        let accounts = Database::read().map_err(|error| unread(&error))?.local_accounts();
        let (known, alike) = self.others(&accounts);
        self.require_no_other(known, alike)
    }

    /// Another name by which sudo knows the uid, and that of another account which differs in capitals alone.
    /// account.sh finds the same.
    pub(crate) fn others<'a>(&self, accounts: &'a [passwd::Row]) -> (Option<&'a str>, Option<&'a str>) {
        let known = accounts.iter().find(|row| row.uid == self.uid).filter(|row| row.name != self.name);
        let alike = accounts.iter().find(|row| {
            row.uid != self.uid && row.name != self.name && row.name.eq_ignore_ascii_case(&self.name)
        });
        (known.map(|row| row.name.as_str()), alike.map(|row| row.name.as_str()))
    }

    /// Makes sure that there is no other name of the uid, and no other account which differs in capitals alone,
    /// or that the rule does not have the name.
    ///
    /// # Errors
    /// `ambiguous-user` with the other name.
    pub fn require_no_other(&self, known: Option<&str>, alike: Option<&str>) -> Result<(), Failure> {
        if UserToken::of(self).comment().is_some() {
            // The rule has the uid, which is of one account only.
            return Ok(());
        }
        let name = self.name.escape_debug();
        let refuse = |why: String| {
            let error = format!("a rule for '{name}' would not be its own: {why}");
            Err(Failure::new("ambiguous-user", error))
        };
        if let Some(other) = known {
            let other = other.escape_debug();
            return refuse(format!("sudo knows its uid by the name '{other}'; give --user with that"));
        }
        match alike {
            Some(other) => {
                let other = other.escape_debug();
                refuse(format!("sudo does not tell it from '{other}'; rename one of them (usermod -l)"))
            }
            None => Ok(()),
        }
    }

    /// The ids of its groups, the primary one first, each once (getgrouplist(3)).
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn groups(&self) -> io::Result<Vec<u32>> {
        let mut groups = vec![self.gid];
        let others = Database::read().and_then(|database| database.memberships(&self.name));
        let others = others.map_err(io::Error::other)?;
        groups.extend(others.into_iter().filter(|gid| *gid != self.gid));
        groups.dedup();
        Ok(groups)
    }
}

/// Whether a rule can be for an account of this name.
///
/// # Errors
/// `bad-user`.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let why = if name.is_empty() || name.len() > MAX_NAME_LENGTH {
        format!("has to have 1 to {MAX_NAME_LENGTH} bytes")
    } else if name == "ALL" {
        "would be everybody in a sudoers rule".to_owned()
    } else if name.starts_with(NEVER_FIRST) {
        "begins with a character with which a line of passwd(5) is no account's".to_owned()
    } else if let Some(c) = name.chars().find(|c| c.is_control() || NEVER_IN_A_NAME.contains(c)) {
        format!("holds '{}', which no account's name may", c.escape_debug())
    } else {
        return Ok(());
    };
    let error = format!("the account's name '{}' {why}", name.escape_debug());
    Err(Failure::new("bad-user", error))
}

fn unread(error: &DatabaseError) -> Failure {
    Failure::new("accounts", format!("cannot look an account up: {error}"))
}

fn look_up(
    ask: impl FnOnce(&Database) -> Result<Option<passwd::Row>, DatabaseError>,
) -> Result<Option<passwd::Row>, Failure> {
    let row = Database::read().and_then(|database| ask(&database));
    row.map_err(|error| unread(&error))
}

fn fit(row: passwd::Row) -> Result<Account, Failure> {
    check_name(&row.name)?;
    if row.uid == 0 {
        let name = row.name.escape_debug();
        return Err(Failure::new("user-root", format!("the account '{name}' is root, who needs no rule")));
    }
    Ok(Account { uid: row.uid, gid: row.gid, name: row.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, uid: u32) -> passwd::Row {
        passwd::Row::parse(&format!("{name}:x:{uid}:5::/:/bin/sh")).expect(name)
    }

    #[test]
    fn a_name_that_sudo_takes_for_another_account_too_is_refused() {
        const PASSWD: &str = "agent:x:1001:1::/:/bin/sh\ntwin:x:1001:1::/:/bin/sh\nops:x:1002:1::/:/bin/sh\nOps:x:1003:1::/:/bin/sh\nSame:x:1001:1::/:/bin/sh\n";
        let account = |name: &str, uid| Account { uid, gid: 1, name: name.to_owned() };
        let accounts: Vec<_> = PASSWD.lines().filter_map(passwd::Row::parse).collect();
        for (name, uid, other) in [
            ("agent", 1001, None),
            ("twin", 1001, Some("'agent'")),
            ("ops", 1002, Some("'Ops'")),
            ("same", 1001, Some("'agent'")),
            ("Ops", 1003, None),
            ("of.a.directory", 5000, None),
            ("agent", 5000, None),
        ] {
            let account = account(name, uid);
            let (known, alike) = account.others(&accounts);
            let refused = account.require_no_other(known, alike).err();
            assert_eq!(refused.is_some(), other.is_some(), "{name} {refused:?}");
            assert!(refused.is_none_or(|failure| failure.error.contains(other.unwrap_or_default())));
        }
        // A rule with the uid is nobody else's.
        account("Ops", 1003).require_own_name().expect("its own");
    }

    #[test]
    fn root_and_names_that_are_no_ones_get_no_rule() {
        let code = |name: &str, uid| fit(row(name, uid)).expect_err(name).code;
        assert_eq!(
            [code("root", 0), code("toor", 0), code("ALL", 5)],
            ["user-root", "user-root", "bad-user"]
        );
        let jane = Account { uid: 7, gid: 5, name: "jane doe".to_owned() };
        assert_eq!(fit(row("jane doe", 7)), Ok(jane));
        let long = "a".repeat(257);
        for name in [
            "",
            "ALL",
            "a,b",
            "a\nb ALL=(ALL) ALL",
            "a\tb",
            "a:b",
            "a/b",
            "-x",
            "+net",
            "#1001",
            " a",
            "a\u{85}b",
            &long,
        ] {
            assert_eq!(check_name(name).expect_err(name).code, "bad-user", "{name:?}");
            assert_eq!(Account::named(name).expect_err(name).code, "bad-user", "{name:?}");
        }
        for name in ["john.doe", "DOM\\bob", "jane doe", "BUILD", "%x", "x-", "x#1", &"a".repeat(256)] {
            check_name(name).expect(name);
        }
        let hostile = check_name("a\n\u{1b}[2J,").expect_err("refused").error;
        assert!(!hostile.contains(['\n', '\u{1b}']), "{hostile:?}");
    }

    #[test]
    fn the_caller_of_sudo_is_an_account_by_its_number() {
        let daemon = Account::of_sudo_uid(OsStr::new("1")).expect("there");
        assert_eq!(daemon, Account::named("daemon").expect("there"));
        for (text, code) in [
            ("0", "user-root"),
            ("", "no-user"),
            ("daemon", "no-user"),
            ("-1", "no-user"),
            ("1 ", "no-user"),
            ("4294967295", "no-user"),
            ("4294967289", "unknown-user"),
        ] {
            assert_eq!(Account::of_sudo_uid(OsStr::new(text)).expect_err(text).code, code, "{text:?}");
        }
    }

    #[test]
    fn accounts_of_this_machine() {
        let daemon = Account::named("daemon").expect("there");
        assert_eq!((daemon.uid, daemon.name.as_str()), (1, "daemon"));
        assert_eq!(daemon.groups().expect("asked").first(), Some(&daemon.gid));
        assert_eq!(Account::named("root").expect_err("root").code, "user-root");
        for name in ["no such account", "1"] {
            assert_eq!(Account::named(name).expect_err(name).code, "unknown-user", "{name}");
        }
    }
}
