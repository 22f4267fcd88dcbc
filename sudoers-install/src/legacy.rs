//! The rules of systems-manager-helper: they name a program that its user may write, who is root thereby.

use std::path::PathBuf;

use crate::transaction::{Present, look, names, path_of};
use diagnostics::Failure;

/// How the names of its files begin.
const PREFIX: &str = "systems-manager-";
/// What stands between the user and the programs.
const GRANT: &str = " ALL=(ALL) NOPASSWD: ";
/// How each of the programs ends.
const PROGRAM: &str = "/systems-manager-helper";
/// What sudo passes over at both ends of a line.
const BLANKS: [char; 2] = [' ', '\t'];

/// A file with such a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    /// The file.
    pub path: PathBuf,
    /// Who may run the program, as the rule has it.
    pub user: String,
    /// The rule.
    pub rule: String,
    /// Whether the file holds nothing else.
    pub alone: bool,
}

/// Finds them in the folder of sudo, also those whose names sudo passes over.
///
/// # Errors
/// When the folder cannot be read.
pub fn find() -> Result<Vec<Legacy>, Failure> {
    let mut found = Vec::new();
    for name in names()?.iter().filter_map(|name| name.to_str()) {
        if !name.starts_with(PREFIX) {
            continue;
        }
        // What cannot be read is no file of that program.
        if let Ok(Present::File { text, .. }) = look(name)
            && let Some(old) = Legacy::parse(path_of(name), &text)
        {
            found.push(old);
        }
    }
    Ok(found)
}

impl Legacy {
    /// Reads a file of that program; `None` for any other.
    pub(crate) fn parse(path: PathBuf, text: &str) -> Option<Self> {
        let lines = || {
            let lines = text.lines().map(|line| line.trim_matches(BLANKS));
            lines.filter(|line| !line.is_empty() && !line.starts_with("# "))
        };
        let (line, (user, plain)) = lines().find_map(|line| Some((line, rule(line)?)))?;
        let alone = plain && lines().count() == 1;
        Some(Self { path, user: user.to_owned(), rule: line.to_owned(), alone })
    }

    /// Whether a new rule of this user may take its place; folder.sh judges alike.
    #[must_use]
    pub fn is_replaced_by(&self, user: &str) -> bool {
        self.alone && self.user == user
    }
}

/// The user of a rule of that program, and whether it is about that program alone.
fn rule(line: &str) -> Option<(&str, bool)> {
    let (user, programs) = line.split_once(GRANT)?;
    let fits = |program: &str| program.starts_with('/') && program.ends_with(PROGRAM);
    // With these a program is several, or has arguments.
    let plain = |program: &str| !program.contains([' ', '\t', ',', '\\', '"']);
    programs.split(", ").all(fits).then(|| (user, programs.split(", ").all(plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_it_wrote_are_known() {
        const ONE: &str = "op ALL=(ALL) NOPASSWD: /home/op/.local/bin/systems-manager-helper";
        const TWO: &str = "op ALL=(ALL) NOPASSWD: /usr/local/bin/systems-manager-helper, \
                           /home/op/.local/bin/systems-manager-helper";
        let found = |text: &str| Legacy::parse("/x".into(), text).map(|old| (old.user, old.alone));
        for (text, expected) in [
            (format!("{ONE}\n"), Some(true)),
            (TWO.to_owned(), Some(true)),
            (format!("# by hand\n\n{ONE}\n"), Some(true)),
            (format!("{ONE}\n%sudo ALL=(ALL) ALL\n"), Some(false)),
            (format!("{ONE}\n#includedir /etc/more\n"), Some(false)),
            (ONE.replace("/home", "/bin/sh,/home"), Some(false)),
            ("op ALL=(ALL) NOPASSWD: /usr/bin/apt\n".into(), None),
            (format!("{ONE}, /bin/sh\n"), None),
            (String::new(), None),
        ] {
            assert_eq!(found(&text), expected.map(|alone| ("op".to_owned(), alone)), "{text:?}");
        }
    }
}
