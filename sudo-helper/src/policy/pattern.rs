//! A slot's regular expression, which a value matches from its first byte to its last.

use regex::bytes::{Regex, RegexBuilder};

/// Longest expression in bytes.
const MAX_LENGTH: usize = 1024;
/// Most bytes that one may compile to; a value is matched in time linear in it and the value.
const MAX_COMPILED: usize = 256 * 1024;
/// Deepest nesting of groups.
const MAX_DEPTH: u32 = 32;

/// An expression over ASCII, anchored at both ends.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    source: String,
    anchored: Regex,
}

impl Pattern {
    /// Compiles `source` as `\A(?:source)\z`.
    ///
    /// # Errors
    /// A sentence, when it is too long, not ASCII, sets flags, or is no expression.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if source.len() > MAX_LENGTH {
            return Err(format!("a regex has at most {MAX_LENGTH} bytes"));
        }
        if source.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
            return Err("a regex holds only printable ASCII".to_owned());
        }
        if sets_flags(source) {
            return Err("a regex has no '(?' but '(?:': no flags, no named groups".to_owned());
        }
        // By itself first: 'a)|(?:b' is no expression, and must not become one between our brackets.
        compile(source)?;
        Ok(Self { source: source.to_owned(), anchored: compile(&format!(r"\A(?:{source})\z"))? })
    }

    /// Whether the whole value matches.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.anchored.is_match(value.as_bytes())
    }

    /// As the policy writes it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

fn compile(source: &str) -> Result<Regex, String> {
    RegexBuilder::new(source)
        .unicode(false)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(MAX_DEPTH)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("the regex compiles to more than {MAX_COMPILED} bytes: repeat less")
            }
            // The crate draws a picture of the fault on several lines; its last line is the reason.
            other => {
                let picture = other.to_string();
                let reason = picture.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("the regex is wrong: {reason}")
            }
        })
}

/// Whether a group begins with anything but `(` or `(?:`.
fn sets_flags(source: &str) -> bool {
    let mut rest = source.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'\\' => after.get(1..).unwrap_or_default(),
            b'(' if after.starts_with(b"?") && !after.starts_with(b"?:") => return true,
            _ => after,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_or_nothing() {
        for (source, yes, no) in [
            ("[0-9]{1,4}", "1234", "12345"),
            ("a|b", "b", "ab"),
            ("a|b", "a", "a\n"),
            ("a$|b", "a", "a\n"),
            ("(?:a|bc)?", "", "x"),
            (r"\(?x", "(x", "?x"),
            (".+", "x y", ""),
            ("[A-Za-z0-9]{1,255}", "x", "ä"),
            (r"\w+", "a_1", "é"),
            (r"\d", "1", "٣"),
        ] {
            let pattern = Pattern::new(source).expect(source);
            assert!(pattern.matches(yes), "{source} {yes:?}");
            assert!(!pattern.matches(no), "{source} {no:?}");
        }
    }

    #[test]
    fn what_is_no_plain_expression_is_refused() {
        let long = "a".repeat(1025);
        let deep = "(".repeat(40) + &")".repeat(40);
        for (source, why) in [
            ("a)|(?:b", "the regex is wrong"),
            ("(", "the regex is wrong"),
            (r"a\", "the regex is wrong"),
            ("(?i)a", "no flags"),
            ("(?-u:a)", "no flags"),
            ("(?P<x>a)", "no flags"),
            ("(?=a)", "no flags"),
            (r"\\(?s)", "no flags"),
            (r"\pL", "the regex is wrong"),
            ("ä", "printable ASCII"),
            ("a\nb", "printable ASCII"),
            ("(?:a{1000}){1000}", "compiles to more than"),
            (&long, "at most 1024"),
            (&deep, "the regex is wrong"),
        ] {
            let said = Pattern::new(source).expect_err(source);
            assert!(said.contains(why) && !said.contains('\n'), "{source}: {said}");
        }
    }
}
