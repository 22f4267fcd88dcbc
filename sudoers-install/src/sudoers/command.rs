//! Commands in sudoers files: paths, their arguments, and digests.

use super::cursor::{Cursor, is_blank};
use super::members::{is_alias, is_alias_character};
use super::parser::{Fault, require, take_negation, take_sign};
use super::{Command, CommandArguments, Member};

/// The digests that sudo(8) knows.
const DIGESTS: [&str; 4] = ["sha224", "sha256", "sha384", "sha512"];

/// A command with its arguments, and with what stands before it: digests, then `!`.
pub(super) fn command(cursor: &mut Cursor<'_>) -> Result<Member<Command>, Fault> {
    cursor.take_blanks();
    let digests = digests(cursor)?;
    let negated = take_negation(cursor);
    let mut what = command_name(cursor)?;
    match &mut what {
        Command::Program { arguments: given, digests: found, .. } => {
            *given = arguments(cursor)?;
            *found = digests;
        }
        Command::Sudoedit(given) => *given = arguments(cursor)?,
        Command::All | Command::Alias(_) | Command::List => {}
    }
    Ok(Member { negated, what })
}

/// A command without its arguments.
pub(super) fn command_name(cursor: &mut Cursor<'_>) -> Result<Command, Fault> {
    let path = match cursor.peek() {
        Some('/') => path(cursor)?,
        Some('^') => regular_expression(cursor)?,
        _ => {
            let is_name = |c: char| is_alias_character(c) || c.is_ascii_lowercase();
            return match cursor.take_while(is_name) {
                "ALL" => Ok(Command::All),
                "list" => Ok(Command::List),
                "sudoedit" => Ok(Command::Sudoedit(CommandArguments::Any)),
                name if is_alias(name) => Ok(Command::Alias(name.to_owned())),
                "" => Err(format!("{}; a command is an absolute path", cursor.unexpected())),
                name => Err(format!("{} is not an absolute path", name.escape_debug())),
            };
        }
    };
    Ok(Command::Program { path, arguments: CommandArguments::Any, digests: Vec::new() })
}

fn path(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let mut path = String::new();
    while let Some(next) = cursor.peek() {
        match next {
            ',' | ':' | '=' | ' ' | '\t' | '\r' | '\n' | '#' => break,
            '\\' if cursor.at_continuation() => break,
            '\\' => match escaped_one_of(cursor, ",:= \t#") {
                Some(escaped) => path.push(escaped),
                None => return Err("a backslash before a character that needs none in a path".to_owned()),
            },
            _ => {
                cursor.bump();
                path.push(next);
            }
        }
    }
    Ok(path)
}

/// The character after a backslash, when it is one of these.
fn escaped_one_of(cursor: &mut Cursor<'_>, these: &str) -> Option<char> {
    let next = cursor.rest().chars().nth(1).filter(|next| these.contains(*next))?;
    cursor.bump();
    cursor.bump();
    Some(next)
}

/// `^…$`, as it is written.
fn regular_expression(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let mut text = String::new();
    while let Some(next) = cursor.peek().filter(|next| !matches!(next, '#' | '\r' | '\n')) {
        cursor.bump();
        text.push(next);
        if next == '\\'
            && let Some(escaped) = cursor.peek().filter(|next| !matches!(next, '\r' | '\n'))
        {
            cursor.bump();
            text.push(escaped);
        } else if next == '$' && cursor.peek().is_none_or(|next| ends_word(next) || next == '\\') {
            return Ok(text);
        }
    }
    Err("a regular expression without its $".to_owned())
}

fn ends_word(c: char) -> bool {
    is_blank(c) || matches!(c, ',' | ':' | '=' | '#' | '\r' | '\n')
}

/// What follows a command up to the comma, colon or end that ends it.
fn arguments(cursor: &mut Cursor<'_>) -> Result<CommandArguments, Fault> {
    let mut text = String::new();
    loop {
        let blank = !cursor.take_while(is_blank).is_empty();
        if cursor.take_continuation() {
            if blank && !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            continue;
        }
        let Some(next) = cursor.peek().filter(|next| !ends_arguments(cursor, *next)) else { break };
        if blank && !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
        if text.is_empty() && next == '^' {
            text = regular_expression(cursor)?;
        } else if next != '\\' {
            text.push(next);
            cursor.bump();
        } else if let Some(escaped) = escaped_one_of(cursor, "*?[]!^") {
            text.extend(['\\', escaped]);
        } else if let Some(escaped) = escaped_one_of(cursor, ":\\,= \t#") {
            text.push(escaped);
        } else {
            return Err("a backslash before a character that needs none in arguments".to_owned());
        }
    }
    Ok(match text.trim_end_matches(' ') {
        "" => CommandArguments::Any,
        "\"\"" => CommandArguments::None,
        text => CommandArguments::Text(text.to_owned()),
    })
}

fn ends_arguments(cursor: &Cursor<'_>, next: char) -> bool {
    match next {
        ',' | ':' | '#' | '\r' | '\n' => true,
        // It may begin an argument, but not be one.
        '=' => cursor.rest().chars().nth(1).is_none_or(|after| ends_word(after) && after != '='),
        _ => false,
    }
}

/// `sha256:…`, several with commas between them.
fn digests(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    let mut digests = Vec::new();
    loop {
        let rest = cursor.rest();
        let Some(name) = DIGESTS.into_iter().find(|name| rest.starts_with(name)) else { return Ok(digests) };
        cursor.take(name);
        require(cursor, ":")?;
        cursor.take_blanks();
        let value = cursor.take_while(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
        if value.is_empty() {
            return Err(cursor.unexpected());
        }
        digests.push(format!("{name}:{value}"));
        if take_sign(cursor, ",") {
            cursor.take_blanks();
            if !DIGESTS.iter().any(|name| cursor.rest().starts_with(name)) {
                return Err(format!("{}; a digest or a command belongs there", cursor.unexpected()));
            }
        } else {
            return Ok(digests);
        }
    }
}
