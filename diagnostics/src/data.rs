//! Data on standard output.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Once;

use serde::Serialize;
use serde_json::json;

/// One line of data without its end: an object in JSON, or the words.
#[must_use]
pub fn line(in_json: bool, object: &impl Serialize, words: &dyn Display) -> String {
    match (in_json, serde_json::to_string(object)) {
        (true, Ok(object)) => object,
        (true, Err(error)) => json!({"code": "json", "error": error.to_string()}).to_string(),
        (false, _) => words.to_string(),
    }
}

/// Writes the whole text to standard output; the exit status that says whether that worked.
#[must_use]
pub fn print(text: &str, failure: u8) -> u8 {
    match write(text) {
        Ok(()) => 0,
        Err(_) => failure,
    }
}

/// Writes the whole text to standard output; whether that worked. If not, `complain` is given a sentence, once.
#[must_use]
pub fn print_or(text: &str, complain: impl FnOnce(&dyn Display)) -> bool {
    static TOLD: Once = Once::new();
    let Err(error) = write(text) else { return true };
    TOLD.call_once(|| {
        complain(&format!("standard output cannot be written ({error}): what it should tell is lost"));
    });
    false
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_line_is_an_object_or_words_and_tells_what_cannot_be_one() {
        assert_eq!(line(true, &json!({"a": 1}), &"words"), r#"{"a":1}"#);
        assert_eq!(line(false, &json!({"a": 1}), &"words"), "words");
        let not_json = BTreeMap::from([([1], 1)]);
        assert!(line(true, &not_json, &"words").starts_with(r#"{"code":"json","error":"#));
    }
}
