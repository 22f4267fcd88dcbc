//! The right-hand side of an assignment.

use crate::bad_line::Reason;

/// The value of `text`: all that follows `=`, up to the newline that ends the statement.
pub(crate) fn parse(text: &str) -> Result<&str, Reason> {
    match text.chars().next() {
        Some(quote @ ('\'' | '"')) => quoted(&text[1..], quote),
        _ => bare(text),
    }
}

fn quoted(text: &str, quote: char) -> Result<&str, Reason> {
    let (value, tail) = text.split_once(quote).ok_or(Reason::UnterminatedQuote)?;
    if !is_tail(tail) {
        // A later line's opening quote most likely, and this one was never closed.
        return Err(if value.contains('\n') { Reason::UnterminatedQuote } else { Reason::TextAfterQuote });
    }
    if quote == '"' {
        double(value)?
    } else {
        single(value)?
    }
    Ok(value)
}

fn double(value: &str) -> Result<(), Reason> {
    match value.chars().find(|c| matches!(c, '$' | '`' | '\\')) {
        Some('\\') => Err(Reason::Backslash),
        Some(_) => Err(Reason::Expansion),
        None => Ok(()),
    }
}

fn single(value: &str) -> Result<(), Reason> {
    // For bash both are literal; python-dotenv unescapes `\\` and `\'`, and expands `${NAME}`.
    if value.contains(r"\\") || value.ends_with('\\') {
        Err(Reason::Backslash)
    } else if value.contains("${") {
        Err(Reason::Interpolation)
    } else {
        Ok(())
    }
}

fn bare(text: &str) -> Result<&str, Reason> {
    let (value, tail) = text.split_at(text.find(is_blank).unwrap_or(text.len()));
    match value.chars().next() {
        None if tail.chars().all(is_blank) => return Ok(""),
        None if !is_tail(tail) => return Err(Reason::BlankInside),
        // python-dotenv takes the comment after an empty value for the value.
        None | Some('#') => return Err(Reason::HashAtStart),
        // The tail of a base64 line: what stands before it is no name.
        Some('=') => return Err(Reason::EqualsAtStart),
        Some(_) => {}
    }
    // Bash puts a home directory at the start and after `:`, and in other words after `=`.
    let mut before = ':';
    for c in value.chars() {
        bare_char(before, c)?;
        before = c;
    }
    if is_tail(tail) { Ok(value) } else { Err(Reason::BlankInside) }
}

fn bare_char(before: char, c: char) -> Result<(), Reason> {
    match c {
        '\'' | '"' => Err(Reason::QuoteInside),
        '$' | '`' => Err(Reason::Expansion),
        '\\' => Err(Reason::Backslash),
        ';' | '&' | '|' | '<' | '>' | '(' | ')' | '{' | '}' => Err(Reason::ShellCharacter),
        '~' if matches!(before, ':' | '=') => Err(Reason::Tilde),
        c if c.is_whitespace() => Err(Reason::BlankInside),
        _ => Ok(()),
    }
}

/// Whether `tail` may follow a value: blanks, then at most a comment that a blank sets off.
fn is_tail(tail: &str) -> bool {
    let rest = tail.trim_start_matches(is_blank);
    rest.is_empty() || (rest.starts_with('#') && rest.len() < tail.len())
}

/// The white space that separates words for `bash` in any locale.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
