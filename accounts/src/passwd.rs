//! /etc/passwd, one row at a time (passwd(5)).

use crate::id::parse_id;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

impl Row {
    /// Reads one line; `None` when it is none that an account could come from.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let name = name(line)?;
        let fields: Vec<&str> = line.split(':').collect();
        let [_name, _password, uid, gid, _gecos, home, shell] = fields.as_slice() else { return None };
        Some(Self {
            name: name.to_owned(),
            uid: parse_id(uid)?,
            gid: parse_id(gid)?,
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
        })
    }
}

/// Whom a line is about; nobody when it is empty, a comment, or a compat entry of nsswitch.conf(5). Spaces
/// before it count for nothing, as to the C library (nss/nss_files/files-parse.c).
pub(crate) fn name(line: &str) -> Option<&str> {
    let name = line.trim_ascii_start().split(':').next()?;
    (!name.is_empty() && !name.starts_with(['+', '-', '#'])).then_some(name)
}

/// There are lines of that name, but none that an account could come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotValid;

/// The first account of that name.
pub(crate) fn find_name(text: &str, wanted: &str) -> Result<Option<Row>, NotValid> {
    let mut lines = text.lines().filter(|line| name(line) == Some(wanted)).peekable();
    let is_there = lines.peek().is_some();
    match lines.find_map(Row::parse) {
        None if is_there => Err(NotValid),
        found => Ok(found),
    }
}

/// The first account that `wanted` accepts: the first of several rows counts, as in getpwnam(3).
pub fn find(text: &str, wanted: impl Fn(&Row) -> bool) -> Option<Row> {
    text.lines().filter_map(Row::parse).find(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "root:x:0:0:root:/root:/bin/bash\n\
        #off:x:5:5::/:\n\
        +::::::\n\
        bad:x:abc:5::/:\n\
        short:x:5:5:/:\n\
        ubuntu:x:1000:1000:U,,,:/home/ubuntu:/bin/bash\n\
        \x20 twin:x:1000:7::/home/twin:\n";

    #[test]
    fn the_first_row_counts() {
        let by_uid = find(TEXT, |row| row.uid == 1000).expect("a row");
        assert_eq!(by_uid.name, "ubuntu");
        assert_eq!(by_uid.home, "/home/ubuntu");
    }

    #[test]
    fn what_is_no_account_is_passed_over() {
        for name in ["#off", "+", "bad", "short", "", "  twin"] {
            assert_eq!(find(TEXT, |row| row.name == name), None, "{name}");
        }
        assert!(find(TEXT, |row| row.name == "twin").is_some());
    }
}
