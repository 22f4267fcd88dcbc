//! The grammar of sudoers files (sudoers(5)): entries and lists.

use std::path::Path;

use super::command::{command, command_name};
use super::cursor::{Cursor, is_blank};
use super::members::{host, is_alias, is_alias_character, who};
use super::{
    Alias, AliasMembers, Change, Defaults, Entry, Include, Kind, Member, Place, Rule, Scope, Setting,
    Sudoers, Who, grants,
};

/// Most entries, and most faults, of a file.
pub(super) const MAX_ENTRIES: usize = 65_536;

/// Why an entry is not understood.
pub(super) type Fault = String;

/// Reads a text.
pub(super) fn parse(text: &str, file: &Path) -> Sudoers {
    let mut cursor = Cursor::new(text);
    let mut read = Sudoers::default();
    while cursor.peek().is_some() {
        cursor.take_blanks();
        let place = Place { file: file.to_owned(), line: cursor.line() };
        if read.entries.len() + read.faults.len() >= MAX_ENTRIES {
            read.faults.push((place, format!("more than {MAX_ENTRIES} entries; the rest is not read")));
            break;
        }
        let include = at_include(&cursor);
        if !include && cursor.at_end() {
            cursor.bump();
            continue;
        }
        match entry(&mut cursor, include) {
            Ok(kind) => read.entries.push(Entry { place, kind }),
            Err(why) => {
                read.faults.push((place, why));
                cursor.skip_entry();
            }
        }
    }
    read
}

fn entry(cursor: &mut Cursor<'_>, include: bool) -> Result<Kind, Fault> {
    let kind = if include { included(cursor)? } else { defaults_alias_or_rule(cursor)? };
    if cursor.at_end() { Ok(kind) } else { Err(cursor.unexpected()) }
}

fn defaults_alias_or_rule(cursor: &mut Cursor<'_>) -> Result<Kind, Fault> {
    let rest = cursor.rest();
    let keyword_end = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '_').unwrap_or(rest.len());
    let (keyword, after) = rest.split_at(keyword_end);
    let blank_after = after.starts_with([' ', '\t', '\\']);
    match keyword {
        "Defaults" if blank_after || after.starts_with([':', '@', '>', '!']) => {
            cursor.take(keyword);
            defaults(cursor).map(Kind::Defaults)
        }
        "User_Alias" | "Runas_Alias" | "Host_Alias" | "Cmnd_Alias" | "Cmd_Alias" if blank_after => {
            cursor.take(keyword);
            aliases(cursor, keyword).map(Kind::Aliases)
        }
        _ => rule(cursor).map(Kind::Rule),
    }
}

/// `@include` and, as long as it is older than comments, `#include`.
fn at_include(cursor: &Cursor<'_>) -> bool {
    let rest = cursor.rest();
    let after = rest.strip_prefix(['@', '#']).and_then(|rest| rest.strip_prefix("include"));
    after.is_some_and(|after| after.strip_prefix("dir").unwrap_or(after).starts_with(is_blank))
}

fn included(cursor: &mut Cursor<'_>) -> Result<Kind, Fault> {
    cursor.bump();
    cursor.take("include");
    let folder = cursor.take("dir");
    cursor.take_blanks();
    let path = if cursor.peek() == Some('"') {
        cursor.quoted()?
    } else {
        cursor.unquoted(|c| !matches!(c, ' ' | '\t' | '\r' | '\n' | '"'))?.0
    };
    if path.is_empty() { Err(cursor.unexpected()) } else { Ok(Kind::Include(Include { path, folder })) }
}

fn rule(cursor: &mut Cursor<'_>) -> Result<Rule, Fault> {
    let users = list(cursor, who)?;
    let mut grants = Vec::new();
    loop {
        let hosts = list(cursor, host)?;
        grants.push(grants::host_grants(cursor, hosts)?);
        if !take_sign(cursor, ":") {
            return Ok(Rule { users, grants });
        }
    }
}

fn aliases(cursor: &mut Cursor<'_>, keyword: &str) -> Result<Vec<Alias>, Fault> {
    let mut aliases = Vec::new();
    loop {
        cursor.take_blanks();
        let name = cursor.take_while(is_alias_character);
        if !is_alias(name) || name == "ALL" {
            return Err(format!(
                "{} is no name for an alias: capital letters, digits and underscores are",
                name.escape_debug()
            ));
        }
        require(cursor, "=")?;
        let members = match keyword {
            "User_Alias" => AliasMembers::Users(list(cursor, who)?),
            "Runas_Alias" => AliasMembers::Runas(list(cursor, who)?),
            "Host_Alias" => AliasMembers::Hosts(list(cursor, host)?),
            _ => AliasMembers::Commands(commands(cursor)?),
        };
        aliases.push(Alias { name: name.to_owned(), members });
        if !take_sign(cursor, ":") {
            return Ok(aliases);
        }
    }
}

fn commands(cursor: &mut Cursor<'_>) -> Result<Vec<Member<super::Command>>, Fault> {
    let mut members = Vec::new();
    loop {
        members.push(command(cursor)?);
        if !take_sign(cursor, ",") {
            return Ok(members);
        }
    }
}

fn defaults(cursor: &mut Cursor<'_>) -> Result<Defaults, Fault> {
    let scope = match cursor.peek() {
        Some(':') => scoped(cursor, who).map(Scope::Users)?,
        Some('>') => scoped(cursor, who).map(Scope::Runas)?,
        Some('@') => scoped(cursor, host).map(Scope::Hosts)?,
        Some('!') => scoped(cursor, command_name).map(Scope::Commands)?,
        _ => Scope::Always,
    };
    let mut settings = Vec::new();
    loop {
        settings.push(setting(cursor)?);
        if !take_sign(cursor, ",") {
            return Ok(Defaults { scope, settings });
        }
    }
}

fn scoped<T>(
    cursor: &mut Cursor<'_>,
    item: impl Fn(&mut Cursor<'_>) -> Result<T, Fault>,
) -> Result<Vec<Member<T>>, Fault> {
    cursor.bump();
    list(cursor, item)
}

fn setting(cursor: &mut Cursor<'_>) -> Result<Setting, Fault> {
    let off = take_negation(cursor);
    let name = cursor.take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_').to_owned();
    if name.is_empty() {
        return Err(cursor.unexpected());
    }
    let make = if take_sign(cursor, "+=") {
        Change::Add
    } else if take_sign(cursor, "-=") {
        Change::Remove
    } else if take_sign(cursor, "=") {
        Change::Set
    } else {
        return Ok(Setting { name, change: if off { Change::Off } else { Change::On } });
    };
    if off {
        return Err(format!("{name} is both negated and given a value"));
    }
    cursor.take_blanks();
    let value = if cursor.peek() == Some('"') {
        cursor.quoted()?
    } else {
        let fits = |c| !matches!(c, '#' | '=' | ',' | ' ' | '\t' | '\r' | '\n' | '"');
        let (value, _) = cursor.unquoted(fits)?;
        if value.is_empty() {
            return Err(cursor.unexpected());
        }
        value
    };
    Ok(Setting { name, change: make(value) })
}

/// Members with commas between them.
fn list<T>(
    cursor: &mut Cursor<'_>,
    item: impl Fn(&mut Cursor<'_>) -> Result<T, Fault>,
) -> Result<Vec<Member<T>>, Fault> {
    let mut members = Vec::new();
    loop {
        let negated = take_negation(cursor);
        members.push(Member { negated, what: item(cursor)? });
        if !take_sign(cursor, ",") {
            return Ok(members);
        }
    }
}

pub(super) fn who_list(cursor: &mut Cursor<'_>) -> Result<Vec<Member<Who>>, Fault> {
    list(cursor, who)
}

/// Blanks, and any number of `!`: whether it is odd.
pub(super) fn take_negation(cursor: &mut Cursor<'_>) -> bool {
    let mut negated = false;
    while take_sign(cursor, "!") {
        negated = !negated;
    }
    cursor.take_blanks();
    negated
}

/// Takes this sign, with the blanks before it.
pub(super) fn take_sign(cursor: &mut Cursor<'_>, sign: &str) -> bool {
    cursor.take_blanks();
    cursor.take(sign)
}

pub(super) fn require(cursor: &mut Cursor<'_>, sign: &str) -> Result<(), Fault> {
    if take_sign(cursor, sign) { Ok(()) } else { Err(format!("{}; {sign} is missing", cursor.unexpected())) }
}
