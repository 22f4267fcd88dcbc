//! The options for ssh(1) that an inventory may give: a list of those that lead to the host, and no other.

use std::path::{Component, Path, PathBuf};

use super::quoted;
use crate::host::{HostName, LoginName, Port};

/// Most words of one value.
const MAX_WORDS: usize = 64;
/// Most hosts to jump through.
const MAX_JUMPS: usize = 8;

/// Options without an operand: address family and compression.
const FLAGS: [&str; 3] = ["-4", "-6", "-C"];

/// Why a value is not passed on, if it is not.
type Judge = fn(&str) -> Result<(), String>;

/// What `-o` may set, spelled as in ssh_config(5), and what it may be.
const OPTIONS: [(&str, Judge); 16] = [
    ("AddressFamily", anything),
    ("Compression", anything),
    ("ConnectTimeout", anything),
    ("ControlMaster", anything),
    ("ControlPath", anything),
    ("ControlPersist", anything),
    ("ForwardAgent", only_no),
    ("ForwardX11", only_no),
    ("HostKeyAlias", anything),
    ("IdentitiesOnly", anything),
    ("IdentityFile", anything),
    ("ProxyCommand", anything),
    ("ProxyJump", jumps),
    ("ServerAliveInterval", anything),
    ("StrictHostKeyChecking", checked_host_keys),
    ("UserKnownHostsFile", kept_host_keys),
];

/// The words of a value of `ansible_ssh_common_args`, each of them one argument for ssh(1).
///
/// # Errors
/// What in it is not passed on, and why.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let mut words = split(text)?.into_iter();
    let mut arguments = Vec::new();
    while let Some(word) = words.next() {
        if FLAGS.contains(&&*word) {
            arguments.push(word);
            continue;
        }
        let (option, attached) = word.split_at(word.char_indices().nth(2).map_or(word.len(), |(at, _)| at));
        if option != "-o" && option != "-J" {
            let known = "-o NAME=VALUE, -J HOST, -4, -6 and -C are; put other things into ~/.ssh/config";
            return Err(format!("{} is not passed on to ssh; {known}", quoted(&word)));
        }
        let operand = if attached.is_empty() { words.next() } else { Some(attached.to_owned()) };
        let operand = operand.ok_or_else(|| format!("{option} lacks its operand"))?;
        let value = if option == "-o" {
            setting(&operand)?
        } else {
            jumps(&operand)?;
            operand
        };
        arguments.extend([option.to_owned(), value]);
    }
    Ok(arguments)
}

/// `Name=Value` or `Name Value`, as ssh_config(5) has it; names in any case.
fn setting(text: &str) -> Result<String, String> {
    let end = text.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_ascii_start();
    let value = rest.strip_prefix('=').unwrap_or(rest).trim_ascii();
    let Some((name, judge)) = OPTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
        let known: Vec<_> = OPTIONS.iter().map(|(known, _)| *known).collect();
        let advice = "put other things into ~/.ssh/config";
        return Err(format!(
            "the option {} is not passed on to ssh; these are: {}; {advice}",
            quoted(name),
            known.join(", ")
        ));
    };
    if value.is_empty() {
        return Err(format!("-o {name} lacks its value"));
    }
    judge(value).map_err(|why| format!("-o {name}: {why}"))?;
    Ok(format!("{name}={value}"))
}

fn anything(_: &str) -> Result<(), String> {
    Ok(())
}

fn only_no(value: &str) -> Result<(), String> {
    if value.eq_ignore_ascii_case("no") {
        return Ok(());
    }
    Err("only 'no' is passed on: a host that is being set up has no use for it".to_owned())
}

fn checked_host_keys(value: &str) -> Result<(), String> {
    match &*value.to_ascii_lowercase() {
        "yes" | "ask" => Ok(()),
        "accept-new" => Err("say so for this run, with --accept-new-host-keys".to_owned()),
        _ => {
            Err("only 'yes' is passed on: without the check, the sudo password would go to whoever answers, \
                  a changed host key included"
                .to_owned())
        }
    }
}

fn kept_host_keys(value: &str) -> Result<(), String> {
    // ssh takes quotes out, too, wherever in a word they are (ssh_config(5)).
    if split(value)?.iter().any(|file| may_forget(file)) {
        return Err(
            "a file that keeps nothing, or a path with '..', which may lead to one, is not passed on: no \
                    host key could be checked against it, and the sudo password would go to whoever answers"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether this is no plain file that lies where it says, however its path is spelled.
fn may_forget(file: &str) -> bool {
    let path: PathBuf = Path::new(file).components().collect();
    let special = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    special || path.components().any(|part| part == Component::ParentDir) || file.eq_ignore_ascii_case("none")
}

/// `none`, or `[user@]host[:port]` and further ones after commas (ssh_config(5), ProxyJump).
fn jumps(value: &str) -> Result<(), String> {
    if value == "none" {
        return Ok(());
    }
    let jumps: Vec<_> = value.split(',').collect();
    if jumps.len() > MAX_JUMPS {
        return Err(format!("more than {MAX_JUMPS} hosts to jump through"));
    }
    match jumps.iter().find(|jump| !is_jump(jump)) {
        None => Ok(()),
        Some(jump) => Err(format!("{} is no [user@]host[:port]", quoted(jump))),
    }
}

fn is_jump(jump: &str) -> bool {
    let jump = jump.strip_prefix("ssh://").unwrap_or(jump);
    let (login, place) = match jump.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, jump),
    };
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, port.strip_prefix(':').or(Some(""))),
        None if HostName::parse(place).is_ok() => (place, None),
        None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    login.is_none_or(|login| LoginName::parse(login).is_ok())
        && HostName::parse(host).is_ok()
        && port.is_none_or(|port| Port::parse(port).is_ok())
}

/// Words as Python's shlex.split has them, which is what Ansible does: quotes, backslashes, no expansion.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match c {
            '\'' => quoted_by_one(&mut rest, word)?,
            '"' => quoted_by_two(&mut rest, word)?,
            '\\' => word.push(rest.next().ok_or("it ends in a backslash")?),
            plain => word.push(plain),
        }
        if words.len() >= MAX_WORDS {
            return Err(format!("more than {MAX_WORDS} words"));
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted_by_one(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            Some('\'') => return Ok(()),
            Some(plain) => word.push(plain),
            None => return Err("a single quote is not closed".to_owned()),
        }
    }
}

fn quoted_by_two(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), String> {
    let open = "a double quote is not closed";
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => match rest.next().ok_or(open)? {
                escaped @ ('"' | '\\') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            Some(plain) => word.push(plain),
            None => return Err(open.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
