//! What systemd knows of a unit: the output of `systemctl show` (systemctl(1)).

use std::collections::HashMap;
use std::path::PathBuf;

use crate::span::Span;

/// The properties that are asked for.
pub const ASKED: &str = "LoadState,UnitFileState,FragmentPath,DropInPaths,ActiveState,SubState,Result,Restart,\
    RestartUSec,RestartSteps,RestartMaxDelayUSec,NRestarts,RestartPreventExitStatus,StartLimitIntervalUSec,\
    StartLimitIntervalSec,StartLimitInterval,StartLimitBurst,\
    MainPID,ExecMainStatus,ExecMainCode,ExecMainStartTimestampMonotonic,ControlGroup";

/// The exit status with which the agent asks for a reboot (upstream's RebootExitCode).
const REBOOT: i32 = 194;
/// CLD_EXITED of waitid(2): it ended by itself.
const EXITED: i32 = 1;

/// Properties of a unit, each as systemd prints it unless it is of another type here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    /// `loaded`, `not-found`, `masked`, `bad-setting` or `error`.
    pub load_state: String,
    /// `enabled`, `disabled`, `static`, …; empty for an absent unit.
    pub unit_file_state: String,
    /// The unit's own file; `None` where there is none.
    pub fragment: Option<PathBuf>,
    /// Its drop-ins, in the order in which they count: later ones go before.
    pub drop_ins: Vec<PathBuf>,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`.
    pub active_state: String,
    /// Of a service: `running`, `dead`, `auto-restart`, `failed`, …
    pub sub_state: String,
    /// Why it ended last: `success`, `exit-code`, `signal`, `start-limit-hit`, …
    pub result: String,
    /// `Restart=` (systemd.service(5)).
    pub restart: String,
    /// `RestartSec=`.
    pub restart_sec: Option<Span>,
    /// In how many restarts it grows to `max_delay` (systemd.service(5), since 254).
    pub restart_steps: u32,
    /// `RestartMaxDelaySec=`; without one nothing grows.
    pub max_delay: Option<Span>,
    /// How often systemd has started it again by itself.
    pub restarts: u64,
    /// `RestartPreventExitStatus=`.
    pub prevent: String,
    /// `StartLimitIntervalSec=` (systemd.unit(5)).
    pub limit_interval: Option<Span>,
    /// `StartLimitBurst=`.
    pub limit_burst: String,
    /// The main process; `None` while there is none.
    pub main_pid: Option<i32>,
    /// The exit status, or the signal, of the main process that ended last.
    pub main_status: i32,
    /// CLD_EXITED, CLD_KILLED or CLD_DUMPED (waitid(2)) of it; 0 while it runs.
    pub main_code: i32,
    /// When the main process began, in microseconds of CLOCK_MONOTONIC; 0 for never.
    pub main_began: u64,
    /// The control group below its hierarchy's root; empty while it has none.
    pub control_group: String,
}

impl Properties {
    /// Reads the output; what is missing, as with an older systemd, is empty.
    #[must_use]
    pub fn parse(output: &str) -> Self {
        let values: HashMap<&str, &str> = output.lines().filter_map(|line| line.split_once('=')).collect();
        let text = |key: &str| values.get(key).copied().unwrap_or_default();
        let owned = |key: &str| text(key).to_owned();
        let span = |key: &str| text(key).parse().ok();
        let number = |key: &str| text(key).parse().unwrap_or(0);
        Self {
            load_state: owned("LoadState"),
            unit_file_state: owned("UnitFileState"),
            fragment: Some(text("FragmentPath")).filter(|path| !path.is_empty()).map(PathBuf::from),
            drop_ins: text("DropInPaths")
                .split(' ')
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .collect(),
            active_state: owned("ActiveState"),
            sub_state: owned("SubState"),
            result: owned("Result"),
            restart: owned("Restart"),
            restart_sec: span("RestartUSec"),
            restart_steps: text("RestartSteps").parse().unwrap_or(0),
            max_delay: span("RestartMaxDelayUSec").filter(|delay| *delay != Span::INFINITE),
            restarts: text("NRestarts").parse().unwrap_or(0),
            prevent: owned("RestartPreventExitStatus"),
            limit_interval: limit_interval(&values, ""),
            limit_burst: owned("StartLimitBurst"),
            main_pid: Some(number("MainPID")).filter(|pid| *pid > 0),
            main_status: number("ExecMainStatus"),
            main_code: number("ExecMainCode"),
            main_began: text("ExecMainStartTimestampMonotonic").parse().unwrap_or(0),
            control_group: owned("ControlGroup"),
        }
    }

    /// Whether systemd has a unit of this name.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.load_state == "loaded"
    }

    /// Whether `restart_sec` grows with each restart, so that the agent is awaited for longer than we say.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.restart_steps > 0 && self.max_delay.is_some()
    }

    /// The exit status of the main process that ended last; `None` when a signal ended it, or while it runs.
    #[must_use]
    pub fn exit_status(&self) -> Option<i32> {
        (self.main_code == EXITED).then_some(self.main_status)
    }

    /// Whether the main process ended last to have this host rebooted.
    #[must_use]
    pub fn asked_for_reboot(&self) -> bool {
        self.exit_status() == Some(REBOOT)
    }

    /// Whether RestartPreventExitStatus= names this exit status.
    #[must_use]
    pub fn prevents(&self, status: i32) -> bool {
        self.prevent.split_whitespace().any(|word| word.parse() == Ok(status))
    }

    /// Whether an agent that waits for a reboot is not started before.
    #[must_use]
    pub fn awaits_reboot(&self) -> bool {
        self.prevents(REBOOT)
    }
}

/// The span of the start limit, under the name that this systemd has for it, with this before it. The older two
/// names, of systemd 230 to 235 and of those before, have plain microseconds.
#[must_use]
pub fn limit_interval(values: &HashMap<&str, &str>, prefix: &str) -> Option<Span> {
    let value = |name: &str| values.get(format!("{prefix}StartLimitInterval{name}").as_str());
    let micros = || value("Sec").or_else(|| value(""))?.parse().ok().map(Span::from_micros);
    value("USec").map_or_else(micros, |text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_systemd_has_its_own_name_for_the_start_limit() {
        // Of systemd 219 (CentOS 7), 232 (Debian 9) and 252; the last is of our drop-in on 219.
        for (shown, expected) in [
            (
                "RestartUSec=100ms\nStartLimitInterval=10000000\nStartLimitBurst=5\nStartLimitAction=none\n",
                10_000_000,
            ),
            ("RestartUSec=42s\nStartLimitIntervalSec=10000000\nStartLimitBurst=5\n", 10_000_000),
            ("RestartUSec=1min 30s\nStartLimitIntervalUSec=10s\nStartLimitBurst=5\n", 10_000_000),
            ("StartLimitInterval=18446744073709551615\n", u64::MAX),
            ("RestartUSec=10s\nStartLimitInterval=0\nStartLimitBurst=5\n", 0),
        ] {
            let found = Properties::parse(shown).limit_interval;
            assert_eq!(found, Some(Span::from_micros(expected)), "{shown}");
        }
        assert_eq!(Properties::parse("StartLimitInterval=10s\n").limit_interval, None);
    }

    #[test]
    fn a_wait_grows_only_in_steps_and_up_to_something() {
        for (shown, grows) in [
            ("RestartUSec=1s\nRestartSteps=0\nRestartMaxDelayUSec=infinity\n", false),
            ("RestartUSec=1s\nRestartSteps=5\nRestartMaxDelayUSec=infinity\n", false),
            ("RestartUSec=1s\nRestartSteps=5\nRestartMaxDelayUSec=1min\n", true),
            ("RestartUSec=1s\n", false),
        ] {
            assert_eq!(Properties::parse(shown).grows(), grows, "{shown}");
        }
    }

    #[test]
    fn properties_are_found_by_name_whatever_their_order() {
        let found = Properties::parse(
            "Restart=always\nRestartUSec=1min 30s\nMainPID=0\nStartLimitIntervalUSec=10s\nLoadState=loaded\n\
             DropInPaths=/etc/systemd/system/a.service.d/x.conf /run/systemd/system/a.service.d/y.conf\n\
             NRestarts=5\nRestartPreventExitStatus=194\nnoise\n",
        );
        assert!(found.is_loaded());
        assert_eq!(
            (found.restart.as_str(), found.restart_sec),
            ("always", Some(Span::from_micros(90_000_000)))
        );
        assert_eq!((found.main_pid, found.restarts, found.prevent.as_str()), (None, 5, "194"));
        assert_eq!(found.drop_ins.len(), 2);
        assert_eq!(found.fragment, None);
        assert!(!Properties::parse("LoadState=not-found\n").is_loaded());
    }
}
