//! The look-up: the local files first, and getent(1) where they have not the last word.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use crate::error::DatabaseError;
use crate::nsswitch::Switch;
use crate::{getent, group, passwd};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const NSSWITCH: &str = "/etc/nsswitch.conf";

/// A larger file belongs into a directory service.
pub(crate) const MAX_FILE: u64 = 16 << 20;

/// Group- or world-writable.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The local files, read once.
///
/// A name may be any text: it is compared with whole names, and getent(1) gets it as an argument that
/// cannot be an option.
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

    /// The account of that name; a name of digits is one too (getpwnam(3)).
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn account(&self, name: &str) -> Result<Option<passwd::Row>, DatabaseError> {
        let local = passwd::find_name(&self.passwd, name);
        let local = local.map_err(|_| DatabaseError::Line(PASSWD, name.to_owned()))?;
        match local {
            Some(row) if self.switch.passwd_hit_is_final => Ok(Some(row)),
            None if self.switch.passwd_miss_is_final => Ok(None),
            local if is_number_to_getent(name) => Ok(local),
            _ => getent::row("passwd", name, passwd::Row::parse, |row| row.name == name),
        }
    }

    /// The account of that number, the first of several (getpwuid(3)).
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn account_of_uid(&self, uid: u32) -> Result<Option<passwd::Row>, DatabaseError> {
        match passwd::find(&self.passwd, |row| row.uid == uid) {
            Some(row) if self.switch.passwd_hit_is_final => Ok(Some(row)),
            None if self.switch.passwd_miss_is_final => Ok(None),
            _ => getent::row("passwd", &uid.to_string(), passwd::Row::parse, |row| row.uid == uid),
        }
    }

    /// The local account's home, of that number: whose home a caller's variables may point into.
    #[must_use]
    pub fn local_home(&self, uid: u32) -> Option<String> {
        passwd::find(&self.passwd, |row| row.uid == uid).map(|row| row.home)
    }

    /// The accounts of /etc/passwd, in its order.
    #[must_use]
    pub fn local_accounts(&self) -> Vec<passwd::Row> {
        self.passwd.lines().filter_map(passwd::Row::parse).collect()
    }

    /// The gid of the group of that name; a name of digits is one too (getgrnam(3)).
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn group(&self, name: &str) -> Result<Option<u32>, DatabaseError> {
        let local = group::find(&self.group, |row| row.name == name).map(|row| row.gid);
        match local {
            Some(gid) if self.switch.group_hit_is_final => Ok(Some(gid)),
            None if self.switch.group_miss_is_final => Ok(None),
            local if is_number_to_getent(name) => Ok(local),
            _ => {
                let row = getent::row("group", name, group::Row::parse, |row| row.name == name)?;
                Ok(row.map(|row| row.gid))
            }
        }
    }

    /// The name of the group of that number, the first of several (getgrgid(3)).
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn group_name(&self, gid: u32) -> Result<Option<String>, DatabaseError> {
        match self.local_group_name(gid) {
            Some(name) if self.switch.group_hit_is_final => Ok(Some(name)),
            None if self.switch.group_miss_is_final => Ok(None),
            _ => {
                let row = getent::row("group", &gid.to_string(), group::Row::parse, |row| row.gid == gid)?;
                Ok(row.map(|row| row.name))
            }
        }
    }

    /// The name of a group in the local file, to be shown.
    #[must_use]
    pub fn local_group_name(&self, gid: u32) -> Option<String> {
        group::find(&self.group, |row| row.gid == gid).map(|row| row.name)
    }

    /// Every supplementary group of the account of that name, without its primary one unless that lists
    /// it as a member (getgrouplist(3)).
    ///
    /// # Errors
    /// See [`DatabaseError`].
    pub fn memberships(&self, name: &str) -> Result<Vec<u32>, DatabaseError> {
        let local = passwd::find(&self.passwd, |row| row.name == name).is_some();
        if local && self.switch.memberships_are_final {
            return Ok(group::memberships(&self.group, name));
        }
        getent::memberships(name)
    }
}

/// getent(1) takes digits for a number, 01000 for 1000: it cannot be asked for such a name.
fn is_number_to_getent(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose answers never depend on getent(1).
    fn of_files(passwd: &str, group: &str) -> Database {
        let switch = Switch::parse("passwd: files\ngroup: files\n");
        Database { passwd: passwd.to_owned(), group: group.to_owned(), switch }
    }

    const PASSWD_TEXT: &str = "root:x:0:0:root:/root:/bin/sh\n\
        # alice:x:1:1::/:/bin/sh\n\
        alicex:x:1001:1001::/:/bin/sh\n\
        alice:x:1002:1002::/:/bin/sh\n\
        alice:x:0:0::/:/bin/sh\n\
        twin:x:1002:7::/:\n\
        1002:x:1011:1011::/:\n\
        bob:x\n\
        carol:x:-1:0::/:/bin/sh\n\
        eve:x:4294967295:0::/:/bin/sh\n\
        eve:x:1020:0::/:/bin/sh\n\
        +\n\
        last:x:1009:1009::/:/bin/sh";

    #[test]
    fn a_name_is_never_taken_for_a_number_nor_a_number_for_a_name() {
        let database = of_files(PASSWD_TEXT, "4:x:5:\nfour:x:4:\n");
        let uid = |name: &str| database.account(name).expect(name).map(|row| row.uid);
        for (name, found) in
            [("root", Some(0)), ("alice", Some(1002)), ("1002", Some(1011)), ("last", Some(1009))]
        {
            assert_eq!(uid(name), found, "{name}");
        }
        for name in ["ali", "", "1001", "# alice", "+", "-x", "a\nb", "a:b"] {
            assert_eq!(uid(name), None, "{name}");
        }
        let name = |uid| database.account_of_uid(uid).expect("read").map(|row| row.name);
        assert_eq!([name(1002), name(5)], [Some("alice".to_owned()), None]);
        assert_eq!([database.group("4").expect("read"), database.group("5").expect("read")], [Some(5), None]);
        assert_eq!(database.group_name(4).expect("read").as_deref(), Some("four"));
    }

    #[test]
    fn an_account_whose_line_is_not_valid_is_an_error_not_a_stranger() {
        let database = of_files(PASSWD_TEXT, "");
        for name in ["bob", "carol"] {
            let error = database.account(name).expect_err(name);
            assert!(matches!(&error, DatabaseError::Line(PASSWD, of) if of == name), "{error}");
        }
        assert_eq!(database.account("eve").expect("the next line").map(|row| row.uid), Some(1020));
    }

    #[test]
    fn accounts_of_this_machine() {
        let database = Database::read().expect("read");
        let daemon = database.account("daemon").expect("looked up").expect("there");
        assert_eq!(database.account_of_uid(daemon.uid).expect("looked up"), Some(daemon));
        for name in ["no such account", "no_such_account-0f1e", "--help", "1"] {
            assert_eq!(database.account(name).expect("looked up"), None, "{name}");
        }
        assert_eq!(database.account_of_uid(u32::MAX - 6).expect("looked up"), None);
        assert_eq!(database.group("daemon").expect("looked up"), Some(1));
        assert_eq!(database.group_name(1).expect("looked up").as_deref(), Some("daemon"));
        database.memberships("daemon").expect("looked up");
    }

    /// Every answer comes from getent(1), which this machine has.
    #[test]
    fn what_the_files_do_not_know_is_asked_for() {
        let switch = Switch::parse("passwd: sss files\ngroup: sss files\n");
        let database = Database { passwd: String::new(), group: String::new(), switch };
        assert_eq!(database.account("daemon").expect("asked").map(|row| row.uid), Some(1));
        assert_eq!(database.account_of_uid(1).expect("asked").map(|row| row.name), Some("daemon".to_owned()));
        assert_eq!(database.account("no_such_account-0f1e").expect("asked"), None);
        assert_eq!(database.account("--help").expect("asked"), None);
        assert_eq!(database.account("1").expect("not asked"), None);
        assert_eq!(database.group("daemon").expect("asked"), Some(1));
        assert_eq!(database.group_name(1).expect("asked").as_deref(), Some("daemon"));
        assert!(database.memberships("daemon").is_ok());
        assert!(matches!(database.account("a\0b"), Err(DatabaseError::Getent(_))));
    }
}
