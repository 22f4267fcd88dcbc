//! Killing the agent's main process, and the time until systemd has started another one.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use supervise::ProcessHandle;

use crate::condition::bar;
use crate::processes::{self, Workers};
use crate::properties::Properties;
use crate::selection::Selected;
use crate::span::Span;
use crate::systemctl;
use diagnostics::Failure;

/// How much longer than RestartSec= the agent may take.
const GRACE: Duration = Duration::from_secs(30);
/// How long a killed process may take to end: one in the kernel's hands ends when those let go.
const END: Duration = Duration::from_secs(10);
/// Between two looks at whether it is back.
const PAUSE: Duration = Duration::from_millis(200);

/// How the agent came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revival {
    /// The main process that was killed.
    pub before: i32,
    /// The one in its place.
    pub after: i32,
    /// From the signal until it was seen.
    pub took: Duration,
}

/// Kills the main process of an agent that runs, and waits until it is back.
///
/// # Errors
/// Without having killed anything: `would-stay-dead`, `not-running`, `unknown-workers`, `busy`, `changed`, `kill`,
/// `systemctl`. After it: `not-ended`, `not-back`, `systemctl`.
pub fn prove(selected: &Selected) -> Result<Revival, Failure> {
    let Selected { unit, properties } = selected;
    let (before, _) = permit(properties, processes::workers(&properties.control_group))?;
    let refuse =
        |error| Failure::new("kill", format!("process {before} of {unit} cannot be killed: {error}"));
    let process = ProcessHandle::open(before).map_err(refuse)?;
    // Only if the unit has it still is the handle that of the agent, and not of whoever got its number.
    let now = systemctl::show(unit)?;
    if is_another(properties, &now) {
        let error =
            format!("{unit} has got another main process meanwhile: nothing was killed; call this again");
        return Err(Failure::new("changed", error));
    }
    // A command may have come meanwhile.
    let (_, delay) = permit(&now, processes::workers(&now.control_group))?;
    let began = Instant::now();
    process.signal(Signal::SIGKILL as i32).map_err(refuse)?;
    if !process.wait(began + END).map_err(refuse)? {
        let error =
            format!("process {before} of {unit} was killed, and has not ended within {} s", END.as_secs());
        return Err(Failure::new("not-ended", error));
    }
    let limit = delay + GRACE;
    while began.elapsed() < limit {
        sleep(PAUSE);
        let now = systemctl::show(unit)?;
        if let (true, Some(after)) = (is_back(properties, &now), now.main_pid) {
            return Ok(Revival { before, after, took: began.elapsed() });
        }
    }
    let error = format!(
        "{unit} was killed and is not back after {} s: see ssm-keepalive status and journalctl -u {unit}",
        limit.as_secs()
    );
    Err(Failure::new("not-back", error))
}

/// The main process and the delay of an agent that may be killed.
fn permit(properties: &Properties, workers: Option<Workers>) -> Result<(i32, Duration), Failure> {
    if let Some(bar) = bar(properties) {
        return Err(Failure::new(
            "would-stay-dead",
            format!("nothing was killed, since it would not return: {bar}"),
        ));
    }
    let main = properties.main_pid.filter(|_| properties.active_state == "active");
    let delay = properties.restart_sec.and_then(Span::duration);
    let (Some(main), Some(delay)) = (main, delay) else {
        let error = "the agent does not run, so there is nothing to kill: see ssm-keepalive status";
        return Err(Failure::new("not-running", error));
    };
    match workers {
        None => Err(Failure::new(
            "unknown-workers",
            "nothing was killed, since it cannot be told whether the agent works on a command: its control group \
             cannot be read",
        )),
        Some(Workers { busy, .. }) if busy > 0 => {
            let error = format!(
                "nothing was killed, since the agent works on {busy} commands or sessions: call this when they are \
                 done, and not through the agent itself"
            );
            Err(Failure::new("busy", error))
        }
        Some(_) => Ok((main, delay)),
    }
}

/// Whether the main process is another one: a number alone may have been given away again.
fn is_another(before: &Properties, now: &Properties) -> bool {
    (before.main_pid, before.main_began) != (now.main_pid, now.main_began)
}

fn is_back(before: &Properties, now: &Properties) -> bool {
    now.active_state == "active" && now.main_pid.is_some() && is_another(before, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: &str = "ActiveState=active\nRestart=always\nRestartUSec=10s\nStartLimitIntervalUSec=0\nMainPID=7\n\
                      ExecMainStartTimestampMonotonic=100\n";

    fn with(instead: &str) -> Properties {
        Properties::parse(&format!("{UP}{instead}"))
    }

    #[test]
    fn only_an_idle_agent_that_will_return_is_killed() {
        let idle = Some(Workers { agent: true, busy: 0 });
        for (instead, workers, expected) in [
            ("", idle, Ok((7, Duration::from_secs(10)))),
            ("", None, Err("unknown-workers")),
            ("", Some(Workers { agent: true, busy: 1 }), Err("busy")),
            ("Restart=on-failure", idle, Err("would-stay-dead")),
            ("RestartUSec=infinity", idle, Err("would-stay-dead")),
            ("MainPID=0", idle, Err("not-running")),
            ("ActiveState=activating", idle, Err("not-running")),
        ] {
            let permitted = permit(&with(instead), workers).map_err(|failure| failure.code);
            assert_eq!(permitted, expected, "{instead} {workers:?}");
        }
    }

    #[test]
    fn it_is_back_once_another_process_runs() {
        for (now, back) in [
            ("", false),
            ("MainPID=0", false),
            ("MainPID=8", true),
            ("MainPID=7\nExecMainStartTimestampMonotonic=200", true),
            ("MainPID=8\nActiveState=activating", false),
        ] {
            assert_eq!(is_back(&with(""), &with(now)), back, "{now}");
        }
    }
}
