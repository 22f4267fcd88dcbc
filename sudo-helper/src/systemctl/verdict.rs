//! Whether a unit that was started stayed up.

use std::fmt;

use crate::systemctl::unit_state::UnitState;

/// How a unit is a settle time after `start` or `restart`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It runs.
    Alive,
    /// It is still on its way up: a job that was not waited for (`--no-block`).
    Starting,
    /// It ended by itself and well (`Result=success`), as a `Type=oneshot` does; or a condition of the
    /// unit kept it from starting, which systemd counts as success (systemd.unit(5), Conditions).
    /// systemd forgets a unit that ended well and that nothing holds, so the two look the same.
    Finished,
    /// It failed, or systemd starts it over and over.
    Died(Death),
}

/// How a unit died, by org.freedesktop.systemd1(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// `Result`: `exit-code`, `signal`, `timeout`, `start-limit-hit` …; `success` when it ended well
    /// but was started again because of `Restart=always`.
    pub result: String,
    /// `ExecMainStatus`: the exit status, or the signal's number.
    pub exec_main_status: Option<i32>,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.result == "success" {
            return f.write_str("it did not stay up: systemd had to start it again");
        }
        write!(f, "it did not stay up: {}", self.result.escape_debug())?;
        self.exec_main_status.map_or(Ok(()), |status| write!(f, ", status {status}"))
    }
}

/// Judges by the state as soon as systemctl(1) had returned and the state a settle time `later`.
///
/// `NRestarts` counts each start by `Restart=` (systemd.service(5)), so it died when that grew. Its
/// value alone says nothing: `restart` sets it to zero for a unit that runs and leaves it for one
/// that waits for its next start, and `start` during that wait adds one (measured, systemd 252).
#[must_use]
pub fn verdict(at_once: &UnitState, later: &UnitState) -> Settled {
    // Also auto-restart-queued and {dead,failed}-before-auto-restart of systemd 254.
    let waits_for_restart = later.sub_state.contains("auto-restart");
    let restarted = later.n_restarts.unwrap_or(0) > at_once.n_restarts.unwrap_or(0);
    let ended_well = later.result.as_deref().is_none_or(|result| result == "success");
    let died = waits_for_restart || restarted || later.active_state == "failed";
    if !died && later.is_active() {
        return Settled::Alive;
    }
    if !died && later.active_state == "activating" {
        return Settled::Starting;
    }
    if !died && ended_well {
        return Settled::Finished;
    }
    let result = later.result.clone().unwrap_or_else(|| later.active_state.clone());
    Settled::Died(Death { result, exec_main_status: later.exec_main_status })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service: its active state, its state, its result, its status and how often it was restarted.
    fn state(active: &str, sub: &str, result: &str, status: i32, restarts: u32) -> UnitState {
        let answer = format!(
            "Id=x.service\nLoadState=loaded\nActiveState={active}\nSubState={sub}\nResult={result}\n\
             ExecMainStatus={status}\nNRestarts={restarts}\n"
        );
        UnitState::parse(&answer).expect("a state")
    }

    fn died(result: &str, status: i32) -> Settled {
        Settled::Died(Death { result: result.to_owned(), exec_main_status: Some(status) })
    }

    /// Each line as systemd 252 showed it one second after the start.
    #[test]
    fn what_became_of_a_unit() {
        let up = state("active", "running", "success", 0, 0);
        for (later, settled) in [
            (up.clone(), Settled::Alive),
            (state("active", "exited", "success", 0, 0), Settled::Alive),
            (state("reloading", "reload", "success", 0, 0), Settled::Alive),
            (state("activating", "start", "success", 0, 0), Settled::Starting),
            (state("inactive", "dead", "success", 0, 0), Settled::Finished),
            (state("deactivating", "stop-post", "success", 0, 0), Settled::Finished),
            (state("failed", "failed", "exit-code", 7, 0), died("exit-code", 7)),
            (state("failed", "failed", "signal", 9, 0), died("signal", 9)),
            (state("failed", "failed", "exit-code", 1, 5), died("exit-code", 1)),
            (state("activating", "auto-restart", "exit-code", 7, 0), died("exit-code", 7)),
            (state("activating", "auto-restart", "success", 0, 0), died("success", 0)),
            (state("activating", "auto-restart-queued", "exit-code", 7, 0), died("exit-code", 7)),
            (state("active", "running", "success", 0, 1), died("success", 0)),
            (state("inactive", "dead", "timeout", 0, 0), died("timeout", 0)),
            (state("deactivating", "stop-sigterm", "watchdog", 0, 0), died("watchdog", 0)),
        ] {
            assert_eq!(verdict(&up, &later), settled, "{later:?}");
        }
    }

    #[test]
    fn restarts_of_before_do_not_count() {
        let flapped = state("active", "running", "success", 0, 3);
        assert_eq!(verdict(&flapped, &flapped), Settled::Alive);
    }

    #[test]
    fn a_unit_of_another_type() {
        let answer = "Id=x.timer\nLoadState=loaded\nActiveState=active\nSubState=waiting\n";
        let timer = UnitState::parse(answer).expect("a state");
        assert_eq!(verdict(&timer, &timer), Settled::Alive);
    }

    #[test]
    fn a_death_in_words() {
        let Settled::Died(death) = died("exit-code", 7) else { panic!("dead") };
        assert_eq!(death.to_string(), "it did not stay up: exit-code, status 7");
        let Settled::Died(again) = died("success", 0) else { panic!("dead") };
        assert_eq!(again.to_string(), "it did not stay up: systemd had to start it again");
    }
}
