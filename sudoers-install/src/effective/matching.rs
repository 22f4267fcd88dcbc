//! Whether the lists of a rule match: users, hosts, runas users and commands (match.c of sudo(8)).

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Asked;
use super::pattern::{Slash, has_wildcards, matches};
use crate::sudoers::{AliasMembers, Command, CommandArguments, Kind, Member, Runas, Sudoers, Where, Who};

/// Most members that are looked at for one answer: aliases of aliases can be many.
const MAX_STEPS: u32 = 1_000_000;
/// Most aliases that lead from one to the next.
const MAX_DEPTH: u32 = 64;

/// What a list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has it.
    Yes,
    /// It has it with `!`.
    No,
    /// It does not have it.
    Unsaid,
    /// That cannot be known here.
    Unknown,
}

use Verdict::{No, Unknown, Unsaid, Yes};

impl Verdict {
    fn of(yes: bool) -> Self {
        if yes { Yes } else { Unsaid }
    }
}

/// What the names of aliases stand for, by kind.
#[derive(Default)]
struct Aliases<'a> {
    users: HashMap<&'a str, &'a [Member<Who>]>,
    runas: HashMap<&'a str, &'a [Member<Who>]>,
    hosts: HashMap<&'a str, &'a [Member<Where>]>,
    commands: HashMap<&'a str, &'a [Member<Command>]>,
}

/// Of several definitions sudo(8) keeps the first.
fn keep_first<'a, T>(known: &mut HashMap<&'a str, &'a [T]>, name: &'a str, list: &'a [T]) {
    known.entry(name).or_insert(list);
}

/// The question, and all that answers it.
pub(super) struct Matcher<'a> {
    pub(super) asked: Asked<'a>,
    host: &'a str,
    line: String,
    aliases: Aliases<'a>,
    steps: Cell<u32>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(sudoers: &'a Sudoers, asked: Asked<'a>, host: &'a str) -> Self {
        let mut aliases = Aliases::default();
        for entry in &sudoers.entries {
            let Kind::Aliases(defined) = &entry.kind else { continue };
            for alias in defined {
                let name = alias.name.as_str();
                match &alias.members {
                    AliasMembers::Users(list) => keep_first(&mut aliases.users, name, list),
                    AliasMembers::Runas(list) => keep_first(&mut aliases.runas, name, list),
                    AliasMembers::Hosts(list) => keep_first(&mut aliases.hosts, name, list),
                    AliasMembers::Commands(list) => keep_first(&mut aliases.commands, name, list),
                }
            }
        }
        Self { asked, host, line: asked.arguments.join(" "), aliases, steps: Cell::new(0) }
    }

    /// The last member that has it decides.
    fn list<T>(&self, members: &[Member<T>], depth: u32, one: impl Fn(&T, u32) -> Verdict) -> Verdict {
        let mut verdict = Unsaid;
        for member in members {
            self.steps.set(self.steps.get().saturating_add(1));
            if self.steps.get() > MAX_STEPS || depth > MAX_DEPTH {
                return Unknown;
            }
            verdict = match (one(&member.what, depth + 1), member.negated) {
                (Unsaid, _) => verdict,
                (Yes, true) => No,
                (No, true) => Yes,
                (said, _) => said,
            };
        }
        verdict
    }

    pub(super) fn users(&self, members: &[Member<Who>]) -> Verdict {
        self.users_at(members, 0)
    }

    fn users_at(&self, members: &[Member<Who>], depth: u32) -> Verdict {
        self.list(members, depth, |who, depth| match who {
            Who::All => Yes,
            Who::Alias(name) => match self.aliases.users.get(name.as_str()) {
                Some(members) => self.users_at(members, depth),
                None => Verdict::of(same_name(name, self.asked.user)),
            },
            Who::Name(name) => Verdict::of(same_name(name, self.asked.user)),
            Who::Uid(uid) => Verdict::of(*uid == self.asked.uid),
            Who::Group(group) => {
                Verdict::of(self.asked.groups.iter().any(|(_, name)| same_name(name, group)))
            }
            Who::Gid(gid) => Verdict::of(self.asked.groups.iter().any(|(other, _)| other == gid)),
            Who::Netgroup(_) | Who::OtherGroup(_) => Unknown,
        })
    }

    /// Whether root is among those whom the command may run as.
    pub(super) fn runas_root(&self, runas: Option<&Runas>) -> Verdict {
        match runas {
            None => Yes,
            // sudo(8) takes it for the caller.
            Some(runas) if runas.users.is_empty() => Verdict::of(self.asked.uid == 0),
            Some(runas) => self.runas_list(&runas.users),
        }
    }

    pub(super) fn runas_list(&self, members: &[Member<Who>]) -> Verdict {
        self.runas_at(members, 0)
    }

    fn runas_at(&self, members: &[Member<Who>], depth: u32) -> Verdict {
        self.list(members, depth, |who, depth| match who {
            Who::All | Who::Uid(0) | Who::Gid(0) => Yes,
            Who::Alias(name) => match self.aliases.runas.get(name.as_str()) {
                Some(members) => self.runas_at(members, depth),
                None => Unsaid,
            },
            Who::Name(name) => Verdict::of(name == "root"),
            Who::Group(group) if group == "root" => Yes,
            Who::Uid(_) => Unsaid,
            Who::Group(_) | Who::Gid(_) | Who::Netgroup(_) | Who::OtherGroup(_) => Unknown,
        })
    }

    pub(super) fn hosts(&self, members: &[Member<Where>]) -> Verdict {
        self.hosts_at(members, 0)
    }

    fn hosts_at(&self, members: &[Member<Where>], depth: u32) -> Verdict {
        self.list(members, depth, |place, depth| match place {
            Where::All => Yes,
            Where::Alias(name) => match self.aliases.hosts.get(name.as_str()) {
                Some(members) => self.hosts_at(members, depth),
                None => self.is_host(name),
            },
            Where::Name(name) => self.is_host(name),
            Where::Network(_) | Where::Netgroup(_) => Unknown,
        })
    }

    /// A pattern with a dot is for the full name, one without for the short one.
    fn is_host(&self, pattern: &str) -> Verdict {
        let short = self.host.split('.').next().unwrap_or_default();
        let name = if pattern.contains('.') { self.host } else { short };
        let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
        Verdict::of(matches(&pattern, &name, Slash::Ordinary))
    }

    pub(super) fn commands(&self, members: &[Member<Command>]) -> Verdict {
        self.commands_at(members, 0)
    }

    fn commands_at(&self, members: &[Member<Command>], depth: u32) -> Verdict {
        self.list(members, depth, |command, depth| match command {
            Command::All => Yes,
            Command::List => Unsaid,
            Command::Alias(name) => {
                self.aliases.commands.get(name.as_str()).map_or(Unsaid, |list| self.commands_at(list, depth))
            }
            Command::Sudoedit(arguments) if self.asked.program == "sudoedit" => {
                self.arguments(arguments, Slash::Separator)
            }
            Command::Sudoedit(_) => Unsaid,
            Command::Program { path, arguments, digests } => self.program(path, arguments, digests),
        })
    }

    fn program(&self, path: &str, arguments: &CommandArguments, digests: &[String]) -> Verdict {
        let program = is_program(path, self.asked.program);
        // A folder has no arguments: any will do.
        let given = if path.ends_with('/') { Yes } else { self.arguments(arguments, Slash::Ordinary) };
        match (program, given) {
            (Unsaid | No, _) | (_, Unsaid | No) => Unsaid,
            (Yes, Yes) if digests.is_empty() => Yes,
            _ => Unknown,
        }
    }

    fn arguments(&self, arguments: &CommandArguments, slash: Slash) -> Verdict {
        match arguments {
            CommandArguments::Any => Yes,
            CommandArguments::None => Verdict::of(self.asked.arguments.is_empty()),
            CommandArguments::Text(text) if text.starts_with('^') && text.ends_with('$') => Unknown,
            CommandArguments::Text(text) => Verdict::of(matches(text, &self.line, slash)),
        }
    }
}

/// sudo(8) does not tell capitals from small letters unless it is told to (case_insensitive_user).
fn same_name(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// Whether the path of a rule stands for a program.
fn is_program(path: &str, program: &str) -> Verdict {
    if path.starts_with('^') {
        return Unknown;
    }
    let (Some((folder, name)), Some((path_folder, path_name))) =
        (program.rsplit_once('/'), path.rsplit_once('/'))
    else {
        return Unsaid;
    };
    let same_folder = || folder == path_folder || same_file(folder, path_folder);
    if path_name.is_empty() {
        return Verdict::of(same_folder());
    }
    if has_wildcards(path) {
        if matches(path, program, Slash::Separator) {
            return Yes;
        }
        // Another way to the same folder leads to the same files.
        return match (matches(path_name, name, Slash::Separator), has_wildcards(path_folder)) {
            (false, _) => Unsaid,
            (true, true) => Unknown,
            (true, false) => Verdict::of(same_folder()),
        };
    }
    Verdict::of(path == program || (path_name == name && same_file(path, program)))
}

fn same_file(left: &str, right: &str) -> bool {
    let id = |path: &str| fs::metadata(Path::new(path)).ok().map(|status| (status.dev(), status.ino()));
    id(left).is_some_and(|left| id(right) == Some(left))
}
