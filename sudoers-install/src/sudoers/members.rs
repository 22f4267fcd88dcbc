//! Members of lists in sudoers files: users, groups, hosts, and the names of aliases.

use std::net::{IpAddr, Ipv6Addr};

use super::cursor::{Cursor, Word};
use super::parser::Fault;
use super::{Where, Who};

fn id(cursor: &mut Cursor<'_>) -> Result<u32, Fault> {
    let digits = cursor.take_while(|c| c.is_ascii_digit() || c == '-');
    digits.parse().map_err(|_| format!("{} is no id", digits.escape_debug()))
}

pub(super) fn who(cursor: &mut Cursor<'_>) -> Result<Who, Fault> {
    if cursor.take("%#") {
        return id(cursor).map(Who::Gid);
    }
    if cursor.take("#") {
        return id(cursor).map(Who::Uid);
    }
    if cursor.take("%:") {
        let hash = if cursor.take("#") { "#" } else { "" };
        return Ok(Who::OtherGroup(format!("{hash}{}", cursor.word()?.text)));
    }
    Ok(classify(cursor.word()?))
}

fn classify(word: Word) -> Who {
    let Word { text, plain, prefix } = word;
    if plain && text == "ALL" {
        return Who::All;
    }
    if plain && is_alias(&text) {
        return Who::Alias(text);
    }
    let after = |sign| text.strip_prefix(sign).filter(|rest: &&str| prefix && !rest.is_empty());
    if let Some(gid) = after("%#").and_then(|gid| gid.parse().ok()) {
        Who::Gid(gid)
    } else if let Some(group) = after("%:") {
        Who::OtherGroup(group.to_owned())
    } else if let Some(group) = after("%") {
        Who::Group(group.to_owned())
    } else if let Some(group) = after("+") {
        Who::Netgroup(group.to_owned())
    } else if let Some(uid) = after("#").and_then(|uid| uid.parse().ok()) {
        Who::Uid(uid)
    } else {
        Who::Name(text)
    }
}

pub(super) fn host(cursor: &mut Cursor<'_>) -> Result<Where, Fault> {
    if let Some(network) = ipv6(cursor.rest()) {
        cursor.take(network);
        return Ok(Where::Network(network.to_owned()));
    }
    let Word { text, plain, prefix } = cursor.word()?;
    Ok(if plain && text == "ALL" {
        Where::All
    } else if plain && is_alias(&text) {
        Where::Alias(text)
    } else if let Some(group) = text.strip_prefix('+').filter(|_| prefix) {
        Where::Netgroup(group.to_owned())
    } else if text.split('/').next().is_some_and(|address| address.parse::<IpAddr>().is_ok()) {
        Where::Network(text)
    } else {
        Where::Name(text)
    })
}

/// An IPv6 address or network at the beginning: its colons would end a word.
fn ipv6(rest: &str) -> Option<&str> {
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !":./".contains(c)).unwrap_or(rest.len());
    let network = rest.get(..end)?;
    network.split('/').next()?.parse::<Ipv6Addr>().ok().map(|_| network)
}

pub(super) fn is_alias_character(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

/// Whether a word is the name of an alias.
pub(super) fn is_alias(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(is_alias_character)
}
