//! Of an agent that does not run, and that systemd is not about to start: why.

use super::{Condition, Facts};
use crate::exit::Exit;
use crate::properties::Properties;

/// The `Result=` of a unit that was started too often: since systemd 230, and before.
const START_LIMIT: [&str; 2] = ["start-limit-hit", "start-limit"];

/// Whether the agent has ended to have this host rebooted.
pub(super) fn asked_for_reboot(properties: &Properties) -> bool {
    let ended = ["failed", "inactive"].contains(&properties.active_state.as_str());
    ended && properties.asked_for_reboot()
}

pub(super) fn judge(facts: &Facts) -> Condition {
    let Facts { unit, properties, .. } = facts;
    if is_rate_limited(properties) {
        let sentence = format!(
            "it {} too often, and systemd does not start it any more ({} restarts)",
            how(properties),
            properties.restarts
        );
        let helps = format!(
            "see why it ends (journalctl -u {unit}), then ssm-keepalive install, which starts it, too"
        );
        return Condition::new("rate-limited", Exit::RateLimited, sentence, helps);
    }
    if properties.active_state == "failed" || properties.result != "success" {
        let why = why_not_restarted(properties);
        let helps = format!(
            "see why it ended (journalctl -u {unit}), then ssm-keepalive install, which starts it, too"
        );
        let sentence = format!("it {}, and systemd will not start it: {why}", how(properties));
        return Condition::new("dead", Exit::Dead, sentence, helps);
    }
    if properties.unit_file_state == "disabled" {
        let helps = format!("systemctl enable --now {unit}, or ssm-keepalive install --enable --start");
        return Condition::new("disabled", Exit::Disabled, "it is disabled, and does not run", helps);
    }
    let sentence = match properties.restart.as_str() {
        "always" => "it was stopped on purpose, which no Restart= undoes".to_owned(),
        other => format!(
            "it was stopped on purpose, or ended by itself with success, which Restart={} does not undo",
            diagnostics::one_line(other)
        ),
    };
    let helps = format!("systemctl start {unit}, or ssm-keepalive install --start");
    Condition::new("stopped", Exit::Stopped, sentence, helps)
}

/// systemd often keeps the Result= of the last end instead of `start-limit-hit`: then it has started the agent again
/// before, might have done so now, and did not.
fn is_rate_limited(properties: &Properties) -> bool {
    let restarts = ["always", "on-failure"].contains(&properties.restart.as_str());
    let gave_up = properties.active_state == "failed" && properties.restarts > 0 && restarts;
    START_LIMIT.contains(&properties.result.as_str()) || (gave_up && !is_prevented(properties))
}

/// Whether RestartPreventExitStatus= names the exit status of the main process.
fn is_prevented(properties: &Properties) -> bool {
    properties.exit_status().is_some_and(|status| properties.prevents(status))
}

fn why_not_restarted(properties: &Properties) -> String {
    if is_prevented(properties) {
        return format!("RestartPreventExitStatus= has the status {}", properties.main_status);
    }
    format!(
        "its Restart= is '{}', its Result '{}'",
        escaped(&properties.restart),
        escaped(&properties.result)
    )
}

/// How the main process ended.
fn how(properties: &Properties) -> String {
    match (properties.main_code, properties.exit_status()) {
        (0, _) => "did not start".to_owned(),
        (_, Some(status)) => format!("ended with status {status}"),
        (_, None) => format!("was ended by signal {}", properties.main_status),
    }
}

fn escaped(text: &str) -> String {
    diagnostics::one_line(text)
}
