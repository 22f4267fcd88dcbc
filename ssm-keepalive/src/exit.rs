//! How a call ends.

/// The exit statuses; ssm-keepalive(8) lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or so already; of status: the agent runs, and systemd will bring it back.
    Done = 0,
    /// It failed, or could not be proven.
    Failed = 1,
    /// The words are no request.
    Usage = 2,
    /// systemd does not run here.
    NoSystemd = 3,
    /// There is no SSM agent here.
    NoAgent = 4,
    /// It runs, and would stay dead.
    WouldStayDead = 5,
    /// It is about to be started again.
    Restarting = 6,
    /// It was started too often, and systemd does so no more.
    RateLimited = 7,
    /// It was stopped on purpose.
    Stopped = 8,
    /// It is disabled, and not running.
    Disabled = 9,
    /// It waits for a reboot that it has asked for.
    AwaitsReboot = 10,
    /// It runs and does not work.
    Asleep = 11,
    /// It is not registered.
    NotRegistered = 12,
    /// There is a drop-in of ours, and no agent.
    Orphaned = 13,
    /// Its unit is masked.
    Masked = 14,
    /// It has ended, and systemd will not start it.
    Dead = 15,
    /// A signal ended it; of the fleet: what is under way goes on without us.
    Interrupted = 130,
}
