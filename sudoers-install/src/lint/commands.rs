//! Commands of rules that lead to root.

use std::fs;
use std::path::Path;

use super::places::untrusted;
use super::rules::Said;
use crate::effective::pattern::has_wildcards;
use crate::escape_hatch::{Arguments, JUDGE, UNKNOWN, UNKNOWN_PROGRAM, behind, hatch, knows};
use crate::sudoers::{Command, CommandArguments};

/// What the original program's rules allow.
const LEGACY: &str = "systems-manager-helper";

/// A command that a rule names, itself or through an alias.
pub(super) struct Granted<'a> {
    /// The command.
    pub(super) command: &'a Command,
    /// With `!`.
    pub(super) negated: bool,
    /// ` (through ALIAS)`, or nothing.
    pub(super) through: String,
}

impl Granted<'_> {
    /// The command, for a sentence.
    pub(super) fn name(&self) -> String {
        let name = match self.command {
            Command::All => "every command".to_owned(),
            Command::Alias(name) => name.clone(),
            Command::List => "list".to_owned(),
            Command::Sudoedit(arguments) => format!("sudoedit{}", text(arguments)),
            Command::Program { path, arguments, .. } => {
                format!("{}{}", path.escape_debug(), text(arguments))
            }
        };
        format!("{name}{}", self.through)
    }
}

fn text(arguments: &CommandArguments) -> String {
    match arguments {
        CommandArguments::Text(text) => format!(" {}", text.escape_debug()),
        CommandArguments::Any | CommandArguments::None => String::new(),
    }
}

/// The ways to root that a command gives.
pub(super) fn findings(granted: &Granted<'_>, whom: &str) -> Vec<Said> {
    let name = granted.name();
    if granted.negated {
        return vec![(
            "exclusion",
            format!("! before {name} is no boundary: a copy, a link or another program does the same"),
            "name the commands that are allowed, and nothing else".to_owned(),
        )];
    }
    match granted.command {
        Command::Sudoedit(arguments) => of_sudoedit(arguments, whom, &name).into_iter().collect(),
        Command::Program { path, arguments, digests } => {
            let mut said = of_program(path, arguments, whom, &name);
            said.extend(of_place(path, whom, !digests.is_empty()));
            if said.is_empty() {
                said.extend(of_unknown(path, whom, &name));
            }
            said
        }
        Command::All | Command::Alias(_) | Command::List => Vec::new(),
    }
}

fn of_sudoedit(arguments: &CommandArguments, whom: &str, name: &str) -> Option<Said> {
    let why = match arguments {
        CommandArguments::Any => format!("{whom} may edit every file with sudoedit, /etc/sudoers too"),
        CommandArguments::Text(text) if is_pattern(text) => {
            format!(
                "{whom} may edit more files than it seems with {name}: a wildcard also takes several arguments"
            )
        }
        _ => return None,
    };
    Some(("sudoedit", why, "sudoedit with each file by its whole path".to_owned()))
}

fn of_program(path: &str, arguments: &CommandArguments, whom: &str, name: &str) -> Vec<Said> {
    let mut said = Vec::new();
    if path.rsplit('/').next() == Some(LEGACY) {
        said.push((
            "legacy-rule",
            format!("{name} is the original helper, which is a script with a library path of its own"),
            "sudoers-install install --replace-legacy".to_owned(),
        ));
    }
    if path.ends_with('/') {
        said.push((
            "folder",
            format!("{whom} may run every program in {name}, with any arguments"),
            "each program by its whole path, with its arguments".to_owned(),
        ));
        return said;
    }
    if path.starts_with('^') || has_wildcards(path) {
        said.push((
            "wildcard-path",
            format!("{whom} may run every program that {name} matches, also one that comes later"),
            "each program by its whole path, with its arguments".to_owned(),
        ));
        return said;
    }
    let wild = matches!(arguments, CommandArguments::Text(text) if is_pattern(text));
    if wild {
        said.push((
            "wildcard-arguments",
            format!("{whom} may add arguments to {name}: sudo matches all of them as one text, and a wildcard also takes spaces"),
            "each set of arguments in full, or a helper that judges them, such as sudo-helper".to_owned(),
        ));
    }
    let words = exact(arguments);
    let given = match (arguments, wild) {
        (CommandArguments::None, _) => Arguments::None,
        (CommandArguments::Text(_), false) => Arguments::Exactly(&words),
        _ => Arguments::Any,
    };
    let real = fs::canonicalize(path).ok();
    let real = real.as_deref().and_then(Path::to_str).filter(|real| *real != path);
    if let Some(hatch) = hatch(path, given).or_else(|| behind(path, real?, given)) {
        said.push(("escape", format!("{whom} may run {name}: {}", hatch.why), hatch.instead));
    }
    said
}

/// A program that nobody has judged.
fn of_unknown(path: &str, whom: &str, name: &str) -> Option<Said> {
    let real = fs::canonicalize(path).ok();
    if knows(path, real.as_deref().and_then(Path::to_str)) {
        return None;
    }
    Some((UNKNOWN_PROGRAM, format!("{whom} may run {name}: {UNKNOWN}"), JUDGE.to_owned()))
}

/// Wildcards, or a regular expression that takes more than a fixed text.
fn is_pattern(text: &str) -> bool {
    let regular = text.starts_with('^') && text.ends_with('$');
    if regular { text.contains(['.', '*', '+', '?', '[', '(']) } else { has_wildcards(text) }
}

/// The arguments as words; sudo itself does not tell `a b` from `a` and `b`.
fn exact(arguments: &CommandArguments) -> Vec<String> {
    let CommandArguments::Text(text) = arguments else { return Vec::new() };
    let text = text.strip_prefix('^').and_then(|text| text.strip_suffix('$')).unwrap_or(text);
    text.split(' ').map(|word| word.replace('\\', "")).collect()
}

/// Whether others than root can change what runs.
fn of_place(path: &str, whom: &str, digest: bool) -> Option<Said> {
    // What stands before the first wildcard is a fixed folder.
    let fixed = match path.find(['*', '?', '[', '\\']) {
        _ if path.starts_with('^') => return None,
        Some(end) => path.get(..end)?.rsplit_once('/')?.0,
        None => path.trim_end_matches('/'),
    };
    let part = untrusted(Path::new(fixed))?;
    let shown = path.escape_debug();
    let instead =
        "chown root:root and chmod go-w the program and its folders, or install it below /usr".to_owned();
    Some(if digest {
        let why =
            format!("{part}: a digest does not protect {shown}; it can be changed after sudo has checked it");
        ("writable-digest", why, instead)
    } else if fs::symlink_metadata(fixed).is_err() {
        let why =
            format!("{part}, and {shown} is missing: whoever puts it there is root when {whom} runs it");
        ("missing-command", why, instead)
    } else {
        (
            "writable-command",
            format!("{part}: whoever can change {shown} is root when {whom} runs it"),
            instead,
        )
    })
}
