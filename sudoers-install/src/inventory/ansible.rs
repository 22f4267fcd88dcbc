//! Ansible's layout: groups with `vars`, `hosts` and `children`, to any depth.

use std::path::Path;

use super::groups::Groups;
use super::settings::{self, Keys};
use super::tree::{Entry, Node, Value};
use super::{Fault, quoted};

/// What a group holds (`ansible-doc -t inventory yaml`).
const PARTS: [&str; 3] = ["vars", "hosts", "children"];

/// Whether this is a group that stands at the top without `all` above it.
pub(super) fn looks_like_a_group(entry: &Entry) -> bool {
    match &entry.node.value {
        Value::Mapping(parts) => {
            !parts.is_empty() && parts.iter().all(|part| PARTS.contains(&part.key.as_str()))
        }
        _ => false,
    }
}

/// Reads the groups at the top.
pub(super) fn read(entries: &[Entry], home: Option<&Path>, groups: &mut Groups) -> Result<(), Fault> {
    entries.iter().try_for_each(|entry| group(entry, None, home, groups))
}

/// The reader of YAML bounds the depth.
fn group(
    entry: &Entry,
    parent: Option<usize>,
    home: Option<&Path>,
    groups: &mut Groups,
) -> Result<(), Fault> {
    let id = groups.group(&entry.key, entry.line, parent)?;
    for part in mapping(&entry.node, "a group has vars, hosts and children")? {
        match part.key.as_str() {
            "vars" => groups.set_for_group(id, settings::read(&part.node, Keys::Ansible, home)?)?,
            "hosts" => {
                for host in mapping(&part.node, "below 'hosts:' belong hosts, each with a ':' after it")? {
                    let settings = settings::read(&host.node, Keys::Ansible, home)?;
                    groups.host(&host.key, host.line, Some(id), settings)?;
                }
            }
            "children" => {
                for child in mapping(&part.node, "below 'children:' belong groups, each with a ':' after it")?
                {
                    group(child, Some(id), home, groups)?;
                }
            }
            other => {
                let what =
                    format!("{} is no part of a group; it has vars, hosts and children", quoted(other));
                return Err(Fault::at(part.line, what));
            }
        }
    }
    Ok(())
}

/// What is below a key, which may be nothing.
fn mapping<'a>(node: &'a Node, otherwise: &str) -> Result<&'a [Entry], Fault> {
    match &node.value {
        Value::Mapping(entries) => Ok(entries),
        Value::Null => Ok(&[]),
        _ => Err(Fault::at(node.line, otherwise)),
    }
}
