//! Reads `.env` files: the grammar on which sourcing by `bash` and the dotenv parsers agree,
//! and nothing else.
//!
//! A line that some of them would read otherwise is an error, never a guess; nothing is executed
//! or expanded. The tests hold each rule against real `bash` (5.2) and python-dotenv (0.21).
//!
//! ```
//! let text = b"# a comment\nexport REGION=eu-1 # why\nKEY='$literal, with blanks'\n";
//! let read = env_file::parse(text).unwrap();
//! assert_eq!(read[1].name.as_str(), "KEY");
//! assert_eq!(read[1].value, "$literal, with blanks");
//!
//! let bad = env_file::parse(b"OK=1\nTOKEN=$(cat secret)\n").unwrap_err();
//! assert_eq!(bad[0].to_string(), "line 2: put a value that contains '$' or '`' in single quotes");
//! ```
//!
//! # Grammar
//!
//! ```text
//! file      = { line "\n" } [ line ]
//! line      = [blanks] [ comment | statement ]
//! statement = ["export" blanks] NAME "=" value [blanks] [blanks comment]
//! value     = "" | bare | "'" single "'" | '"' double '"'
//! comment   = "#" anything up to the end of the line
//! blanks    = spaces and tabs
//! ```
//!
//! - The text is UTF-8 with LF line ends. ASCII control characters other than tab, byte-order marks and
//!   the Unicode line separators may stand nowhere, comments included.
//! - `bare` has no blank or other white space, no quote, none of `` $ ` \ ; & | < > ( ) { } ``,
//!   does not begin with `#` or `=`, and has no `~` at its start or after `:` or `=`.
//! - `single` and `double` may hold newlines. `single` has no `${`, and no backslash before a
//!   backslash or at its end; `double` has no `$`, backquote or backslash.
//! - A comment after an empty bare value, more text after a closing quote, and the names that
//!   `bash` keeps for itself (`UID`, `RANDOM`, `SHLVL`, ...) are errors.
//! - A name may be assigned twice: the later one wins, in `bash` and in dotenv parsers alike.

#![forbid(unsafe_code)]

mod bad_line;
mod grammar;
mod name;
mod read;
mod value;

pub use bad_line::{BadLine, Reason};
pub use grammar::{Assignment, parse};
pub use name::Name;
pub use read::{MAX_FILE_BYTES, ReadError, read};
