//! Programs that give more than they seem to: a shell, an editor, a pager, or files of the caller's choice.
//!
//! The table is a list of what is known, not a proof: a program that it does not name may still be a way
//! out, and [`knows`] tells so.

mod form;
mod row;
mod table;

pub use form::LOGS;
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

/// The stable word for a rule for a program that the table does not have.
pub const UNKNOWN_PROGRAM: &str = "unknown-program";
/// What is said of such a program.
pub const UNKNOWN: &str = "nothing is known here of this program";
/// What to do about it.
pub const JUDGE: &str = "make sure that with these arguments it starts no shell, editor or pager, and opens no file \
     that its caller can choose or prepare";

/// Programs that do what the name says that they are called by, whatever it is: what leads to them tells
/// nothing.
const MANY_NAMES: &str = "busybox toybox coreutils snap exim4 lvm xtables-nft-multi xtables-legacy-multi";
/// Programs that do so for some names, which the table has, and else do what they do by their own.
const SOME_NAMES: &str = "systemctl resolvectl udevadm git kmod xz zstd";

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

/// The same for the file that the program's path leads to by symbolic links.
#[must_use]
pub fn behind(program: &str, real: &str, arguments: Arguments<'_>) -> Option<Hatch> {
    let by_its_name = is_one_of(MANY_NAMES, real) || (is_one_of(SOME_NAMES, real) && has(program));
    if by_its_name { None } else { hatch(real, arguments) }
}

/// Whether anything is known of the program of this path, or of the file that it leads to by symbolic
/// links: of others nothing can be said.
#[must_use]
pub fn knows(program: &str, real: Option<&str>) -> bool {
    has(program) || real.is_some_and(|real| has(real) && !is_one_of(MANY_NAMES, real))
}

fn has(program: &str) -> bool {
    find(name_of(program)).is_some() || is_one_of(table::HARMLESS, program)
}

fn is_one_of(names: &str, program: &str) -> bool {
    names.split(' ').any(|name| name == name_of(program))
}

fn name_of(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// The row of this name, else of the name without its version or target: `python3.11` is `python`,
/// `x86_64-linux-gnu-gcc-12` is `gcc`.
fn find(name: &str) -> Option<&'static Row> {
    let named =
        |name: &str| table::ROWS.iter().copied().flatten().find(|row| row.names().any(|known| known == name));
    let short = name.rsplit_once("-linux-gnu-").map_or(name, |(_, short)| short);
    named(name).or_else(|| named(short)).or_else(|| named(short.trim_end_matches(version_character)))
}

fn version_character(c: char) -> bool {
    c.is_ascii_digit() || c == '.' || c == '-'
}

#[cfg(test)]
mod tests;
