//! Settings that lead to root.

use std::path::Path;

use super::places::untrusted;
use super::{Finding, people};
use crate::sudoers::{Change, Defaults, Member, Place, Scope, Setting, Who};

/// Variables that make programs run or load what the caller names; a `*` at the end stands for the rest.
const DANGEROUS: [&str; 26] = [
    "LD_*",
    "DYLD_*",
    "PYTHON*",
    "PERL*",
    "RUBY*",
    "NODE_*",
    "JAVA_TOOL_OPTIONS",
    "BASH_ENV",
    "ENV",
    "IFS",
    "HOME",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "PATH",
    "GCONV_PATH",
    "LOCPATH",
    "TERMINFO*",
    "GIT_*",
    "EDITOR",
    "VISUAL",
    "SUDO_EDITOR",
    "PAGER",
    "LESS*",
    "PROMPT_COMMAND",
    "GLIBC_TUNABLES",
];

/// The ways to root in a Defaults entry.
pub(super) fn findings(place: &Place, defaults: &Defaults) -> Vec<Finding> {
    if matches!(&defaults.scope, Scope::Users(users) if is_root_only(users)) {
        return Vec::new();
    }
    let whom = match &defaults.scope {
        Scope::Users(users) => people::written(users),
        _ => "who may run a command".to_owned(),
    };
    let finding = |(code, why, instead): (&'static str, String, &str)| Finding {
        place: place.clone(),
        code,
        why,
        instead: instead.to_owned(),
    };
    defaults.settings.iter().filter_map(|setting| of_setting(setting, &whom)).map(finding).collect()
}

fn is_root_only(users: &[Member<Who>]) -> bool {
    let is_root = |who: &Who| matches!(who, Who::Uid(0)) || matches!(who, Who::Name(name) if name == "root");
    users.iter().all(|user| !user.negated && is_root(&user.what))
}

fn of_setting(setting: &Setting, whom: &str) -> Option<(&'static str, String, &'static str)> {
    let Setting { name, change } = setting;
    match (name.as_str(), change) {
        ("authenticate", Change::Off) => Some((
            "no-authentication",
            format!(
                "no password is asked for: {whom} runs all that the rules allow as if each said NOPASSWD"
            ),
            "remove the setting, and write NOPASSWD: before the commands that need it",
        )),
        ("exempt_group", Change::Set(group)) => Some((
            "no-authentication",
            format!("members of {} give no password, and keep their PATH", group.escape_debug()),
            "remove the setting, and write NOPASSWD: before the commands that need it",
        )),
        ("env_reset", Change::Off) => Some((
            "environment-kept",
            format!("{whom} chooses the environment of what runs as root: libraries, start-up files, paths"),
            "Defaults env_reset, and env_keep for the variables that are needed",
        )),
        ("setenv", Change::On) => Some((
            "setenv",
            format!("{whom} may set any variable of what runs as root, such as LD_PRELOAD"),
            "remove the setting; env_keep for the variables that are needed",
        )),
        ("env_keep", Change::Set(names) | Change::Add(names)) => kept(names, whom),
        ("secure_path", Change::Set(path)) => {
            let bad = path.split(':').find_map(|folder| match Path::new(folder) {
                folder if folder.is_absolute() => untrusted(folder),
                _ => Some(format!("{} is no absolute path", folder.escape_debug())),
            })?;
            Some((
                "writable-path",
                format!("what runs as root finds programs there: {bad}"),
                "name only folders that only root can write",
            ))
        }
        ("sudoedit_checkdir", Change::Off) | ("sudoedit_follow", Change::On) => Some((
            "sudoedit-links",
            format!(
                "sudoedit edits files in folders that {whom} can write, or through links: any file in the end"
            ),
            "remove the setting",
        )),
        _ => None,
    }
}

fn kept(names: &str, whom: &str) -> Option<(&'static str, String, &'static str)> {
    let dangerous: Vec<String> = names
        .split_whitespace()
        .map(|name| name.split('=').next().unwrap_or(name))
        .filter(|name| is_dangerous(name))
        .map(|name| name.escape_debug().to_string())
        .collect();
    if dangerous.is_empty() {
        return None;
    }
    Some((
        "environment-kept",
        format!(
            "{whom} chooses {} of what runs as root, which can make it run their own code",
            dangerous.join(", ")
        ),
        "remove these names; Defaults!COMMAND env_keep for one command that needs one and is safe with it",
    ))
}

/// Whether a name or pattern of env_keep lets one of the dangerous variables through.
fn is_dangerous(kept: &str) -> bool {
    let overlap = |dangerous: &str| match (kept.strip_suffix('*'), dangerous.strip_suffix('*')) {
        (None, None) => kept == dangerous,
        (Some(kept), None) => dangerous.starts_with(kept),
        (None, Some(dangerous)) => kept.starts_with(dangerous),
        (Some(kept), Some(dangerous)) => kept.starts_with(dangerous) || dangerous.starts_with(kept),
    };
    DANGEROUS.into_iter().any(overlap)
}
