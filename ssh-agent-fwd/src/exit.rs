//! How a call ends.

/// The exit statuses; ssh-agent-fwd(8) lists them. `exec` ends as its command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or so already.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The words are no request.
    Usage = 2,
    /// There is no such instance; to `down` that is [`Self::Done`].
    Absent = 4,
}
