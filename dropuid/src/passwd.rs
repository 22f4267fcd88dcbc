//! /etc/passwd, one row at a time (passwd(5)).

use crate::spec::number;

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
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _password, uid, gid, _gecos, home, shell] = fields.as_slice() else { return None };
        if name.is_empty() || name.starts_with(['+', '-', '#']) {
            return None;
        }
        Some(Self {
            name: (*name).to_owned(),
            uid: number(uid)?,
            gid: number(gid)?,
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
        })
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
        twin:x:1000:7::/home/twin:\n";

    #[test]
    fn the_first_row_counts() {
        let by_uid = find(TEXT, |row| row.uid == 1000).expect("a row");
        assert_eq!(by_uid.name, "ubuntu");
        assert_eq!(by_uid.home, "/home/ubuntu");
    }

    #[test]
    fn what_is_no_account_is_passed_over() {
        for name in ["#off", "+", "bad", "short", ""] {
            assert_eq!(find(TEXT, |row| row.name == name), None, "{name}");
        }
        assert!(find(TEXT, |row| row.name == "twin").is_some());
    }
}
