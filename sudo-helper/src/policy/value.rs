//! What a caller's value may hold.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::builtin::names_own_file;
use super::strict::Set;

/// Longest path below a `file` slot's folder.
const MAX_RELATIVE: usize = 1024;

/// What a value may hold beyond plain text, when its slot says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Allow {
    /// `-` as the first byte: the program may read the value as an option.
    LeadingDash,
    /// `/`: the program may read it as a path to anywhere.
    Slash,
    /// `..`.
    DotDot,
    /// ASCII's control bytes, newline among them; never NUL.
    Control,
}

/// The exceptions of one slot.
pub(super) type Allowed = Set<Allow, 4>;

/// What every value keeps unless its slot allows more.
pub(super) fn plain(value: &str, allowed: &[Allow]) -> Result<(), String> {
    let faults = [
        (value.starts_with('-'), Allow::LeadingDash, "begins with '-'", "leading-dash"),
        (value.contains('/'), Allow::Slash, "holds '/'", "slash"),
        (value.contains(".."), Allow::DotDot, "holds '..'", "dot-dot"),
        (value.bytes().any(|byte| byte.is_ascii_control()), Allow::Control, "holds control bytes", "control"),
    ];
    if !value.is_ascii() || value.contains('\0') {
        return Err("it is not ASCII, or holds NUL".to_owned());
    }
    if names_own_file(value) {
        return Err("it names a file of sudo or sudo-helper, which no policy can allow".to_owned());
    }
    match faults.iter().find(|(found, needed, ..)| *found && !allowed.contains(needed)) {
        None => Ok(()),
        Some((_, _, fault, word)) => {
            Err(format!("it {fault}, which takes \"allow\": [\"{word}\"] in its slot"))
        }
    }
}

/// A path that stays below the folder that it is looked up in, by its spelling already.
pub(super) fn beneath(value: &str) -> Result<&Path, String> {
    if value.len() > MAX_RELATIVE {
        return Err(format!("a path has at most {MAX_RELATIVE} bytes"));
    }
    plain(value, &[Allow::Slash])
        .map_err(|_| "a path is printable ASCII without '..' and does not begin with '-'".to_owned())?;
    if value.split('/').any(|part| matches!(part, "" | ".")) {
        return Err("a path is relative to its folder, without empty or '.' parts".to_owned());
    }
    Ok(Path::new(value))
}
