//! How a call ends.

/// The exit statuses; sudoers-install(8) lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or so already.
    Done = 0,
    /// It failed, or something is not as it should be.
    Failed = 1,
    /// The words are no request.
    Usage = 2,
}
