//! Hosts in groups of groups, and which of several values for a host counts: the host's own, then the
//! nearest group's, then that of `all`.

use std::collections::{BTreeSet, HashMap};

use super::settings::{Said, Setting};
use super::{Fault, quoted};
use crate::host::{Alias, Host, HostName};

/// Most hosts of an inventory.
const MAX_HOSTS: usize = 5_000;
/// Most groups of an inventory.
const MAX_GROUPS: usize = 1_000;

/// The group that every host is in, above all others.
pub(super) const ALL: &str = "all";

/// Hosts and groups as they are read.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    group_of_name: HashMap<String, usize>,
    hosts: Vec<Member>,
    host_of_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Group {
    name: String,
    line: u64,
    parents: BTreeSet<usize>,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Member {
    alias: Alias,
    line: u64,
    groups: BTreeSet<usize>,
    settings: Vec<Setting>,
}

impl Groups {
    /// A group, in another one if `parent` is given; naming it again adds to it.
    pub(super) fn group(&mut self, name: &str, line: u64, parent: Option<usize>) -> Result<usize, Fault> {
        let id = match self.group_of_name.get(name) {
            Some(&id) => id,
            None => self.new_group(name, line)?,
        };
        self.groups[id].parents.extend(parent);
        Ok(id)
    }

    fn new_group(&mut self, name: &str, line: u64) -> Result<usize, Fault> {
        Alias::parse(name)
            .map_err(|error| Fault::at(line, format!("{} names no group: {error}", quoted(name))))?;
        let id = self.groups.len();
        if id == MAX_GROUPS {
            return Err(Fault::at(line, format!("more than {MAX_GROUPS} groups")));
        }
        let (parents, settings) = (BTreeSet::new(), Vec::new());
        self.groups.push(Group { name: name.to_owned(), line, parents, settings });
        self.group_of_name.insert(name.to_owned(), id);
        Ok(id)
    }

    /// What a group says for the hosts in it.
    pub(super) fn set_for_group(&mut self, group: usize, settings: Vec<Setting>) -> Result<(), Fault> {
        let group = &mut self.groups[group];
        let whose = format!("group {}", group.name);
        add(&mut group.settings, settings, &whose)
    }

    /// A host, in a group if one is given; naming it again adds to it.
    pub(super) fn host(
        &mut self,
        name: &str,
        line: u64,
        group: Option<usize>,
        settings: Vec<Setting>,
    ) -> Result<(), Fault> {
        let id = match self.host_of_name.get(name) {
            Some(&id) => id,
            None => self.new_host(name, line)?,
        };
        let host = &mut self.hosts[id];
        host.groups.extend(group);
        add(&mut host.settings, settings, name)
    }

    fn new_host(&mut self, name: &str, line: u64) -> Result<usize, Fault> {
        let alias = Alias::parse(name)
            .map_err(|error| Fault::at(line, format!("{} names no host: {error}", quoted(name))))?;
        let id = self.hosts.len();
        if id == MAX_HOSTS {
            return Err(Fault::at(line, format!("more than {MAX_HOSTS} hosts")));
        }
        self.hosts.push(Member { alias, line, groups: BTreeSet::new(), settings: Vec::new() });
        self.host_of_name.insert(name.to_owned(), id);
        Ok(id)
    }

    /// All hosts, in the order in which they were first named.
    pub(super) fn resolve(&self) -> Result<Vec<Host>, Fault> {
        let above = self.ancestors()?;
        self.hosts.iter().map(|member| self.resolve_one(member, &above)).collect()
    }

    /// The groups above each group.
    fn ancestors(&self) -> Result<Vec<BTreeSet<usize>>, Fault> {
        let mut all = Vec::with_capacity(self.groups.len());
        for (id, group) in self.groups.iter().enumerate() {
            let above = self.closure(&group.parents);
            if above.contains(&id) {
                let what = format!("the group {} is in itself", quoted(&group.name));
                return Err(Fault::at(group.line, what));
            }
            all.push(above);
        }
        Ok(all)
    }

    /// `groups`, and those above them.
    fn closure(&self, groups: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut found = groups.clone();
        let mut next: Vec<usize> = groups.iter().copied().collect();
        while let Some(group) = next.pop() {
            next.extend(self.groups[group].parents.iter().filter(|&&parent| found.insert(parent)));
        }
        found
    }

    fn resolve_one(&self, member: &Member, above: &[BTreeSet<usize>]) -> Result<Host, Fault> {
        let mut groups = self.closure(&member.groups);
        let mut names: Vec<_> = groups.iter().map(|&group| self.groups[group].name.clone()).collect();
        names.retain(|name| name != ALL);
        names.sort();
        groups.extend(self.group_of_name.get(ALL));

        let mut chosen: Vec<Setting> = member.settings.clone();
        let offers: Vec<_> = groups
            .iter()
            .flat_map(|&group| self.groups[group].settings.iter().map(move |setting| (group, setting)))
            .filter(|(_, setting)| !member.settings.iter().any(|own| own.rivals(setting)))
            .collect();
        for &(group, offer) in &offers {
            let rivals = || offers.iter().filter(|(_, other)| other.rivals(offer));
            if rivals().any(|&(other, _)| self.is_nearer(other, group, above)) {
                continue;
            }
            match chosen.iter().find(|first| first.rivals(offer)) {
                None => chosen.push(offer.clone()),
                Some(first) if first.said == offer.said => {}
                Some(first) => return Err(contradiction(member.alias.as_str(), first, offer)),
            }
        }
        host(member, names, chosen)
    }

    /// Whether `group` is below `other`. Everything is below `all`, whether it says so or not.
    fn is_nearer(&self, group: usize, other: usize, above: &[BTreeSet<usize>]) -> bool {
        group != other && (self.groups[other].name == ALL || above[group].contains(&other))
    }
}

/// A second place may say the same, and nothing else.
fn add(settings: &mut Vec<Setting>, more: Vec<Setting>, whose: &str) -> Result<(), Fault> {
    for setting in more {
        match settings.iter().find(|first| first.rivals(&setting)) {
            None => settings.push(setting),
            Some(first) if first.said == setting.said => {}
            Some(first) => return Err(contradiction(whose, first, &setting)),
        }
    }
    Ok(())
}

fn contradiction(whose: &str, one: &Setting, other: &Setting) -> Fault {
    let (first, second) = if one.line <= other.line { (one, other) } else { (other, one) };
    let (key, line) = (&first.key, first.line);
    let what = format!(
        "{} of {whose} contradicts {key} on line {line}; keep one, or set it at the host",
        second.key
    );
    Fault::at(second.line, what)
}

fn host(member: &Member, groups: Vec<String>, settings: Vec<Setting>) -> Result<Host, Fault> {
    let (mut name, mut login, mut port, mut identity, mut proxy_command) = (None, None, None, None, None);
    let (mut ssh_args, mut extra) = (Vec::new(), Vec::new());
    for setting in settings {
        match setting.said {
            Said::Hostname(said) => name = Some(said),
            Said::Login(said) => login = Some(said),
            Said::Port(said) => port = Some(said),
            Said::Identity(said) => identity = Some(said),
            Said::ProxyCommand(said) => proxy_command = Some(said),
            Said::CommonArgs(said) => ssh_args = said,
            Said::ExtraArgs(said) => extra = said,
        }
    }
    ssh_args.append(&mut extra);
    let alias = member.alias.clone();
    let hostname = match name {
        Some(name) => name,
        None => HostName::parse(alias.as_str()).map_err(|error| {
            let what = format!("{} has no hostname, and is none itself: {error}", quoted(alias.as_str()));
            Fault::at(member.line, what)
        })?,
    };
    Ok(Host { alias, hostname, login, port, identity, proxy_command, ssh_args, groups })
}
