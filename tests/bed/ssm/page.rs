//! Lists that come in pages.

use serde_json::Value;

use super::refusal::Refusal;

/// The rows of a page.
pub(super) const MOST: usize = 50;

/// Of a token, so that no other text is one.
const PREFIX: &str = "page-from-";

/// The page that a call asks for by MaxResults and NextToken, and the token of the next one; empty for
/// the last. No page has more than `most` rows.
pub(super) fn page<T>(rows: Vec<T>, body: &Value, most: usize) -> Result<(Vec<T>, String), Refusal> {
    let from = match body["NextToken"].as_str() {
        None => 0,
        Some(token) => {
            let from = token.strip_prefix(PREFIX).and_then(|from| from.parse().ok());
            from.ok_or_else(|| Refusal::new("InvalidNextToken", "The specified token isn't valid."))?
        }
    };
    let asked = body["MaxResults"].as_u64().and_then(|asked| usize::try_from(asked).ok());
    let size = asked.unwrap_or(MOST).min(most).min(MOST);
    let next = from + size;
    let token = if next < rows.len() { format!("{PREFIX}{next}") } else { String::new() };
    Ok((rows.into_iter().skip(from).take(size).collect(), token))
}
