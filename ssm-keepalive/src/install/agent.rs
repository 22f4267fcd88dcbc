//! What is done about an agent that does not run: systemd starts again what ends, not what has ended.

use crate::cli::InstallCall;
use crate::properties::Properties;
use crate::systemctl;
use crate::unit::Unit;
use diagnostics::Failure;

/// A thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Have it started at boot.
    Enable,
    /// Forget that it has failed: it may not be started before, when it was too often (systemctl(1)).
    Reset,
    /// Start it.
    Start,
}

/// What is to be done, and what is left to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// Sentences.
    pub advice: Vec<&'static str>,
}

/// Decides it.
#[must_use]
pub fn plan(agent: &Properties, call: &InstallCall) -> Plan {
    let mut steps = Vec::new();
    let mut advice = Vec::new();
    if agent.unit_file_state == "disabled" {
        if call.enable {
            steps.push(Step::Enable);
        } else {
            advice.push("the agent is disabled and will not run after a reboot: --enable enables it");
        }
    }
    match agent.active_state.as_str() {
        "failed" if agent.asked_for_reboot() && !call.start => {
            advice
                .push("the agent waits for the reboot that it has asked for: --start starts it all the same");
        }
        "failed" if call.no_start => advice.push("the agent has failed, and is left so"),
        "failed" => steps.extend([Step::Reset, Step::Start]),
        "inactive" if call.start => steps.push(Step::Start),
        "inactive" => advice.push("the agent was stopped, and is left so: --start starts it"),
        _ => {}
    }
    Plan { steps, advice }
}

/// Does it.
///
/// # Errors
/// `not-started` with the words of systemctl.
pub fn act(unit: &Unit, steps: &[Step]) -> Result<(), Failure> {
    for step in steps {
        let word = match step {
            Step::Enable => "enable",
            Step::Reset => "reset-failed",
            Step::Start => "start",
        };
        systemctl::ask(&[word, "--", unit.as_str()]).map_err(|failure| {
            let error = format!("the drop-in is in place and counts, but the agent is as it was: {failure}");
            Failure::new("not-started", error)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Call, Cli};

    fn call(words: &[&str]) -> InstallCall {
        match Cli::parse_from(["ssm-keepalive", "install"].iter().chain(words)).call {
            Call::Install(call) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failed_agent_is_started_and_a_stopped_one_only_when_asked_for() {
        use Step::{Enable, Reset, Start};
        for (state, file, status, words, steps, advised) in [
            ("active", "enabled", 0, &[][..], &[][..], 0),
            ("activating", "enabled", 0, &["--start"], &[], 0),
            ("failed", "enabled", 1, &[], &[Reset, Start], 0),
            ("failed", "enabled", 1, &["--no-start"], &[], 1),
            ("failed", "enabled", 194, &[], &[], 1),
            ("failed", "enabled", 194, &["--start"], &[Reset, Start], 0),
            ("inactive", "enabled", 0, &[], &[], 1),
            ("inactive", "enabled", 0, &["--start"], &[Start], 0),
            ("inactive", "disabled", 0, &["--start", "--enable"], &[Enable, Start], 0),
            ("active", "disabled", 0, &[], &[], 1),
            ("active", "disabled", 0, &["--enable"], &[Enable], 0),
            ("active", "static", 0, &["--enable"], &[], 0),
        ] {
            let agent = Properties {
                active_state: state.into(),
                unit_file_state: file.into(),
                main_status: status,
                ..Properties::parse("ExecMainCode=1\n")
            };
            let plan = plan(&agent, &call(words));
            assert_eq!(
                (plan.steps.as_slice(), plan.advice.len()),
                (steps, advised),
                "{state} {file} {words:?}"
            );
        }
    }

    #[test]
    fn a_signal_of_that_number_is_no_wait_for_a_reboot() {
        let shown = "ActiveState=failed\nExecMainCode=2\nExecMainStatus=194\n";
        assert_eq!(plan(&Properties::parse(shown), &call(&[])).steps, [Step::Reset, Step::Start]);
    }
}
