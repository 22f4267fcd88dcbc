//! What stands in a sudoers file (sudoers(5)): aliases, Defaults, rules, and what is included.

use std::path::PathBuf;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1; the first one of a line that is continued.
    pub line: u32,
}

/// One entry of a file, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Names for lists; one entry may define several.
    Aliases(Vec<Alias>),
    /// Settings.
    Defaults(Defaults),
    /// Who may run what.
    Rule(Rule),
    /// Another file, or the files of a folder, at this place.
    Include(Include),
}

/// A member of a list, perhaps with `!` before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<T> {
    /// An odd number of `!`.
    pub negated: bool,
    /// What it stands for.
    pub what: T,
}

/// A name for a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name: capital letters, digits, underscores.
    pub name: String,
    /// What it stands for.
    pub members: AliasMembers,
}

/// The list that an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasMembers {
    /// User_Alias.
    Users(Vec<Member<Who>>),
    /// Runas_Alias.
    Runas(Vec<Member<Who>>),
    /// Host_Alias.
    Hosts(Vec<Member<Where>>),
    /// Cmnd_Alias.
    Commands(Vec<Member<Command>>),
}

/// Users, as the one who asks or as the one that a command runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    All,
    /// An alias, or the user of this name when there is no such alias.
    Alias(String),
    /// A user.
    Name(String),
    /// `#uid`.
    Uid(u32),
    /// `%group`.
    Group(String),
    /// `%#gid`.
    Gid(u32),
    /// `+netgroup`.
    Netgroup(String),
    /// `%:group` of another group source than the system's.
    OtherGroup(String),
}

/// Hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// Every host.
    All,
    /// An alias, or the host of this name when there is no such alias.
    Alias(String),
    /// A name, perhaps with wildcards.
    Name(String),
    /// An address or a network.
    Network(String),
    /// `+netgroup`.
    Netgroup(String),
}

/// Commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Every command.
    All,
    /// An alias.
    Alias(String),
    /// `list`: sudo -l for another user.
    List,
    /// `sudoedit`, with the files that may be edited.
    Sudoedit(CommandArguments),
    /// A program.
    Program {
        /// Its path: of a file, of a folder when it ends in `/`, with wildcards, or `^…$`.
        path: String,
        /// What it may be given.
        arguments: CommandArguments,
        /// One of these must be the program's digest, when there are any: `sha256:…`.
        digests: Vec<String>,
    },
}

/// The arguments of a command in a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandArguments {
    /// None are written: any will do.
    Any,
    /// `""`: none may be given.
    None,
    /// These, as one text with spaces between them; wildcards and `^…$` count across all of it.
    Text(String),
}

/// A rule: users, and what they may do on which hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Who may.
    pub users: Vec<Member<Who>>,
    /// What, for each list of hosts.
    pub grants: Vec<HostGrants>,
}

/// What may be done on some hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostGrants {
    /// Where.
    pub hosts: Vec<Member<Where>>,
    /// What.
    pub grants: Vec<Grant>,
}

/// One command with what holds for it; what it inherits from the ones before it is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The line that the command stands on.
    pub line: u32,
    /// As whom; `None` when nothing is written: as root only.
    pub runas: Option<Runas>,
    /// `PASSWD:` or `NOPASSWD:`; `None` when nothing is written.
    pub password: Option<bool>,
    /// `SETENV:` or `NOSETENV:`; `None` when nothing is written.
    pub setenv: Option<bool>,
    /// The other tags and the options, as `NAME` and value.
    pub options: Vec<(String, String)>,
    /// The command.
    pub command: Member<Command>,
}

/// `(users : groups)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runas {
    /// The users.
    pub users: Vec<Member<Who>>,
    /// The groups: a name is [`Who::Name`], `#gid` is [`Who::Uid`].
    pub groups: Vec<Member<Who>>,
}

/// A Defaults entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// For whom, where or what it counts.
    pub scope: Scope,
    /// What it sets.
    pub settings: Vec<Setting>,
}

/// What a Defaults entry is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Nothing: it counts always.
    Always,
    /// `Defaults:`
    Users(Vec<Member<Who>>),
    /// `Defaults>`
    Runas(Vec<Member<Who>>),
    /// `Defaults@`
    Hosts(Vec<Member<Where>>),
    /// `Defaults!`
    Commands(Vec<Member<Command>>),
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What is done to it.
    pub change: Change,
}

/// What a Defaults entry does to a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `name`
    On,
    /// `!name`
    Off,
    /// `name = value`
    Set(String),
    /// `name += value`
    Add(String),
    /// `name -= value`
    Remove(String),
}

/// What is read at this place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// As written, without quotes and escapes; %h is not replaced.
    pub path: String,
    /// `@includedir`: the files of the folder.
    pub folder: bool,
}
