//! Programs that give more than they seem to: a shell, an editor, a pager, or files of the caller's choice.
//!
//! The table is a list of what is known, not a proof: a program that it does not name may still be a way out.

mod form;
mod row;
mod table;

use row::Row;

/// The arguments that a rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// Any: the rule names none, or has wildcards.
    Any,
    /// None: the rule says `""`.
    None,
    /// These and no others.
    Exactly(&'a [String]),
}

/// A way from a rule to more than the rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hatch {
    /// What the caller could do: a sentence without its stop.
    pub why: String,
    /// What to do in its place: likewise.
    pub instead: String,
}

/// Programs that do what the name says that they are called by: what such a name leads to tells nothing.
const MANY_NAMES: [&str; 9] =
    ["busybox", "toybox", "systemctl", "resolvectl", "snap", "exim4", "udevadm", "git", "lvm"];

/// The way out that a rule for this program with these arguments gives; `None` when none is known.
///
/// The program is judged by the last part of its path, whatever version stands at its end; nothing is
/// looked up. `ALL`, `sudoedit` and a folder (`/usr/bin/`) are judged as sudoers(5) reads them.
#[must_use]
pub fn hatch(program: &str, arguments: Arguments<'_>) -> Option<Hatch> {
    if program == "ALL" || program.ends_with('/') {
        let which = if program == "ALL" { "any program" } else { "any program of the folder" };
        return Some(Hatch {
            why: format!("{program} is {which}, so a shell too"),
            instead: "name each command with its arguments in a rule of its own".to_owned(),
        });
    }
    let name = name_of(program);
    find(name)?.judge(name, arguments)
}

/// The same for the file that a rule's path leads to by symbolic links.
#[must_use]
pub fn behind(real: &str, arguments: Arguments<'_>) -> Option<Hatch> {
    if MANY_NAMES.contains(&name_of(real)) { None } else { hatch(real, arguments) }
}

fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// The row of this name, else of the name without its version or target: `python3.11` is `python`,
/// `x86_64-linux-gnu-gcc-12` is `gcc`.
fn find(name: &str) -> Option<&'static Row> {
    let named = |name: &str| table::ROWS.iter().copied().flatten().find(|row| row.names.contains(&name));
    let short = name.rsplit_once("-linux-gnu-").map_or(name, |(_, short)| short);
    named(name).or_else(|| named(short)).or_else(|| named(short.trim_end_matches(version_character)))
}

fn version_character(c: char) -> bool {
    c.is_ascii_digit() || c == '.' || c == '-'
}

#[cfg(test)]
mod tests;
