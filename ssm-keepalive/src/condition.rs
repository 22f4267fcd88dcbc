//! How the agent is, out of what is known of it.

mod ended;
mod outlook;

use std::time::Duration;

use crate::exit::Exit;
use crate::precedence::Setting;
use crate::processes::Workers;
use crate::properties::Properties;
use crate::unit::Unit;

pub use outlook::{Bar, bar};

/// How long the core may take to start its worker: it looks for it every 60 s, and has to fetch credentials first.
const WORKER_WITHIN: Duration = Duration::from_secs(3 * 60);

/// What is known of an agent whose unit is loaded.
#[derive(Debug)]
pub struct Facts {
    /// Its unit.
    pub unit: Unit,
    /// What systemd knows of it.
    pub properties: Properties,
    /// The setting of somebody else that goes before one of our drop-in, if there is one.
    pub winner: Option<Setting>,
    /// Its processes; `None` when they cannot be told.
    pub workers: Option<Workers>,
    /// Whether this agent has a worker that ought to run.
    pub has_worker: bool,
    /// How long its main process has been up; zero when it has none.
    pub up: Duration,
    /// How long ago a worker of this run of the agent last wrote that it sleeps.
    pub slept: Option<Duration>,
    /// Whether the agent says that it has found no identity, and was never registered.
    pub is_unregistered: bool,
    /// Whether this host reboots within minutes.
    pub reboots: bool,
    /// Whether the agent's logs may be read, so that `slept` and `is_unregistered` say something.
    pub has_logs: bool,
}

/// How the agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The word for programs; it does not change from version to version.
    pub code: &'static str,
    /// The sentence for people.
    pub sentence: String,
    /// What helps, if something has to.
    pub helps: Option<String>,
    /// The exit status of `status`.
    pub exit: Exit,
}

impl Condition {
    fn new(
        code: &'static str,
        exit: Exit,
        sentence: impl Into<String>,
        helps: impl Into<Option<String>>,
    ) -> Self {
        Self { code, sentence: sentence.into(), helps: helps.into(), exit }
    }
}

/// How the agent is. What a restart cannot mend goes before what it can.
#[must_use]
pub fn judge(facts: &Facts) -> Condition {
    let Facts { unit, properties, .. } = facts;
    let is_up = properties.active_state == "active";
    if facts.reboots || (!is_up && ended::asked_for_reboot(properties)) {
        return Condition::new(
            "awaits-reboot",
            Exit::AwaitsReboot,
            "it waits for a reboot of this host",
            format!("the reboot; when it does not come: systemctl start {unit}"),
        );
    }
    if !is_up && facts.is_unregistered {
        return Condition::new(
            "not-registered",
            Exit::NotRegistered,
            "it finds no identity: this host is not registered, and no instance metadata service has answered it",
            "register it (amazon-ssm-agent -register -code CODE -id ID -region REGION), or on EC2 let it reach \
             169.254.169.254"
                .to_owned(),
        );
    }
    match properties.active_state.as_str() {
        "active" => up(facts),
        "inactive" | "failed" => ended::judge(facts),
        state => under_way(state, properties),
    }
}

/// It is being started or stopped.
fn under_way(state: &str, properties: &Properties) -> Condition {
    let restarts = properties.restarts;
    if properties.sub_state.starts_with("auto-restart") {
        let delay = properties.restart_sec.map_or_else(|| "some time".to_owned(), |span| span.to_string());
        let sentence =
            format!("it has ended, and systemd starts it again after {delay} ({restarts} restarts so far)");
        return Condition::new("restarting", Exit::Restarting, sentence, None);
    }
    let sentence = format!("systemd is just at work on it ({}): look again", diagnostics::one_line(state));
    Condition::new("restarting", Exit::Restarting, sentence, None)
}

/// It runs.
fn up(facts: &Facts) -> Condition {
    let Facts { unit, properties, .. } = facts;
    if let Some(why) = asleep(facts) {
        let helps = format!(
            "systemctl restart {unit}; if it sleeps again: its network, clock and role, and ssm-cli get-diagnostics"
        );
        return Condition::new("asleep", Exit::Asleep, format!("it runs and does not work: {why}"), helps);
    }
    if let Some(bar) = bar(properties) {
        let overruled =
            facts.winner.as_ref().map(|winner| format!("; what decides is {winner}")).unwrap_or_default();
        let helps = match facts.winner {
            Some(_) => "remove that setting, or let its file sort before restart.conf".to_owned(),
            None => "ssm-keepalive install".to_owned(),
        };
        let sentence = format!("it runs, and would stay dead if it ended: {bar}{overruled}");
        return Condition::new("would-stay-dead", Exit::WouldStayDead, sentence, helps);
    }
    let disabled = properties.unit_file_state == "disabled";
    let helps = disabled.then(|| format!("it is not started at boot: systemctl enable {unit}"));
    Condition::new("running", Exit::Done, "it runs, and systemd will bring it back", helps)
}

/// Why it does not work, if it does not.
fn asleep(facts: &Facts) -> Option<String> {
    let minutes = |span: Duration| span.as_secs() / 60;
    let has_none = facts.workers.is_some_and(|workers| !workers.agent);
    if facts.has_worker && has_none && facts.up > WORKER_WITHIN {
        let up = minutes(facts.up);
        return Some(format!("it has been up for {up} minutes, and has not started its ssm-agent-worker"));
    }
    let ago = minutes(facts.slept?);
    Some(format!(
        "since it began, hibernate.log was written ({ago} minutes ago), as it is by a worker that sleeps"
    ))
}

#[cfg(test)]
mod tests;
