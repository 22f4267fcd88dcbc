//! nsswitch.conf(5): whether the local files have the last word.

/// What the order and the actions of the name service switch mean for the local files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// A user found in /etc/passwd is looked for nowhere else.
    pub passwd_hit_is_final: bool,
    /// A user that is not in /etc/passwd is looked for nowhere else.
    pub passwd_miss_is_final: bool,
    /// A group found in /etc/group is looked for nowhere else.
    pub group_hit_is_final: bool,
    /// A group that is not in /etc/group is looked for nowhere else.
    pub group_miss_is_final: bool,
    /// The memberships in /etc/group are all that there are.
    pub memberships_are_final: bool,
}

struct Source {
    name: String,
    actions: String,
}

impl Source {
    /// Whether success ends the search, as it does when no action says otherwise (nsswitch.conf(5)).
    fn returns_on_success(&self) -> bool {
        let actions = self.actions.to_ascii_lowercase();
        // `!STATUS` stands for all others, success among them.
        !actions.contains("success") && !actions.contains('!')
    }
}

impl Switch {
    /// Reads the text of nsswitch.conf. A database that has no line is looked up in the files
    /// alone, which is what glibc does by default (nss_database.c).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let passwd = sources(text, "passwd");
        let group = sources(text, "group");
        let initgroups = sources(text, "initgroups");
        Self {
            passwd_hit_is_final: hit_is_final(passwd.as_deref()),
            passwd_miss_is_final: only_files(passwd.as_deref()),
            group_hit_is_final: hit_is_final(group.as_deref()),
            group_miss_is_final: only_files(group.as_deref()),
            memberships_are_final: match initgroups {
                Some(order) => hit_is_final(Some(&order)),
                None => memberships_are_final(group.as_deref()),
            },
        }
    }
}

fn hit_is_final(order: Option<&[Source]>) -> bool {
    order.is_none_or(|order| {
        order.first().is_some_and(|first| first.name == "files" && first.returns_on_success())
    })
}

fn only_files(order: Option<&[Source]>) -> bool {
    order.is_none_or(|order| order.len() == 1 && order[0].name == "files")
}

/// Without an `initgroups` line glibc asks every source for memberships, success or not
/// (initgroups.c). `systemd` adds none to a user of the files: it synthesizes its own users only.
fn memberships_are_final(order: Option<&[Source]>) -> bool {
    let local =
        |source: &Source| matches!(source.name.as_str(), "files" | "systemd") && source.returns_on_success();
    order.is_none_or(|order| order.iter().any(|source| source.name == "files") && order.iter().all(local))
}

fn sources(text: &str, database: &str) -> Option<Vec<Source>> {
    let lines = text.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| before));
    let order = lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == database)?.1;
    let mut found: Vec<Source> = Vec::new();
    let mut rest = order.trim_start();
    while !rest.is_empty() {
        let (word, after) = if rest.starts_with('[') {
            rest.split_at(rest.find(']').map_or(rest.len(), |end| end + 1))
        } else {
            rest.split_at(rest.find(|c: char| c.is_whitespace() || c == '[').unwrap_or(rest.len()))
        };
        match found.last_mut() {
            Some(last) if word.starts_with('[') => last.actions.push_str(word),
            _ => found.push(Source { name: word.to_owned(), actions: String::new() }),
        }
        rest = after.trim_start();
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwd(order: &str) -> (bool, bool) {
        let switch = Switch::parse(&format!("# comment\npasswd: {order}\ngroup: ldap\n"));
        (switch.passwd_hit_is_final, switch.passwd_miss_is_final)
    }

    fn memberships(group: &str) -> bool {
        Switch::parse(&format!("passwd: files\n{group}\n")).memberships_are_final
    }

    #[test]
    fn a_hit_in_the_first_source_is_final_by_default() {
        assert_eq!(passwd("files"), (true, true));
        assert_eq!(passwd("files systemd"), (true, false));
        assert_eq!(passwd("\tfiles   sss # and more"), (true, false));
        assert_eq!(passwd("files [NOTFOUND=return] ldap"), (true, false));
    }

    #[test]
    fn other_orders_and_actions_are_not() {
        assert_eq!(passwd("sss files"), (false, false));
        assert_eq!(passwd("compat"), (false, false));
        assert_eq!(passwd("files [SUCCESS=merge] sss"), (false, false));
        assert_eq!(passwd("files[success=continue]sss"), (false, false));
        assert_eq!(passwd("files [ !UNAVAIL=continue ] sss"), (false, false));
        assert_eq!(passwd(""), (false, false));
    }

    #[test]
    fn without_a_line_the_files_are_all() {
        let switch = Switch::parse("hosts: files dns\n");
        assert!(switch.passwd_hit_is_final && switch.passwd_miss_is_final && switch.memberships_are_final);
    }

    #[test]
    fn memberships_come_from_every_source() {
        assert!(memberships("group: files"));
        assert!(memberships("group: files systemd"));
        assert!(!memberships("group: files sss"));
        assert!(!memberships("group: files [SUCCESS=merge] systemd"));
        assert!(!memberships("group: systemd"));
    }

    #[test]
    fn an_initgroups_line_decides_by_its_first_source() {
        assert!(memberships("group: files sss\ninitgroups: files sss"));
        assert!(!memberships("group: files\ninitgroups: sss files"));
    }
}
