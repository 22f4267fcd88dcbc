//! Who a rule is for, and as whom it lets them run commands.

use crate::sudoers::{AliasMembers, Kind, Member, Runas, Sudoers, Who};

/// Most names that the aliases of a list stand for.
const MAX_NAMES: usize = 4096;

/// Groups whose members are administrators by the custom of a distribution: their password stands
/// between them and root.
const ADMINISTRATORS: [&str; 4] = ["sudo", "wheel", "admin", "root"];

/// Whom a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum People {
    /// Root, who needs no way to root.
    Root,
    /// Administrators, who are root by their password.
    Administrators,
    /// Everybody.
    Everybody,
    /// Others.
    Others,
}

/// Whom the list has in the end.
pub(super) fn people(sudoers: &Sudoers, users: &[Member<Who>]) -> People {
    let who = expand(sudoers, users, |members| match members {
        AliasMembers::Users(list) => Some(list),
        _ => None,
    });
    if who.contains(&Who::All) {
        People::Everybody
    } else if who.iter().all(is_root) {
        People::Root
    } else if who.iter().all(|who| is_root(who) || is_administrators(who)) {
        People::Administrators
    } else {
        People::Others
    }
}

fn is_root(who: &Who) -> bool {
    matches!(who, Who::Uid(0)) || matches!(who, Who::Name(name) if name == "root")
}

fn is_administrators(who: &Who) -> bool {
    matches!(who, Who::Group(group) if ADMINISTRATORS.contains(&group.as_str()))
}

/// Whether a command may run as root.
pub(super) fn runs_as_root(sudoers: &Sudoers, runas: Option<&Runas>) -> bool {
    let Some(runas) = runas else { return true };
    let who = runas_users(sudoers, runas);
    who.iter().any(|who| is_root(who) || matches!(who, Who::All | Who::Gid(0)))
        || who.iter().any(|who| matches!(who, Who::Group(group) if group == "root"))
}

/// Whether a command may run as anybody.
pub(super) fn runs_as_anybody(sudoers: &Sudoers, runas: Option<&Runas>) -> bool {
    runas.is_some_and(|runas| runas_users(sudoers, runas).contains(&Who::All))
}

fn runas_users(sudoers: &Sudoers, runas: &Runas) -> Vec<Who> {
    expand(sudoers, &runas.users, |members| match members {
        AliasMembers::Runas(list) => Some(list),
        _ => None,
    })
}

/// The list of an alias, when it is of the kind that is looked for.
type Pick = fn(&AliasMembers) -> Option<&Vec<Member<Who>>>;

/// The members without `!`, and in place of aliases what they stand for.
fn expand(sudoers: &Sudoers, members: &[Member<Who>], pick: Pick) -> Vec<Who> {
    let (mut found, mut seen): (Vec<Who>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut open: Vec<&Member<Who>> = members.iter().collect();
    while let Some(member) = open.pop() {
        match &member.what {
            _ if member.negated || found.len() >= MAX_NAMES => {}
            Who::Alias(name) if seen.contains(&name.as_str()) => {}
            Who::Alias(name) => {
                seen.push(name);
                match definition(sudoers, name, pick) {
                    Some(members) => open.extend(members),
                    None => found.push(Who::Name(name.clone())),
                }
            }
            who => found.push(who.clone()),
        }
    }
    found
}

fn definition<'a>(sudoers: &'a Sudoers, name: &str, pick: Pick) -> Option<&'a Vec<Member<Who>>> {
    sudoers.entries.iter().find_map(|entry| {
        let Kind::Aliases(aliases) = &entry.kind else { return None };
        aliases.iter().filter(|alias| alias.name == name).find_map(|alias| pick(&alias.members))
    })
}

/// The users of a rule, for a sentence.
pub(super) fn written(users: &[Member<Who>]) -> String {
    let one = |member: &Member<Who>| {
        let name = match &member.what {
            Who::All => "everybody".to_owned(),
            Who::Alias(name) | Who::Name(name) => name.clone(),
            Who::Uid(uid) => format!("#{uid}"),
            Who::Group(group) => format!("%{group}"),
            Who::Gid(gid) => format!("%#{gid}"),
            Who::Netgroup(group) => format!("+{group}"),
            Who::OtherGroup(group) => format!("%:{group}"),
        };
        format!("{}{}", if member.negated { "!" } else { "" }, name.escape_debug())
    };
    users.iter().map(one).collect::<Vec<_>>().join(", ")
}
