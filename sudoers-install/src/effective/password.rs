//! Whether sudo asks for a password: tags first, then Defaults, of which the last counts.

use super::matching::{Matcher, Verdict};
use crate::sudoers::{Change, Defaults, Kind, Scope, Setting, Sudoers};

/// Whether a password is asked for where a rule has this tag, and whether that is certain.
pub(super) fn asked(sudoers: &Sudoers, matcher: &Matcher<'_>, tag: Option<bool>) -> (bool, bool) {
    let mut settings = Settings { authenticate: true, exempt: false, certain: true };
    // Those for commands come last (sudoers(5), "Defaults").
    for commands in [false, true] {
        for entry in &sudoers.entries {
            if let Kind::Defaults(defaults) = &entry.kind
                && matches!(defaults.scope, Scope::Commands(_)) == commands
            {
                settings.apply(defaults, scope(matcher, &defaults.scope), matcher);
            }
        }
    }
    if matcher.asked.uid == 0 || settings.exempt {
        return (false, settings.certain || matcher.asked.uid == 0);
    }
    (tag.unwrap_or(settings.authenticate), settings.certain)
}

fn scope(matcher: &Matcher<'_>, scope: &Scope) -> Verdict {
    match scope {
        Scope::Always => Verdict::Yes,
        Scope::Users(users) => matcher.users(users),
        Scope::Runas(users) => matcher.runas_list(users),
        Scope::Hosts(hosts) => matcher.hosts(hosts),
        Scope::Commands(commands) => matcher.commands(commands),
    }
}

struct Settings {
    authenticate: bool,
    exempt: bool,
    certain: bool,
}

impl Settings {
    fn apply(&mut self, defaults: &Defaults, scope: Verdict, matcher: &Matcher<'_>) {
        for Setting { name, change } in &defaults.settings {
            match (scope, name.as_str()) {
                (Verdict::Yes, "authenticate") => self.authenticate = *change == Change::On,
                (Verdict::Yes, "exempt_group") => {
                    let is_in = |group: &str| matcher.asked.groups.iter().any(|(_, name)| name == group);
                    self.exempt = matches!(change, Change::Set(group) if is_in(group));
                }
                // Which user root's place is taken by is not followed here.
                (Verdict::Yes | Verdict::Unknown, "runas_default")
                | (Verdict::Unknown, "authenticate" | "exempt_group") => self.certain = false,
                _ => {}
            }
        }
    }
}
