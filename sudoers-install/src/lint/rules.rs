//! Rules that lead to root: who may run what without a password, and as whom.

use super::Finding;
use super::commands::{self, Granted};
use super::people::{self, People};
use crate::sudoers::{AliasMembers, Change, Command, Grant, Kind, Member, Place, Rule, Scope, Sudoers};

/// Most commands that the aliases of one grant stand for.
const MAX_COMMANDS: usize = 4096;

/// The ways to root in a rule.
pub(super) fn findings(sudoers: &Sudoers, place: &Place, rule: &Rule) -> Vec<Finding> {
    let people = people::people(sudoers, &rule.users);
    if people == People::Root {
        return Vec::new();
    }
    let whom = people::written(&rule.users);
    let mut found = Vec::new();
    for grant in rule.grants.iter().flat_map(|granted| &granted.grants) {
        let free = grant.password == Some(false);
        // Administrators are root by their password; that is what their group is for.
        if !people::runs_as_root(sudoers, grant.runas.as_ref()) || (people == People::Administrators && !free)
        {
            continue;
        }
        let place = Place { file: place.file.clone(), line: grant.line };
        let mut add = |(code, why, instead): Said| {
            found.push(Finding { place: place.clone(), code, why, instead });
        };
        for granted in expand(sudoers, &grant.command) {
            if granted.command == &Command::All && !granted.negated {
                of_all(sudoers, people, free, &whom, &granted).into_iter().for_each(&mut add);
            } else {
                commands::findings(&granted, &whom).into_iter().for_each(&mut add);
                of_runas(sudoers, grant, &whom, &granted).into_iter().for_each(&mut add);
            }
        }
    }
    found
}

/// Code, why, instead.
pub(super) type Said = (&'static str, String, String);

fn of_all(sudoers: &Sudoers, people: People, free: bool, whom: &str, granted: &Granted<'_>) -> Option<Said> {
    let through = &granted.through;
    if free {
        return Some((
            "nopasswd-all",
            format!("{whom} may run every command{through} as root without a password"),
            "name the commands with their arguments; for services and packages: sudoers-install install --user USER"
                .to_owned(),
        ));
    }
    if people == People::Everybody && !asks_for_roots_password(sudoers) {
        return Some((
            "everybody-all",
            format!("every account may run every command{through} as root with its own password"),
            "name a group of administrators, such as %sudo".to_owned(),
        ));
    }
    None
}

/// `Defaults targetpw` and `rootpw`: the password that is asked for is root's.
fn asks_for_roots_password(sudoers: &Sudoers) -> bool {
    sudoers.entries.iter().any(|entry| match &entry.kind {
        Kind::Defaults(defaults) if defaults.scope == Scope::Always => {
            let names = ["targetpw", "rootpw"];
            let asks = |name: &str, change: &Change| names.contains(&name) && *change == Change::On;
            defaults.settings.iter().any(|setting| asks(&setting.name, &setting.change))
        }
        _ => false,
    })
}

fn of_runas(sudoers: &Sudoers, grant: &Grant, whom: &str, granted: &Granted<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    if granted.negated {
        return said;
    }
    let name = granted.name();
    if people::runs_as_anybody(sudoers, grant.runas.as_ref()) {
        said.push((
            "runas-all",
            format!("{whom} may run {name} as any account, not only as root"),
            "(root)".to_owned(),
        ));
    }
    if grant.runas.as_ref().is_some_and(|runas| !runas.groups.is_empty()) {
        said.push((
            "runas-group",
            format!("{whom} may run {name} as themselves with another group, such as root's (sudo -g)"),
            "(root)".to_owned(),
        ));
    }
    if grant.setenv == Some(true) {
        said.push((
            "setenv",
            format!(
                "{whom} may set any variable of {name}, such as LD_PRELOAD, and so run their own code as root"
            ),
            "remove SETENV:; Defaults!COMMAND env_keep for the variables that are needed".to_owned(),
        ));
    }
    said
}

/// The commands that a member stands for.
fn expand<'a>(sudoers: &'a Sudoers, member: &'a Member<Command>) -> Vec<Granted<'a>> {
    let mut found = Vec::new();
    let mut open = vec![(member, false, None)];
    let mut seen: Vec<(&str, bool)> = Vec::new();
    while let Some((member, outer, alias)) = open.pop() {
        let negated = member.negated != outer;
        match &member.what {
            _ if found.len() >= MAX_COMMANDS => break,
            Command::Alias(name) if seen.contains(&(name, negated)) => {}
            Command::Alias(name) => {
                seen.push((name, negated));
                let members = definition(sudoers, name).unwrap_or_default();
                open.extend(
                    members.iter().rev().map(|member| (member, negated, alias.or(Some(name.as_str())))),
                );
            }
            command => {
                let through = alias.map(|name| format!(" (through {name})")).unwrap_or_default();
                found.push(Granted { command, negated, through });
            }
        }
    }
    found
}

fn definition<'a>(sudoers: &'a Sudoers, name: &str) -> Option<&'a [Member<Command>]> {
    sudoers.entries.iter().find_map(|entry| {
        let Kind::Aliases(aliases) = &entry.kind else { return None };
        aliases.iter().find_map(|alias| match &alias.members {
            AliasMembers::Commands(members) if alias.name == name => Some(members.as_slice()),
            _ => None,
        })
    })
}
