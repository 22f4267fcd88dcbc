//! The rules of systems-manager-helper: they name a program that its user may write, who is root thereby.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::transaction::{Present, look, names, path_of};

/// How the names of its files begin.
const PREFIX: &str = "systems-manager-";
/// What stands between the user and the programs.
const GRANT: &str = " ALL=(ALL) NOPASSWD: ";
/// How each of the programs ends.
const PROGRAM: &str = "/systems-manager-helper";

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
            && let Some((user, rule, alone)) = rule(&text)
        {
            found.push(Legacy { path: path_of(name), user, rule, alone });
        }
    }
    Ok(found)
}

/// The user and the rule of a file of that program, and whether there is nothing else in it.
fn rule(text: &str) -> Option<(String, String, bool)> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("# "));
    let user = |line: &str| {
        let (user, programs) = line.split_once(GRANT)?;
        let fits = programs.split(", ").all(|program| program.starts_with('/') && program.ends_with(PROGRAM));
        fits.then(|| user.to_owned())
    };
    let (user, line) = lines().find_map(|line| Some((user(line)?, line)))?;
    Some((user, line.to_owned(), lines().count() == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_it_wrote_are_known() {
        const ONE: &str = "op ALL=(ALL) NOPASSWD: /home/op/.local/bin/systems-manager-helper";
        const TWO: &str = "op ALL=(ALL) NOPASSWD: /usr/local/bin/systems-manager-helper, \
                           /home/op/.local/bin/systems-manager-helper";
        let found = |text: &str| rule(text).map(|(user, _, alone)| (user, alone));
        for (text, expected) in [
            (format!("{ONE}\n"), Some(true)),
            (TWO.to_owned(), Some(true)),
            (format!("# by hand\n\n{ONE}\n"), Some(true)),
            (format!("{ONE}\n%sudo ALL=(ALL) ALL\n"), Some(false)),
            (format!("{ONE}\n#includedir /etc/more\n"), Some(false)),
            ("op ALL=(ALL) NOPASSWD: /usr/bin/apt\n".into(), None),
            (format!("{ONE}, /bin/sh\n"), None),
            (String::new(), None),
        ] {
            assert_eq!(found(&text), expected.map(|alone| ("op".to_owned(), alone)), "{text:?}");
        }
    }
}
