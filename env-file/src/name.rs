//! Names of environment variables.

use std::fmt;

/// The name of an environment variable: `[A-Za-z_][A-Za-z0-9_]*`, a "name" as POSIX
/// defines it for the shell (XBD, Definitions).
///
/// Names that only `env` can set (`a.b`, `BASH_FUNC_f%%`) are outside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// `text` as a name, or `None` where it is not one.
    pub fn new(text: &str) -> Option<Name> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let goes_on_well = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (starts_well && goes_on_well).then(|| Name(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `bash` ignores, refuses or rewrites an assignment to this name.
    pub(crate) fn belongs_to_bash(&self) -> bool {
        READONLY.contains(&self.as_str()) || REWRITTEN.contains(&self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An assignment to these fails, and ends a shell in POSIX mode.
const READONLY: &[&str] = &["BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"];

/// After an assignment the shell or its children see something else, or nothing: each one
/// measured with bash 5.2 (tests/differential.rs), but for the two that came with 5.3.
const REWRITTEN: &[&str] = &[
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_CMDS",
    "BASH_COMMAND",
    "BASH_LINENO",
    "BASH_MONOSECONDS", // bash 5.3, variables.c
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "BASH_TRAPSIG", // bash 5.3, variables.c
    "COMP_WORDBREAKS",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "LINENO",
    "OPTIND", // becomes a number
    "PIPESTATUS",
    "RANDOM",
    "SECONDS",
    "SHLVL", // counted down by an exec outside subshells, up by each shell
    "SRANDOM",
    "_",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_and_underscores() {
        for good in ["A", "_", "a1", "_9", "GITHUB_TOKEN", "export"] {
            assert_eq!(Name::new(good).map(|n| n.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "1", "9A", "A-B", "A.B", "é", "Aé", "A ", " A", "A=", "A\n", "A\0", "K[0]", "K+"] {
            assert_eq!(Name::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_whole_names_belong_to_bash() {
        let belongs = |text| Name::new(text).is_some_and(|n| n.belongs_to_bash());
        assert!(belongs("UID") && belongs("RANDOM") && belongs("SHLVL") && belongs("_"));
        assert!(!belongs("uid") && !belongs("UID_") && !belongs("PATH") && !belongs("BASH_ENV"));
    }
}
