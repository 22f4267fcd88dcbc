//! Objects in JSON, for programs.

use serde_json::{Value, json};

use crate::Failure;

impl Failure {
    /// Its word and its sentence.
    #[must_use]
    pub fn object(&self) -> Value {
        json!({"code": self.code, "error": self.error})
    }

    /// The same as the answer to `op`, with what more is known.
    #[must_use]
    pub fn answer(&self, op: &str, more: Value) -> Value {
        with(with(json!({"op": op, "success": false}), self.object()), more)
    }
}

/// An object with the members of another one added.
#[must_use]
pub fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_added_and_nothing_is_no_member() {
        let object = || json!({"op": "check"});
        assert_eq!(with(object(), json!({"a": 1})), json!({"op": "check", "a": 1}));
        assert_eq!(with(object(), Value::Null), object());
    }

    #[test]
    fn a_failure_answers_with_its_word_its_sentence_and_what_more_is_known() {
        let failure = Failure::new("absent", "it is not there");
        let answer = json!({"op": "list", "success": false, "code": "absent", "error": "it is not there", "name": "a"});
        assert_eq!(failure.answer("list", json!({"name": "a"})), answer);
    }
}
