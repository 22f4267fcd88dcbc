//! What is known of the agent, gathered. What cannot be asked is taken for nothing wrong.

use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

use super::reboot;
use crate::agent_files;
use crate::condition::Facts;
use crate::precedence::Setting;
use crate::processes;
use crate::selection::Selected;

/// Gathers it.
pub(super) fn gather(selected: &Selected, winner: Option<Setting>) -> Facts {
    let Selected { unit, properties } = selected;
    let up = uptime(properties.main_began);
    let began = up.and_then(|up| SystemTime::now().checked_sub(up));
    Facts {
        winner,
        workers: processes::workers(&properties.control_group),
        has_worker: agent_files::has_worker(unit),
        up: up.filter(|_| properties.main_pid.is_some()).unwrap_or_default(),
        slept: began.and_then(slept_since),
        is_unregistered: began.is_some_and(agent_files::is_unregistered),
        reboots: reboot::is_soon(),
        has_logs: agent_files::are_readable(),
        unit: unit.clone(),
        properties: properties.clone(),
    }
}

/// How long ago the main process began; `None` when there was none yet.
fn uptime(began: u64) -> Option<Duration> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?;
    let began = Some(Duration::from_micros(began)).filter(|began| !began.is_zero())?;
    Duration::from(now).checked_sub(began)
}

/// How long ago a worker of an agent that began then wrote that it sleeps, if it still does.
fn slept_since(began: SystemTime) -> Option<Duration> {
    let wrote = agent_files::sleeps_since(began)?;
    Some(SystemTime::now().duration_since(wrote).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_never_began_has_no_uptime() {
        assert_eq!(uptime(0), None);
        assert_eq!(uptime(u64::MAX), None, "it cannot begin after now");
        assert!(uptime(1).is_some_and(|up| !up.is_zero()));
    }
}
