//! What is no message of the kind that its type says.

use std::fmt;

/// The message that is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A request without even a type.
    Request,
    /// SSH_AGENTC_REQUEST_IDENTITIES.
    List,
    /// SSH_AGENTC_SIGN_REQUEST.
    Sign,
    /// SSH_AGENTC_EXTENSION whose name cannot be read.
    Extension,
    /// SSH_AGENTC_EXTENSION `query`.
    Query,
    /// SSH_AGENTC_EXTENSION `session-bind@openssh.com`. Whether it asked for forwarding is not known:
    /// the connection that sent it counts as forwarded.
    Bind,
    /// SSH_AGENT_IDENTITIES_ANSWER, which the agent sent.
    Identities,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A field goes on past the end of the frame.
    CutShort,
    /// Bytes follow the last field. OpenSSH ignores them; what is ignored here may count elsewhere.
    LeftOver,
    /// It is of another type.
    OtherType,
    /// It lists more keys than ssh(1) accepts.
    TooMany,
}

/// A message that is not what its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// Which message.
    pub message: Message,
    /// What is wrong.
    pub flaw: Flaw,
}

impl Malformed {
    /// The word for programs; it does not change from version to version.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.message {
            Message::Request => "malformed-request",
            Message::List => "malformed-list",
            Message::Sign => "malformed-sign",
            Message::Extension => "malformed-extension",
            Message::Query => "malformed-query",
            Message::Bind => "malformed-session-bind",
            Message::Identities => "malformed-identities",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self.message {
            Message::Request => "the client's request",
            Message::List => "the client's request for the list of keys",
            Message::Sign => "the client's request for a signature",
            Message::Extension => "the client's extension request",
            Message::Query => "the client's query for extensions",
            Message::Bind => "the client's session-bind",
            Message::Identities => "the agent's list of keys",
        };
        let flaw = match self.flaw {
            Flaw::CutShort => "ends inside a field",
            Flaw::LeftOver => "goes on after its last field",
            Flaw::OtherType => "is a message of another type",
            Flaw::TooMany => "names more keys than ssh(1) accepts",
        };
        write!(f, "{message} {flaw} (RFC 9987)")
    }
}

impl std::error::Error for Malformed {}
