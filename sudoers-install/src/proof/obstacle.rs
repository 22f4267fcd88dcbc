//! What in the configuration keeps a rule from having effect.

use std::path::Path;

use accounts::Database;

use crate::account::Account;
use crate::drop_in::Grant;
use crate::effective::{Asked, Match, last_match};
use crate::sudoers::{SYSTEM, Sudoers};
use crate::transaction::FOLDER;
use diagnostics::Failure;

/// An argument that stands for those of sudo-helper, which the rule leaves open.
const ANY_ARGUMENT: &str = "probe";

/// Makes sure that sudo reads the folder.
pub(super) fn folder(sudoers: &Sudoers) -> Result<(), Failure> {
    if sudoers.includes_dir(Path::new(FOLDER)) {
        return Ok(());
    }
    let error = format!(
        "sudo does not read {FOLDER}, for {SYSTEM} has no such line: add '@includedir {FOLDER}' with visudo"
    );
    Err(Failure::new("no-includedir", error))
}

/// Makes sure that no rule after the one in `file` decides otherwise.
pub(super) fn later_rule(
    sudoers: &Sudoers,
    account: &Account,
    grant: &Grant,
    file: &Path,
) -> Result<(), Failure> {
    let groups = groups(account);
    let asked = |program: &str, arguments: &[String]| {
        let asked = Asked { user: &account.name, uid: account.uid, groups: &groups, program, arguments };
        judge(last_match(sudoers, &asked).as_ref(), program, file)
    };
    match grant {
        Grant::Helper(path) => asked(&path.to_string_lossy(), &[ANY_ARGUMENT.to_owned()]),
        Grant::Commands(commands) => {
            commands.iter().try_for_each(|command| asked(&command.program, &command.arguments))
        }
    }
}

fn judge(found: Option<&Match>, program: &str, file: &Path) -> Result<(), Failure> {
    let Some(found) = found else {
        let error = format!("no rule that sudo reads is about {program}; is {} there?", file.display());
        return Err(Failure::new("not-proven", error));
    };
    if found.place.file == file || (found.allowed && !found.password && found.runas_root) {
        return Ok(());
    }
    let what = match (found.allowed, found.password) {
        (false, _) => "forbids it",
        (true, true) => "asks for a password",
        (true, false) => "is not about root",
    };
    let place = format!("{}:{}", found.place.file.display(), found.place.line);
    let place = diagnostics::one_line(&place);
    let certain = if found.certain { "comes later and" } else { "comes later and, where it applies," };
    let error = format!("the rule at {place} {certain} {what}: move it before {FOLDER}, or change it");
    Err(Failure::new("overridden", error))
}

/// The groups with their names; one without a name is known by its number alone.
fn groups(account: &Account) -> Vec<(u32, String)> {
    let database = Database::read().ok();
    let name = |gid| database.as_ref()?.group_name(gid).ok()?;
    let gids = account.groups().unwrap_or_default();
    gids.into_iter().map(|gid| (gid, name(gid).unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sudoers::Place;

    #[test]
    fn only_a_later_rule_with_another_outcome_is_in_the_way() {
        let ours = Path::new("/etc/sudoers.d/zz-sudo-helper-a");
        let judged = |file: &str, allowed, password, runas_root, certain| {
            let place = Place { file: file.into(), line: 7 };
            judge(Some(&Match { place, allowed, password, runas_root, certain }), "/bin/x", ours)
        };
        assert_eq!(judged("/etc/sudoers.d/zz-sudo-helper-a", true, false, true, true), Ok(()));
        assert_eq!(judged("/etc/sudoers", true, false, true, true), Ok(()));
        for (found, word) in [
            (judged("/etc/sudoers", false, false, true, true), "/etc/sudoers:7 comes later and forbids it"),
            (judged("/etc/sudoers", true, true, true, true), "asks for a password"),
            (judged("/etc/sudoers", true, false, false, true), "is not about root"),
            (judged("/etc/sudoers", true, true, true, false), "where it applies, asks"),
            (judge(None, "/bin/x", ours), "no rule that sudo reads is about /bin/x"),
        ] {
            let failure = found.expect_err(word);
            assert!(failure.error.contains(word), "{failure}");
        }
    }
}
