//! Inventories of hosts: which there are, and how they are reached.
//!
//! Three layouts of YAML are read (alias by alias, the same below `hosts:`, and Ansible's groups), and
//! the JSON of `ansible-inventory --list`. An inventory decides where a password goes, so whatever is
//! not understood is refused, with its line.

mod ansible;
mod groups;
mod layout;
mod listing;
mod reading;
mod selection;
mod settings;
mod source;
mod ssh_arguments;
mod tree;

use std::fmt;
use std::path::{Path, PathBuf};

pub use selection::select;
pub use source::Source;

use crate::host::Host;
use diagnostics::Failure;
use layout::Layout;

/// Longest part of the inventory that a message quotes, in characters.
const MAX_QUOTED: usize = 80;

/// Why an inventory cannot be used; prints as `FILE:LINE: sentence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryError {
    at: Option<String>,
    what: String,
}

impl InventoryError {
    fn new(what: impl fmt::Display) -> Self {
        Self { at: None, what: what.to_string() }
    }

    fn in_file(name: &str, fault: Fault) -> Self {
        let at = fault.line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"));
        Self { at: Some(at), what: fault.what }
    }
}

impl fmt::Display for InventoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for InventoryError {}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        Self::new("inventory", error)
    }
}

/// What is wrong in the text of an inventory, and on which line (from 1).
#[derive(Debug)]
struct Fault {
    line: Option<u64>,
    what: String,
}

impl Fault {
    fn at(line: u64, what: impl fmt::Display) -> Self {
        // The reader's line 0 is "unknown".
        Self { line: (line > 0).then_some(line), what: what.to_string() }
    }
}

/// Foreign text in a message: escaped, and not longer than is needed to find it.
fn quoted(text: &str) -> String {
    let cut = if text.chars().nth(MAX_QUOTED).is_some() { "..." } else { "" };
    let shown: String = text.chars().take(MAX_QUOTED).collect();
    format!("'{}{cut}'", shown.escape_debug())
}

/// Reads an inventory; the hosts are in its order, at least one.
///
/// # Errors
/// The first thing in it that cannot be used, with file and line.
pub fn load(source: &Source) -> Result<Vec<Host>, InventoryError> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let (layout, hosts) = read(&source.read()?, &source.name(), home.as_deref())?;
    if layout == Layout::Ansible {
        source.refuse_variables_beside()?;
    }
    Ok(hosts)
}

/// The hosts of the text of an inventory that messages call `name`; `~` in it is `home`.
///
/// # Errors
/// As for [`load`].
pub fn parse(text: &str, name: &str, home: Option<&Path>) -> Result<Vec<Host>, InventoryError> {
    read(text, name, home).map(|(_, hosts)| hosts)
}

fn read(text: &str, name: &str, home: Option<&Path>) -> Result<(Layout, Vec<Host>), InventoryError> {
    let hosts = tree::parse(text).and_then(|root| layout::hosts(&root, home));
    hosts.map_err(|fault| InventoryError::in_file(name, fault))
}
