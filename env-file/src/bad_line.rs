//! Why a line is refused, in words that hold nothing of the line itself.

use std::fmt;

use crate::Name;

/// A line that `bash` and dotenv parsers may read differently, or not at all.
///
/// It never holds text of the line but a name that bash keeps for itself: anything else might be
/// the secret, even what stands before `=` (the last line of a base64 block looks like a name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Counted from 1: where the statement starts; for a byte that may stand nowhere, its own line.
    pub line: usize,
    /// The name that the line assigns, only where it is valid and so is the rest of the line.
    pub name: Option<Name>,
    /// What is wrong with it.
    pub reason: Reason,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        write!(f, "{}", self.reason)
    }
}

/// What is wrong with a line; `Display` says what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A byte sequence that is not UTF-8.
    NotUtf8,
    /// A carriage return: a file with CRLF line ends.
    CarriageReturn,
    /// A byte-order mark (U+FEFF).
    ByteOrderMark,
    /// An ASCII control character other than tab and newline.
    ControlCharacter,
    /// U+0085, U+2028 or U+2029: some parsers end a line there, others do not.
    LineSeparator,
    /// Something other than `NAME=VALUE` or `export NAME=VALUE`.
    NotAnAssignment,
    /// A quoted value without its closing quote, or one that ends on a later line with more after it.
    UnterminatedQuote,
    /// Text other than a comment after the closing quote.
    TextAfterQuote,
    /// A quote inside a bare value.
    QuoteInside,
    /// White space inside a bare value, or before it.
    BlankInside,
    /// A comment where the value should be, or a value that begins with `#`.
    HashAtStart,
    /// A bare value that begins with `=`.
    EqualsAtStart,
    /// `$` or a backquote outside single quotes.
    Expansion,
    /// `${` in single quotes: dotenv parsers expand it even there.
    Interpolation,
    /// A backslash where parsers disagree about it.
    Backslash,
    /// One of `; & | < > ( ) { }` in a bare value.
    ShellCharacter,
    /// `~` where `bash` puts a home directory.
    Tilde,
    /// A valid assignment to a name that `bash` keeps for itself.
    NameBelongsToBash,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NotUtf8 => "save the file as UTF-8; this line has a byte that is not",
            Reason::CarriageReturn => "save the file with LF line ends; this line has a carriage return",
            Reason::ByteOrderMark => "save the file without byte-order marks",
            Reason::ControlCharacter => "remove the control character",
            Reason::LineSeparator => "remove the Unicode line separator",
            Reason::NotAnAssignment => "write NAME=VALUE without blanks around '=', or start a comment with '#'",
            Reason::UnterminatedQuote => "close the quote that opens here",
            Reason::TextAfterQuote => "put the whole value in one pair of quotes, and a blank before a comment",
            Reason::QuoteInside => "put the whole value in one pair of quotes, of the other kind than those inside",
            Reason::BlankInside => "put a value that contains blanks in quotes, directly after '='",
            Reason::HashAtStart => "put a value that begins with '#' in quotes, and a comment on its own line",
            Reason::EqualsAtStart => "put a value that begins with '=' in quotes",
            Reason::Expansion => "put a value that contains '$' or '`' in single quotes",
            Reason::Interpolation => "remove '${' from the value; nothing is expanded, and parsers disagree",
            Reason::Backslash => {
                "put a value that contains a backslash in single quotes, with none before a backslash or at the end"
            }
            Reason::ShellCharacter => "put a value that contains any of ; & | < > ( ) { } in quotes",
            Reason::Tilde => "write the directory in full, or put a value that contains '~' in quotes",
            Reason::NameBelongsToBash => "choose another name; bash keeps this one for itself",
        })
    }
}
