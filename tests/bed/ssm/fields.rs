//! Fields of requests.

use serde_json::Value;

use super::refusal::Refusal;

/// The characters of a command id, a UUID.
const COMMAND_ID: usize = 36;

/// The strings of a list; none for a field that is absent.
pub(super) fn strings<'a>(body: &'a Value, field: &str) -> Vec<&'a str> {
    body[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A command id, where a call has one.
pub(super) fn command_id(body: &Value) -> Result<Option<&str>, Refusal> {
    match body["CommandId"].as_str() {
        Some(id) if id.len() != COMMAND_ID => Err(Refusal::shape("commandId", "have length equal to 36")),
        id => Ok(id),
    }
}

/// Whether a text is an instance id: `(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)`.
pub(super) fn is_instance_id(text: &str) -> bool {
    let word = |rest: &str| rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match text.strip_prefix("mi-") {
        Some(rest) => rest.len() == 17 && word(rest),
        None => text.strip_prefix("i-").is_some_and(|rest| matches!(rest.len(), 8 | 17) && word(rest)),
    }
}
