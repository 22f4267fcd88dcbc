//! A unit's state, from `systemctl show`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::unit_name::{BadUnitName, UnitName};

/// What is asked for, by the names of org.freedesktop.systemd1(5).
pub(super) const PROPERTIES: [&str; 11] = [
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "MainPID",
    "NRestarts",
    "Type",
];

/// Longest answer in bytes that is read; a real one has a few hundred.
pub const MAX_ANSWER: usize = 64 * 1024;

/// How a unit is. Every text is a word of org.freedesktop.systemd1(5); a property that the unit's
/// type does not have is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitState {
    /// Its own name, whatever alias was asked for.
    pub id: String,
    /// Its names, aliases included.
    pub names: Vec<String>,
    /// `loaded`, `not-found`, `masked`, `bad-setting`, `error`.
    pub load_state: String,
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`.
    pub active_state: String,
    /// The state of its type, such as `running`, `exited`, `auto-restart`.
    pub sub_state: String,
    /// `enabled`, `disabled`, `static`, `masked` …; none without a unit file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_file_state: Option<String>,
    /// How it ended last: `success`, `exit-code`, `signal`, `timeout` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The main process's exit status, or the number of the signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec_main_status: Option<i32>,
    /// The main process; none when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_pid: Option<u32>,
    /// How often `Restart=` has started it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_restarts: Option<u32>,
    /// A service's `Type=`, such as `simple` or `oneshot`; a mount's file system.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// Why an answer is no unit's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAnswer {
    /// Longer than [`MAX_ANSWER`].
    Long,
    /// A property twice: the answer is about more than one unit.
    Twice(&'static str),
    /// A property that every unit has is missing.
    Missing(&'static str),
    /// A property that is no number.
    Number(&'static str),
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(f, "systemctl show answered more than {MAX_ANSWER} bytes"),
            Self::Twice(property) => {
                write!(f, "systemctl show answered {property} twice, for more than one unit")
            }
            Self::Missing(property) => write!(f, "systemctl show answered without {property}"),
            Self::Number(property) => write!(f, "systemctl show answered {property} with what is no number"),
        }
    }
}

impl std::error::Error for BadAnswer {}

impl UnitState {
    /// Reads the output of `systemctl show` for one unit; lines of other properties are passed over.
    ///
    /// # Errors
    /// See [`BadAnswer`].
    pub fn parse(answer: &str) -> Result<Self, BadAnswer> {
        let values = Values::read(answer)?;
        Ok(Self {
            id: values.needed("Id")?,
            names: values.text("Names").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            load_state: values.needed("LoadState")?,
            active_state: values.needed("ActiveState")?,
            sub_state: values.needed("SubState")?,
            unit_file_state: values.text("UnitFileState").map(str::to_owned),
            result: values.text("Result").map(str::to_owned),
            exec_main_status: values.number("ExecMainStatus")?,
            main_pid: values.number("MainPID")?.filter(|pid| *pid != 0),
            n_restarts: values.number("NRestarts")?,
            kind: values.text("Type").map(str::to_owned),
        })
    }

    /// Whether it runs, as `systemctl is-active` says: a reload does not end it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        matches!(self.active_state.as_str(), "active" | "reloading" | "refreshing")
    }

    /// Whether there is no such unit.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.load_state == "not-found"
    }

    /// Whether it is masked: nothing can start it.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.load_state == "masked"
    }

    /// The unit's own name, which policy must allow beside the name that was asked for.
    ///
    /// # Errors
    /// When callers may not name it, such as the target behind an alias.
    pub fn canonical(&self) -> Result<UnitName, BadUnitName> {
        UnitName::parse(&self.id)
    }

    /// Its names, aliases included, as far as a policy can list them.
    pub fn known_names(&self) -> impl Iterator<Item = UnitName> {
        self.names.iter().filter_map(|name| UnitName::parse(name).ok())
    }
}

/// The properties that were asked for; one that is empty counts as absent.
struct Values<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Values<'a> {
    fn read(answer: &'a str) -> Result<Self, BadAnswer> {
        if answer.len() > MAX_ANSWER {
            return Err(BadAnswer::Long);
        }
        let mut values = BTreeMap::new();
        for (key, value) in answer.lines().filter_map(|line| line.split_once('=')) {
            let Some(property) = PROPERTIES.into_iter().find(|known| *known == key) else { continue };
            if values.insert(property, value).is_some() {
                return Err(BadAnswer::Twice(property));
            }
        }
        Ok(Self(values))
    }

    fn text(&self, property: &'static str) -> Option<&'a str> {
        self.0.get(property).copied().filter(|value| !value.is_empty())
    }

    fn needed(&self, property: &'static str) -> Result<String, BadAnswer> {
        self.text(property).map(str::to_owned).ok_or(BadAnswer::Missing(property))
    }

    fn number<N: std::str::FromStr>(&self, property: &'static str) -> Result<Option<N>, BadAnswer> {
        self.text(property).map(str::parse).transpose().map_err(|_| BadAnswer::Number(property))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As systemd 252 answered, in its order.
    const GOOD: &str = "Type=simple\nMainPID=160\nResult=success\nNRestarts=0\nExecMainPID=160\n\
        ExecMainStatus=0\nId=good.service\nNames=good.service alias.service\nLoadState=loaded\n\
        ActiveState=active\nSubState=running\nUnitFileState=indirect\n";
    const MISSING: &str = "Type=\nMainPID=0\nResult=success\nNRestarts=0\nExecMainStatus=0\nId=nosuch.service\n\
        Names=nosuch.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n";
    const TIMER: &str = "Result=success\nId=good.timer\nNames=good.timer\nLoadState=loaded\nActiveState=active\n\
        SubState=waiting\nUnitFileState=static\n";

    fn state(answer: &str) -> UnitState {
        UnitState::parse(answer).expect(answer)
    }

    #[test]
    fn a_service_that_runs() {
        let good = state(GOOD);
        assert!(good.is_active() && !good.is_masked() && !good.is_not_found());
        assert_eq!(good.names, ["good.service", "alias.service"]);
        assert_eq!(good.canonical().expect("a name").short(), "good");
        let odd = state(&GOOD.replace("alias.service", "alias.service odd.target"));
        assert_eq!(
            odd.known_names().map(|name| name.short().to_owned()).collect::<Vec<_>>(),
            ["good", "alias"]
        );
        let json = serde_json::to_value(&good).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "id": "good.service", "names": ["good.service", "alias.service"], "load_state": "loaded",
                "active_state": "active", "sub_state": "running", "unit_file_state": "indirect",
                "result": "success", "exec_main_status": 0, "main_pid": 160, "n_restarts": 0, "type": "simple",
            })
        );
    }

    #[test]
    fn what_is_not_there_is_absent() {
        let missing = state(MISSING);
        assert!(missing.is_not_found() && !missing.is_active());
        assert_eq!((missing.kind, missing.unit_file_state, missing.main_pid), (None, None, None));
        let timer = state(TIMER);
        assert_eq!((timer.n_restarts, timer.exec_main_status), (None, None));
        assert!(timer.is_active());
        assert!(state(&MISSING.replace("not-found", "masked")).is_masked());
    }

    #[test]
    fn a_unit_that_none_may_name_has_no_name() {
        let target = state(&GOOD.replace("Id=good.service", "Id=reboot.target"));
        assert_eq!(target.canonical(), Err(BadUnitName::Type));
    }

    #[test]
    fn what_is_no_state() {
        for (answer, why) in [
            (String::new(), BadAnswer::Missing("Id")),
            (GOOD.replace("Id=good.service\n", ""), BadAnswer::Missing("Id")),
            (GOOD.replace("loaded", ""), BadAnswer::Missing("LoadState")),
            (GOOD.replace("MainPID=160", "MainPID=-1"), BadAnswer::Number("MainPID")),
            (format!("{GOOD}\n{TIMER}"), BadAnswer::Twice("Result")),
            ("x\n".repeat(MAX_ANSWER), BadAnswer::Long),
        ] {
            assert_eq!(UnitState::parse(&answer), Err(why));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(answer in any::<String>()) {
            let _ = UnitState::parse(&answer);
        }

        #[test]
        fn other_lines_change_nothing(line in "[a-z =]{0,40}") {
            prop_assert_eq!(state(&format!("{line}\n{GOOD}{line}\n")), state(GOOD));
        }
    }
}
