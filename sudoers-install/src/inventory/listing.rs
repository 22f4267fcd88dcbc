//! What `ansible-inventory --list` prints: groups that list names, and the variables of all hosts in
//! `_meta`. Those of groups are in the hosts' already, unless it was called with `--export`.

use std::path::Path;

use super::groups::Groups;
use super::settings::{self, Keys};
use super::tree::{Entry, Node, Value};
use super::{Fault, quoted};

/// The key that only such a listing has at the top.
pub(super) const META: &str = "_meta";

/// Reads the groups, and what `_meta` says of their hosts.
pub(super) fn read(entries: &[Entry], home: Option<&Path>, groups: &mut Groups) -> Result<(), Fault> {
    for entry in entries {
        if entry.key == META {
            of_hosts(entry, home, groups)?;
            continue;
        }
        let id = groups.group(&entry.key, entry.line, None)?;
        for part in mapping(&entry.node)? {
            match part.key.as_str() {
                "vars" => groups.set_for_group(id, settings::read(&part.node, Keys::Ansible, home)?)?,
                "hosts" => {
                    for (name, line) in names(&part.node)? {
                        groups.host(name, line, Some(id), Vec::new())?;
                    }
                }
                "children" => {
                    for (name, line) in names(&part.node)? {
                        groups.group(name, line, Some(id))?;
                    }
                }
                other => {
                    let what =
                        format!("{} is no part of a group; it has vars, hosts and children", quoted(other));
                    return Err(Fault::at(part.line, what));
                }
            }
        }
    }
    Ok(())
}

fn of_hosts(meta: &Entry, home: Option<&Path>, groups: &mut Groups) -> Result<(), Fault> {
    let variables = mapping(&meta.node)?.iter().find(|entry| entry.key == "hostvars");
    let variables =
        variables.ok_or_else(|| Fault::at(meta.line, "'_meta' has no 'hostvars', as --list prints it"))?;
    for host in mapping(&variables.node)? {
        let settings = settings::read(&host.node, Keys::Ansible, home)?;
        groups.host(&host.key, host.line, None, settings)?;
    }
    Ok(())
}

fn mapping(node: &Node) -> Result<&[Entry], Fault> {
    match &node.value {
        Value::Mapping(entries) => Ok(entries),
        _ => Err(Fault::at(node.line, "this is not what 'ansible-inventory --list' prints")),
    }
}

fn names(node: &Node) -> Result<Vec<(&str, u64)>, Fault> {
    let Value::List(items) = &node.value else {
        return Err(Fault::at(node.line, "a list of names belongs here"));
    };
    let name = |item: &'_ Node| matches!(item.value, Value::Scalar(_));
    if let Some(item) = items.iter().find(|item| !name(item)) {
        return Err(Fault::at(item.line, "a name belongs here"));
    }
    Ok(items
        .iter()
        .filter_map(|item| match &item.value {
            Value::Scalar(name) => Some((name.as_str(), item.line)),
            _ => None,
        })
        .collect())
}
