//! What is answered here, without the agent; and the types of its replies (RFC 9987 section 8.1).

use super::cursor::put_string;
use super::request::{QUERY, SESSION_BIND};

/// SSH_AGENT_FAILURE, the whole body: the answer to whatever is refused or not known (section 5.1).
pub const FAILURE: [u8; 1] = [5];

/// SSH_AGENT_SUCCESS, the whole body.
pub const SUCCESS: [u8; 1] = [6];

/// SSH_AGENT_IDENTITIES_ANSWER, the first byte of the agent's list.
pub const IDENTITIES_ANSWER: u8 = 12;

/// SSH_AGENT_SIGN_RESPONSE, the first byte of a signature.
pub const SIGN_RESPONSE: u8 = 14;

/// SSH_AGENT_EXTENSION_RESPONSE.
const EXTENSION_RESPONSE: u8 = 29;

/// The answer to `query` (section 5.8.1): session-bind is the one extension that is let through.
#[must_use]
pub fn query_answer() -> Vec<u8> {
    let mut body = vec![EXTENSION_RESPONSE];
    put_string(&mut body, QUERY);
    put_string(&mut body, SESSION_BIND);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_query_names_the_query_and_the_one_extension() {
        assert_eq!(query_answer(), b"\x1d\0\0\0\x05query\0\0\0\x18session-bind@openssh.com");
    }
}
