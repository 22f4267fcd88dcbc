//! What is to be written, given what is there.

use std::path::Path;

use crate::drop_in::{DropIn, Present};
use crate::precedence::{Key, Source, deciding, without};
use diagnostics::Failure;

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The file.
    pub drop_in: DropIn,
    /// `new`, `changed` or `already so`.
    pub change: &'static str,
    /// Whether it takes the place of a file that was written by hand.
    pub adopted: bool,
}

/// Puts the wanted file in the place of what is there; what an earlier run has recorded stays.
///
/// # Errors
/// `foreign-file` when that is not ours to replace.
pub fn over(present: Present, wanted: DropIn, path: &Path) -> Result<Plan, Failure> {
    match present {
        Present::Absent => Ok(Plan { drop_in: wanted, change: "new", adopted: false }),
        Present::HandMade(file) => {
            let drop_in = DropIn { kept: Some(file), ..wanted };
            Ok(Plan { drop_in, change: "changed", adopted: true })
        }
        Present::Ours(there) => {
            let drop_in = DropIn { before: there.before.clone(), kept: there.kept.clone(), ..wanted };
            let change = if drop_in == there { "already so" } else { "changed" };
            Ok(Plan { adopted: drop_in.kept.is_some(), drop_in, change })
        }
        Present::Foreign { line, why } => Err(foreign(path, line, why)),
    }
}

/// A file that is left alone.
#[must_use]
pub fn foreign(path: &Path, line: Option<usize>, why: &str) -> Failure {
    let path = diagnostics::one_line(&path.display().to_string());
    let error =
        format!("{path} is left alone: {}{why}; move what is yours to another *.conf beside it", at(line));
    Failure::new("foreign-file", error)
}

/// Where something is in a file, as the beginning of a sentence.
#[must_use]
pub fn at(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

/// Whether others than our file let RestartSec= grow.
#[must_use]
pub fn grows(files: &[Source], ours: &Path) -> bool {
    deciding(&without(files, ours), Key::RestartSteps).is_some_and(|steps| steps.value.parse() != Ok(0_u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drop_in::{Kept, values};
    use crate::properties::Properties;
    use crate::span::Span;

    fn wanted() -> DropIn {
        let before = values(&Properties::parse("Restart=on-failure\n"));
        DropIn { before, ..DropIn::plain(Span::from_micros(10_000_000)) }
    }

    fn kept() -> Kept {
        Kept { text: "[Service]\n".into(), mode: 0o600 }
    }

    #[test]
    fn what_is_there_decides_what_is_written() {
        let plan = |present| over(present, wanted(), Path::new("/d/restart.conf"));
        let first = plan(Present::HandMade(kept())).expect("adopted");
        assert_eq!((first.drop_in.kept.as_ref(), first.adopted), (Some(&kept()), true));
        // Another run keeps the record of the first: what it sees is ours already.
        let recorded = DropIn { before: Vec::new(), ..first.drop_in.clone() };
        let again = plan(Present::Ours(recorded.clone())).expect("again");
        assert_eq!((&again.drop_in, again.change), (&recorded, "already so"));
        let slower = DropIn { restart_sec: Span::from_micros(65_000_000), ..recorded.clone() };
        assert_eq!(plan(Present::Ours(slower)).map(|plan| plan.change), Ok("changed"));
        assert_eq!(plan(Present::Absent).map(|plan| plan.change), Ok("new"));
        let failure =
            plan(Present::Foreign { line: Some(3), why: "it sets something else" }).expect_err("foreign");
        assert_eq!(failure.code, "foreign-file");
        assert!(failure.error.contains("/d/restart.conf is left alone: line 3"));
    }

    #[test]
    fn growth_is_reset_only_where_others_set_it() {
        let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let ours = Path::new("/d/restart.conf");
        for (text, expected) in
            [("[Service]\nRestartSteps=5\n", true), ("[Service]\nRestartSteps=0\n", false), ("", false)]
        {
            let files = [file("/u", text), file("/d/restart.conf", "[Service]\nRestartSteps=0\n")];
            assert_eq!(grows(&files, ours), expected, "{text}");
        }
    }
}
