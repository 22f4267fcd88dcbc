//! JSON that decides what may be signed, or carries keys: read without leniency, and never quoted in an error.

use std::fmt;

use serde::{Deserialize, Deserializer};
use strict_json::object;

/// Longest name of a member that an error quotes, in bytes: what is longer is none of ours mistyped.
const MAX_QUOTED: usize = 32;

/// What cannot be read, and where. No value is quoted: a private key in the wrong place must not reach a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRead {
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1; 0 is the start of the line.
    pub column: usize,
    /// What is wrong: a sentence.
    pub said: String,
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.said)
    }
}

impl std::error::Error for NotRead {}

/// Reads a whole text.
///
/// # Errors
/// When it is no JSON, or not what it must be.
pub fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, NotRead> {
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        let said = said.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&said);
        NotRead { line, column, said: without_values(said) }
    })
}

/// A derived struct, read by [`object`]: what a list has for elements.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        object(input).map(Self)
    }
}

/// A list of at most `MAX` elements.
///
/// # Errors
/// Those of an element, and when there are more.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MAX: usize>(
    input: D,
) -> Result<Vec<T>, D::Error> {
    let expected = format_args!("a list of at most {MAX}");
    strict_json::list(input, MAX, expected, format_args!("the list has more than {MAX} elements"))
}

/// serde's words without what they quote of the text: `string "…"`, and a member's name unless it is a plain word.
fn without_values(said: &str) -> String {
    let mut kept = said.to_owned();
    if let (Some(first), Some(last)) = (kept.find('"'), kept.rfind('"')) {
        kept.replace_range(first..=last, "(not shown)");
    }
    for opening in ["unknown field `", "unknown variant `"] {
        let Some(rest) = kept.strip_prefix(opening) else { continue };
        let end = ["`, expected ", "`, there are no "].iter().find_map(|next| rest.rfind(next));
        let name = &rest[..end.unwrap_or(rest.len())];
        let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !is_plain || name.len() > MAX_QUOTED {
            kept.replace_range(opening.len()..opening.len() + name.len(), "(not shown)");
        }
    }
    diagnostics::one_line(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(deserialize_with = "list::<_, _, 2>")]
        few: Vec<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(deserialize_with = "object")]
        inner: Inner,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
    }

    fn error(text: &str) -> String {
        read::<Outer>(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn an_object_is_read() {
        let outer: Outer = read(br#"{"inner": {"few": [1, 2]}, "kind": "one"}"#).expect("read");
        assert_eq!(outer.inner.few, [1, 2]);
        assert!(matches!(outer.kind, Some(Kind::One)));
    }

    #[test]
    fn an_error_names_the_place_and_no_value() {
        for (text, says) in [
            (
                r#"{"inner": "SECRET"}"#,
                "line 1, column 18: invalid type: string (not shown), expected an object",
            ),
            (r#"{"inner": {"few": ["SECRET\"x"]}}"#, "string (not shown), expected u8"),
            (r#"{"inner": {"few": []}, "kind": "SECRET"}"#, "unknown variant `(not shown)`, expected `One`"),
            (r#"{"SECRET`, expected ": 1}"#, "unknown field `(not shown)`, expected `inner` or `kind`"),
            (r#"{"iner": {}}"#, "unknown field `iner`, expected `inner` or `kind`"),
        ] {
            let error = error(text);
            assert!(!error.contains("SECRET"), "{error}");
            assert!(error.to_lowercase().contains(&says.to_lowercase()), "{error}");
        }
    }

    #[test]
    fn leniencies_are_refused() {
        for (text, says) in [
            (r#"{"inner": [[1]]}"#, "expected an object"),
            (r#"{"inner": {"few": [1, 2, 3]}}"#, "more than 2"),
            (r#"{"inner": {"few": [1]}, "inner": {"few": [2]}}"#, "duplicate field"),
            (r#"{"inner": {"few": [1]}} x"#, "trailing characters"),
            ("", "EOF"),
        ] {
            assert!(error(text).contains(says), "{}", error(text));
        }
    }
}
