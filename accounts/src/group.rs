//! /etc/group, one row at a time (group(5)).

use crate::id::parse_id;
use crate::passwd;

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name.
    pub name: String,
    /// Group id.
    pub gid: u32,
    members: String,
}

impl Row {
    /// Reads one line; `None` when it is none that a group could come from.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let name = passwd::name(line)?;
        let fields: Vec<&str> = line.split(':').collect();
        let [_name, _password, gid, members] = fields.as_slice() else { return None };
        Some(Self { name: name.to_owned(), gid: parse_id(gid)?, members: (*members).to_owned() })
    }

    fn has_member(&self, user: &str) -> bool {
        self.members.split(',').any(|member| member.trim() == user)
    }
}

/// The first group that `wanted` accepts.
pub fn find(text: &str, wanted: impl Fn(&Row) -> bool) -> Option<Row> {
    text.lines().filter_map(Row::parse).find(wanted)
}

/// The groups that list `user` as a member, as initgroups(3) gathers them.
#[must_use]
pub fn memberships(text: &str, user: &str) -> Vec<u32> {
    text.lines().filter_map(Row::parse).filter(|row| row.has_member(user)).map(|row| row.gid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "root:x:0:\nadm:x:4:syslog,ubuntu\ndevs:x:1001:ubuntu\nnear:x:1002:ubuntu2\n\
        bad:x:-1:ubuntu\nshort:x:1003\n";

    #[test]
    fn memberships_are_by_whole_name() {
        assert_eq!(memberships(TEXT, "ubuntu"), [4, 1001]);
        assert_eq!(memberships(TEXT, "nobody"), [0; 0]);
    }

    #[test]
    fn groups_are_found_by_name_and_parse_id() {
        assert_eq!(find(TEXT, |row| row.name == "devs").map(|row| row.gid), Some(1001));
        assert_eq!(find(TEXT, |row| row.gid == 4).map(|row| row.name), Some("adm".to_owned()));
        assert_eq!(find(TEXT, |row| row.name == "bad"), None);
    }
}
