//! What a rule grants: `(runas) OPTION=value TAG: command, …`, and what each command inherits.

use super::command::command;
use super::cursor::Cursor;
use super::parser::{Fault, require, take_sign, who_list};
use super::{Grant, HostGrants, Member, Runas, Where, Who};

/// What may stand before a command with a value.
const OPTIONS: [&str; 10] = [
    "CWD",
    "CHROOT",
    "TIMEOUT",
    "NOTBEFORE",
    "NOTAFTER",
    "ROLE",
    "TYPE",
    "APPARMOR_PROFILE",
    "PRIVS",
    "LIMITPRIVS",
];

/// What may stand before a command with a colon; each also with `NO` before it.
const TAGS: [&str; 8] =
    ["PASSWD", "SETENV", "EXEC", "INTERCEPT", "FOLLOW", "MAIL", "LOG_INPUT", "LOG_OUTPUT"];

/// What follows the hosts, with the `=` before it.
pub(super) fn host_grants(cursor: &mut Cursor<'_>, hosts: Vec<Member<Where>>) -> Result<HostGrants, Fault> {
    require(cursor, "=")?;
    let mut grants: Vec<Grant> = Vec::new();
    loop {
        grants.push(grant(cursor, grants.last())?);
        if !take_sign(cursor, ",") {
            return Ok(HostGrants { hosts, grants });
        }
    }
}

/// One command; what it does not say holds as for the one before it.
fn grant(cursor: &mut Cursor<'_>, before: Option<&Grant>) -> Result<Grant, Fault> {
    let mut runas = before.and_then(|before| before.runas.clone());
    let mut password = before.and_then(|before| before.password);
    let mut setenv = before.and_then(|before| before.setenv);
    let mut options = before.map(|before| before.options.clone()).unwrap_or_default();
    if take_sign(cursor, "(") {
        runas = Some(run_as(cursor)?);
    }
    while let Some((name, value)) = option(cursor)? {
        replace(&mut options, name, value);
    }
    while let Some(tag) = tag(cursor) {
        let (name, on) = tag.strip_prefix("NO").map_or((tag, true), |name| (name, false));
        match name {
            "PASSWD" => password = Some(on),
            "SETENV" => setenv = Some(on),
            _ => replace(&mut options, name, if on { "yes" } else { "no" }.to_owned()),
        }
    }
    cursor.take_blanks();
    let line = cursor.line();
    Ok(Grant { line, runas, password, setenv, options, command: command(cursor)? })
}

fn replace(options: &mut Vec<(String, String)>, name: &str, value: String) {
    options.retain(|(other, _)| other != name);
    options.push((name.to_owned(), value));
}

fn run_as(cursor: &mut Cursor<'_>) -> Result<Runas, Fault> {
    let mut runas = Runas::default();
    cursor.take_blanks();
    if !matches!(cursor.peek(), Some(':' | ')')) {
        runas.users = who_list(cursor)?;
    }
    if take_sign(cursor, ":") {
        cursor.take_blanks();
        if cursor.peek() != Some(')') {
            runas.groups = who_list(cursor)?;
            let is_group = |who: &Who| matches!(who, Who::All | Who::Alias(_) | Who::Name(_) | Who::Uid(_));
            if !runas.groups.iter().all(|member| is_group(&member.what)) {
                return Err("groups after the colon have no % before them".to_owned());
            }
        }
    }
    require(cursor, ")")?;
    Ok(runas)
}

/// The capital word that comes next, and what comes after it.
fn capital<'a>(cursor: &mut Cursor<'a>) -> (&'a str, &'a str) {
    cursor.take_blanks();
    let rest = cursor.rest();
    let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    (name, after.trim_start_matches([' ', '\t']))
}

fn option(cursor: &mut Cursor<'_>) -> Result<Option<(&'static str, String)>, Fault> {
    let (name, after) = capital(cursor);
    let Some(known) = OPTIONS.into_iter().find(|known| *known == name && after.starts_with('=')) else {
        return Ok(None);
    };
    cursor.take(known);
    require(cursor, "=")?;
    cursor.take_blanks();
    let value = if cursor.peek() == Some('"') {
        cursor.quoted()?
    } else {
        cursor.unquoted(|c| !matches!(c, '#' | ',' | ':' | '=' | ' ' | '\t' | '\r' | '\n' | '"'))?.0
    };
    if value.is_empty() { Err(cursor.unexpected()) } else { Ok(Some((known, value))) }
}

fn tag<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let (name, after) = capital(cursor);
    let known = TAGS.contains(&name.strip_prefix("NO").unwrap_or(name)) && after.starts_with(':');
    if !known {
        return None;
    }
    cursor.take(name);
    take_sign(cursor, ":");
    Some(name)
}
