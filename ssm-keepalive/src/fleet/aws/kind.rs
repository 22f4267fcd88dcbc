//! What kinds of errors there are, and how they are known.

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller's policy does not allow the operation.
    AccessDenied,
    /// An instance is none of the account's nodes, or one that takes no commands.
    InvalidInstanceId,
    /// AWS knows of no such invocation, perhaps not yet.
    InvocationDoesNotExist,
    /// AWS knows of no such command, perhaps not yet.
    InvalidCommandId,
    /// Too many calls.
    Throttled,
    /// There are no credentials, or they have expired, or something has to be typed in for them.
    Credentials,
    /// The endpoint does not have the operation.
    NotImplemented,
    /// The service failed.
    Server,
    /// The endpoint cannot be reached.
    Unreachable,
    /// The call, an option or the CLI's configuration is wrong.
    Usage,
    /// No answer in time.
    TimedOut,
    /// The CLI was not started: AWS has heard nothing.
    NotStarted,
    /// Something else.
    Other,
}

/// Codes of the API with the kind that each is of (CommonErrors of the API, botocore's retry handlers).
const CODES: [(&str, Kind); 38] = [
    ("AccessDenied", Kind::AccessDenied),
    ("AccessDeniedException", Kind::AccessDenied),
    ("NotAuthorized", Kind::AccessDenied),
    ("UnauthorizedOperation", Kind::AccessDenied),
    ("InvalidInstanceId", Kind::InvalidInstanceId),
    ("InvocationDoesNotExist", Kind::InvocationDoesNotExist),
    ("InvalidCommandId", Kind::InvalidCommandId),
    ("EC2ThrottledException", Kind::Throttled),
    ("PriorRequestNotComplete", Kind::Throttled),
    ("RequestLimitExceeded", Kind::Throttled),
    ("RequestThrottled", Kind::Throttled),
    ("RequestThrottledException", Kind::Throttled),
    ("SlowDown", Kind::Throttled),
    ("ThrottledException", Kind::Throttled),
    ("Throttling", Kind::Throttled),
    ("ThrottlingException", Kind::Throttled),
    ("TooManyRequestsException", Kind::Throttled),
    ("AuthFailure", Kind::Credentials),
    ("ExpiredToken", Kind::Credentials),
    ("ExpiredTokenException", Kind::Credentials),
    ("IncompleteSignature", Kind::Credentials),
    ("InvalidClientTokenId", Kind::Credentials),
    ("InvalidSignatureException", Kind::Credentials),
    ("MissingAuthenticationToken", Kind::Credentials),
    ("OptInRequired", Kind::Credentials),
    ("RequestExpired", Kind::Credentials),
    ("SignatureDoesNotMatch", Kind::Credentials),
    ("UnrecognizedClientException", Kind::Credentials),
    ("NotImplemented", Kind::NotImplemented),
    ("UnknownOperationException", Kind::NotImplemented),
    ("InternalFailure", Kind::Server),
    ("InternalServerError", Kind::Server),
    ("ServiceUnavailable", Kind::Server),
    ("InvalidFilterKey", Kind::Usage),
    ("InvalidInstanceInformationFilterValue", Kind::Usage),
    ("InvalidParameters", Kind::Usage),
    ("MaxDocumentSizeExceeded", Kind::Usage),
    ("ValidationException", Kind::Usage),
];

/// What the CLI says when it is no error of the API (botocore's exceptions.py, and getpass of the code for MFA).
const PHRASES: [(&str, Kind); 40] = [
    ("Unable to locate credentials", Kind::Credentials),
    ("Unable to locate authorization token", Kind::Credentials),
    ("The config profile (", Kind::Credentials),
    ("Error loading SSO Token", Kind::Credentials),
    ("The SSO session associated with this profile", Kind::Credentials),
    ("An unspecified error happened when resolving AWS credentials", Kind::Credentials),
    ("Your session has expired", Kind::Credentials),
    ("Error loading login session token", Kind::Credentials),
    ("Unable to create or refresh login credentials", Kind::Credentials),
    ("Error when retrieving credentials", Kind::Credentials),
    ("Error when retrieving token", Kind::Credentials),
    ("Token has expired and refresh failed", Kind::Credentials),
    ("Error retrieving metadata", Kind::Credentials),
    ("Partial credentials found", Kind::Credentials),
    ("Cannot refresh credentials", Kind::Credentials),
    ("Credentials were refreshed, but", Kind::Credentials),
    ("Infinite loop in credential configuration", Kind::Credentials),
    ("The source_profile", Kind::Credentials),
    ("The source profile", Kind::Credentials),
    ("Enter MFA code for", Kind::Credentials),
    ("Missing Dependency", Kind::Credentials),
    ("Could not connect to the endpoint URL", Kind::Unreachable),
    ("Connect timeout on endpoint URL", Kind::Unreachable),
    ("Read timeout on endpoint URL", Kind::Unreachable),
    ("Connection was closed before we received", Kind::Unreachable),
    ("SSL validation failed", Kind::Unreachable),
    ("Failed to connect to proxy URL", Kind::Unreachable),
    ("An HTTP Client", Kind::Unreachable),
    ("Parameter validation failed", Kind::Usage),
    ("You must specify a region", Kind::Usage),
    ("Provided region_name", Kind::Usage),
    ("Invalid endpoint", Kind::Usage),
    ("Unable to parse config file", Kind::Usage),
    ("The specified config file", Kind::Usage),
    ("Invalid value provided to \"mode\"", Kind::Usage),
    ("Value provided to \"max_attempts\"", Kind::Usage),
    ("Unknown options:", Kind::Usage),
    ("Error parsing parameter", Kind::Usage),
    ("aws: error:", Kind::Usage),
    ("usage:", Kind::Usage),
];

/// The kind of a code of the API.
pub(super) fn by_code(code: &str) -> Option<Kind> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
}

/// The kind of what the CLI says, and its words from there on.
pub(super) fn by_phrase(text: &str) -> Option<(Kind, &str)> {
    PHRASES.iter().find_map(|(phrase, kind)| Some((*kind, &text[text.find(phrase)?..])))
}
