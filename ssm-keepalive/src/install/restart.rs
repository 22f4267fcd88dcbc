//! `--restart`: later, and by systemd itself.
//!
//! A Run Command that calls this is a child of the agent. It may end with the agent, and lives in its control group
//! (KillMode= of systemd.kill(5)); a unit of its own does not.

use supervise::bounded::Ran;

use crate::systemctl;
use crate::unit::Unit;
use crate::version::Version;
use diagnostics::Failure;

/// A unit that has failed is forgotten, too; older ones keep it, and then its name cannot be used again.
const COLLECT: &str = "--collect";
/// A timer may be a minute late without AccuracySec=.
const OPTIONS: [&str; 4] =
    ["--quiet", "--unit=ssm-keepalive-restart", "--on-active=5s", "--timer-property=AccuracySec=100ms"];

/// How it will be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduled {
    /// In 5 s.
    Now,
    /// By an earlier call, whose 5 s are not over, or whose restart is under way.
    Before,
}

impl Scheduled {
    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Now => "scheduled",
            Self::Before => "restart-scheduled",
        }
    }

    /// The sentence for it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Now => "the agent is restarted in 5 s",
            Self::Before => "an earlier call has the agent restarted already",
        }
    }
}

/// Has systemd restart the agent in 5 s.
///
/// # Errors
/// `not-restarted` when it will not.
pub fn schedule(unit: &Unit) -> Result<Scheduled, Failure> {
    let failed = |error: String| {
        Failure::new("not-restarted", format!("the drop-in counts, but no restart is scheduled: {error}"))
    };
    // It leaves an agent alone that was stopped meanwhile.
    let collect = Version::ask()?.collects().then_some(COLLECT);
    let options: Vec<&str> = collect.into_iter().chain(OPTIONS).collect();
    let ran = systemctl::later(&options, &["try-restart", "--", unit.as_str()])
        .map_err(|failure| failed(failure.error))?;
    judge(&ran).ok_or_else(|| failed(ran.words()))
}

/// What systemd-run(1) has answered; `None` when it failed.
fn judge(ran: &Ran) -> Option<Scheduled> {
    match ran.status {
        Some(0) => Some(Scheduled::Now),
        // "Unit ssm-keepalive-restart.timer already exists." or "... was already loaded or has a fragment file."
        Some(_) if ran.words().contains(" already ") => Some(Scheduled::Before),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_that_is_scheduled_already_is_no_failure() {
        for (status, said, expected) in [
            (Some(0), "", Some(Scheduled::Now)),
            (
                Some(1),
                "Failed to start transient timer unit: Unit ssm-keepalive-restart.timer was already loaded or has a \
                 fragment file.",
                Some(Scheduled::Before),
            ),
            (
                Some(1),
                "Failed to start transient timer unit: Unit ssm-keepalive-restart.timer already exists.",
                Some(Scheduled::Before),
            ),
            (Some(1), "Failed to connect to bus", None),
            (None, "", None),
        ] {
            let ran = Ran { status, stdout: Vec::new(), stderr: said.into(), timed_out: false };
            assert_eq!(judge(&ran), expected, "{said}");
        }
    }
}
