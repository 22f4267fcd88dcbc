//! Which layout an inventory has.

use std::path::Path;

use super::groups::{ALL, Groups};
use super::settings::{self, Keys};
use super::tree::{Entry, Node, Value};
use super::{Fault, ansible, listing, quoted};
use crate::host::Host;

/// The layouts that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Alias by alias.
    Flat,
    /// The same, below `hosts:`.
    BelowHosts,
    /// Ansible's groups.
    Ansible,
    /// What `ansible-inventory --list` prints.
    Listing,
}

impl Layout {
    fn of(entries: &[Entry]) -> Self {
        let there = |key: &str| entries.iter().any(|entry| entry.key == key);
        if there(listing::META) {
            Self::Listing
        } else if there(ALL) || entries.iter().all(ansible::looks_like_a_group) {
            Self::Ansible
        } else if there("hosts") {
            Self::BelowHosts
        } else {
            Self::Flat
        }
    }
}

/// The hosts of a document of any layout, at least one.
pub(super) fn hosts(root: &Node, home: Option<&Path>) -> Result<(Layout, Vec<Host>), Fault> {
    let entries = match &root.value {
        Value::Mapping(entries) => entries,
        Value::Null => return Err(Fault::at(root.line, "there is nothing in it; name a host")),
        _ => {
            return Err(Fault::at(
                root.line,
                "hosts belong here, as in 'web1: {hostname: 192.0.2.1}'; an inventory in INI is read by \
                 'ansible-inventory -i FILE --list | sudoers-install cluster --inventory -'",
            ));
        }
    };
    let mut groups = Groups::default();
    let layout = Layout::of(entries);
    match layout {
        Layout::Listing => listing::read(entries, home, &mut groups)?,
        Layout::Ansible => ansible::read(entries, home, &mut groups)?,
        Layout::BelowHosts => only_hosts(entries, home, &mut groups)?,
        Layout::Flat => aliases(entries, home, &mut groups)?,
    }
    let hosts = groups.resolve()?;
    if hosts.is_empty() {
        return Err(Fault::at(root.line, "there is no host in it"));
    }
    Ok((layout, hosts))
}

fn only_hosts(entries: &[Entry], home: Option<&Path>, groups: &mut Groups) -> Result<(), Fault> {
    entries.iter().try_for_each(|entry| {
        if entry.key != "hosts" {
            let what = format!("{} stands beside 'hosts:'; hosts belong below it", quoted(&entry.key));
            return Err(Fault::at(entry.line, what));
        }
        below_hosts(entry, home, groups)
    })
}

fn below_hosts(hosts: &Entry, home: Option<&Path>, groups: &mut Groups) -> Result<(), Fault> {
    match &hosts.node.value {
        Value::Mapping(entries) => aliases(entries, home, groups),
        Value::Null => Ok(()),
        _ => Err(Fault::at(hosts.line, "below 'hosts:' belong hosts, as in 'web1: {hostname: 192.0.2.1}'")),
    }
}

fn aliases(entries: &[Entry], home: Option<&Path>, groups: &mut Groups) -> Result<(), Fault> {
    entries.iter().try_for_each(|entry| {
        let settings = settings::read(&entry.node, Keys::Ours, home)?;
        groups.host(&entry.key, entry.line, None, settings)
    })
}
