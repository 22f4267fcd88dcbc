//! The statements of a `.env` file.

use std::fmt;

use crate::bad_line::{BadLine, Reason};
use crate::{Name, value};

/// One `NAME=VALUE` of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: Name,
    /// Its value, literally: quotes removed, nothing expanded. Often a secret.
    pub value: String,
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assignment").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All assignments of `text` in order, or all lines that are not in the grammar (see the crate's
/// documentation), in order.
///
/// A name that is assigned twice stands twice in the result; the later one wins. After a quote that
/// nothing closes, lines are skipped up to the next that begins like an assignment.
pub fn parse(text: &[u8]) -> Result<Vec<Assignment>, Vec<BadLine>> {
    let mut assignments = Vec::new();
    let mut bad = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let extent = Extent::of(rest);
        match statement(&rest[..extent.len], extent.closed) {
            Ok(assignment) => assignments.extend(assignment),
            Err(fault) => {
                bad.push(BadLine { line: line + fault.lines_down, name: fault.name, reason: fault.reason })
            }
        }
        let next = extent.next_start(rest);
        line += count_newlines(&rest[..next]);
        rest = &rest[next..];
    }
    if bad.is_empty() { Ok(assignments) } else { Err(bad) }
}

/// How far the statement at the start of a text reaches.
struct Extent {
    /// In bytes, without the newline that ends it.
    len: usize,
    /// Whether the quote that it opens, if any, is closed.
    closed: bool,
}

impl Extent {
    fn of(text: &[u8]) -> Extent {
        let first = line_len(text);
        let value = assigned(&text[..first]).map_or(first, |(_, value)| value);
        let Some(quote @ (b'\'' | b'"')) = text.get(value) else {
            return Extent { len: first, closed: true };
        };
        let inside = value + 1;
        match text[inside..].iter().position(|b| b == quote) {
            Some(close) => Extent { len: inside + close + line_len(&text[inside + close..]), closed: true },
            None => Extent { len: first, closed: false },
        }
    }

    /// Where the next statement of `text` starts.
    fn next_start(&self, text: &[u8]) -> usize {
        let mut at = (self.len + 1).min(text.len());
        // What follows is most likely the rest of the value: an error for each line of a key helps no one.
        while !self.closed && at < text.len() {
            let len = line_len(&text[at..]);
            if assigned(&text[at..at + len]).is_some() {
                break;
            }
            at = (at + len + 1).min(text.len());
        }
        at
    }
}

/// What is wrong with a statement.
struct Fault {
    /// The bad line, counted down from the first of the statement.
    lines_down: usize,
    name: Option<Name>,
    reason: Reason,
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Fault {
        Fault { lines_down: 0, name: None, reason }
    }
}

/// The assignment of one statement; `None` for a blank line or a comment.
fn statement(text: &[u8], closed: bool) -> Result<Option<Assignment>, Fault> {
    let text = clean(text)?;
    if !closed {
        return Err(Reason::UnterminatedQuote.into());
    }
    let unindented = text.trim_start_matches([' ', '\t']);
    if unindented.is_empty() || unindented.starts_with('#') {
        return Ok(None);
    }
    let (name, value) = assigned(text.as_bytes()).ok_or(Reason::NotAnAssignment)?;
    let value = value::parse(&text[value..])?;
    if name.belongs_to_bash() {
        return Err(Fault { lines_down: 0, name: Some(name), reason: Reason::NameBelongsToBash });
    }
    Ok(Some(Assignment { name, value: value.to_owned() }))
}

/// `text` as UTF-8 without the characters that may stand nowhere.
fn clean(text: &[u8]) -> Result<&str, Fault> {
    let fault = |at: usize, reason| Fault { lines_down: count_newlines(&text[..at]), name: None, reason };
    let valid = match std::str::from_utf8(text) {
        Ok(valid) => valid,
        Err(e) => return Err(fault(e.valid_up_to(), Reason::NotUtf8)),
    };
    for (at, c) in valid.char_indices() {
        let reason = match c {
            '\n' | '\t' => continue,
            '\r' => Reason::CarriageReturn,
            '\u{feff}' => Reason::ByteOrderMark,
            '\u{85}' | '\u{2028}' | '\u{2029}' => Reason::LineSeparator,
            c if c.is_ascii_control() => Reason::ControlCharacter,
            _ => continue,
        };
        return Err(fault(at, reason));
    }
    Ok(valid)
}

/// The name that `line` assigns, and where in `line` the value starts.
fn assigned(line: &[u8]) -> Option<(Name, usize)> {
    let mut start = blanks(line);
    if let Some(after) = line[start..].strip_prefix(b"export") {
        // Without a blank it is the start of a name.
        start += match blanks(after) {
            0 => 0,
            blanks => b"export".len() + blanks,
        };
    }
    let equals = start + line[start..].iter().position(|&b| b == b'=')?;
    let name = Name::new(std::str::from_utf8(&line[start..equals]).ok()?)?;
    Some((name, equals + 1))
}

/// How many spaces and tabs `text` begins with.
fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

fn line_len(text: &[u8]) -> usize {
    text.iter().position(|&b| b == b'\n').unwrap_or(text.len())
}

fn count_newlines(text: &[u8]) -> usize {
    text.iter().filter(|&&b| b == b'\n').count()
}

#[cfg(test)]
mod tests;
