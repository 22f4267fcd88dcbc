//! Which rule decides about a command: the last one that matches (sudoers(5)).

mod matching;
mod password;
pub(crate) mod pattern;
#[cfg(test)]
mod tests;

use matching::{Matcher, Verdict};

use crate::sudoers::{Entry, Grant, Kind, Place, Sudoers};

/// A command that a user asks sudo(8) to run as root.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The user's uid.
    pub uid: u32,
    /// The user's groups: gid and name.
    pub groups: &'a [(u32, String)],
    /// The program, by absolute path; `sudoedit` for the files that are its arguments.
    pub program: &'a str,
    /// Its arguments.
    pub arguments: &'a [String],
}

/// The rule that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Where the command of the rule stands.
    pub place: Place,
    /// Whether it allows the command; `!` before the command forbids it.
    pub allowed: bool,
    /// Whether sudo asks for a password.
    pub password: bool,
    /// Whether the command runs as root; otherwise the rule is for other users only, and sudo without `-u`
    /// goes on as if there were none.
    pub runas_root: bool,
    /// Whether all that decides is known here. What a netgroup, a digest, an address, a date or a regular
    /// expression decides is not: then this is the last rule that may match and that would change the
    /// answer.
    pub certain: bool,
}

/// The last rule that matches on this host; `None` when none does.
#[must_use]
pub fn last_match(sudoers: &Sudoers, asked: &Asked<'_>) -> Option<Match> {
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    last_match_on(sudoers, asked, &host.unwrap_or_default())
}

/// The last rule that matches on a host of this name.
#[must_use]
pub fn last_match_on(sudoers: &Sudoers, asked: &Asked<'_>, host: &str) -> Option<Match> {
    let matcher = Matcher::new(sudoers, *asked, host);
    let search = Search { sudoers, matcher: &matcher };
    search.last(true).or_else(|| search.last(false))
}

struct Search<'a> {
    sudoers: &'a Sudoers,
    matcher: &'a Matcher<'a>,
}

impl Search<'_> {
    /// The last match among the rules for root, or among those for others only.
    fn last(&self, runas_root: bool) -> Option<Match> {
        let mut perhaps: Vec<Match> = Vec::new();
        let mut certain = None;
        for entry in self.sudoers.entries.iter().rev() {
            certain = self.entry(entry, runas_root, &mut perhaps);
            if certain.is_some() {
                break;
            }
        }
        let answer = |found: Option<&Match>| found.filter(|found| found.allowed).map(|found| found.password);
        let now = answer(certain.as_ref());
        perhaps.into_iter().find(|one| answer(Some(one)) != now).or(certain)
    }

    /// The last certain match of an entry; those before it that are not certain go to `perhaps`.
    fn entry(&self, entry: &Entry, runas_root: bool, perhaps: &mut Vec<Match>) -> Option<Match> {
        let Kind::Rule(rule) = &entry.kind else { return None };
        let users = self.matcher.users(&rule.users);
        if !may(users) {
            return None;
        }
        for granted in rule.grants.iter().rev() {
            let hosts = self.matcher.hosts(&granted.hosts);
            if !may(hosts) {
                continue;
            }
            for grant in granted.grants.iter().rev() {
                let Some(mut found) = self.grant(entry, grant, runas_root) else { continue };
                found.certain &= users == Verdict::Yes && hosts == Verdict::Yes;
                if found.certain {
                    return Some(found);
                }
                perhaps.push(found);
            }
        }
        None
    }

    fn grant(&self, entry: &Entry, grant: &Grant, runas_root: bool) -> Option<Match> {
        let runas = self.matcher.runas_root(grant.runas.as_ref());
        if may(runas) != runas_root {
            return None;
        }
        let command = self.matcher.commands(std::slice::from_ref(&grant.command));
        let allowed = match command {
            Verdict::Yes => true,
            Verdict::No => false,
            Verdict::Unknown => !grant.command.negated,
            Verdict::Unsaid => return None,
        };
        // Whether these let it count depends on more than the command.
        let conditional = ["NOTBEFORE", "NOTAFTER", "CHROOT"];
        let conditional = grant.options.iter().any(|(name, _)| conditional.contains(&name.as_str()));
        let (password, known) = password::asked(self.sudoers, self.matcher, grant.password);
        Some(Match {
            place: Place { file: entry.place.file.clone(), line: grant.line },
            allowed,
            password,
            runas_root,
            certain: command != Verdict::Unknown && runas != Verdict::Unknown && !conditional && known,
        })
    }
}

fn may(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Yes | Verdict::Unknown)
}
