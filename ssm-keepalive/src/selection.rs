//! Which unit is the agent's here.

use crate::drop_in::Present;
use crate::exit::Exit;
use crate::properties::Properties;
use crate::report;
use crate::systemctl;
use crate::transaction;
use crate::unit::Unit;
use diagnostics::Failure;

/// The agent's unit, loaded by systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Its name.
    pub unit: Unit,
    /// What systemd knows of it.
    pub properties: Properties,
}

/// A unit that may be the agent's.
#[derive(Debug)]
struct Candidate {
    unit: Unit,
    properties: Properties,
    /// Whether the drop-in of this program is in its folder.
    is_ours: bool,
}

/// Finds the agent's unit: the one that is asked for, or that of the two known which is there.
///
/// # Errors
/// `no-systemd`; `systemctl` when it does not answer; `no-agent`, `orphaned`, `masked`, `unit-broken` when there is
/// none to act on; `two-units` when there are two and it is open which is meant.
pub fn select(asked: Option<&Unit>) -> Result<Selected, Failure> {
    report::require_systemd()?;
    let units = asked.map_or_else(|| Unit::known().to_vec(), |unit| vec![unit.clone()]);
    let candidates: Result<Vec<Candidate>, Failure> = units.into_iter().map(look).collect();
    decide(candidates?)
}

/// How a call ends that failed so.
#[must_use]
pub fn exit_of(failure: &Failure) -> Exit {
    match failure.code {
        "no-systemd" => Exit::NoSystemd,
        "no-agent" => Exit::NoAgent,
        "orphaned" => Exit::Orphaned,
        "masked" => Exit::Masked,
        _ => Exit::Failed,
    }
}

fn look(unit: Unit) -> Result<Candidate, Failure> {
    let properties = systemctl::show(&unit)?;
    // Only an absent unit's drop-in tells anything here.
    let is_ours =
        properties.load_state == "not-found" && matches!(transaction::look(&unit), Ok(Present::Ours(_)));
    Ok(Candidate { unit, properties, is_ours })
}

/// The one that is meant.
fn decide(candidates: Vec<Candidate>) -> Result<Selected, Failure> {
    let (mut loaded, others): (Vec<Candidate>, Vec<Candidate>) =
        candidates.into_iter().partition(|one| one.properties.is_loaded());
    if loaded.len() > 1 && loaded.iter().filter(|one| runs(&one.properties)).count() == 1 {
        loaded.retain(|one| runs(&one.properties));
    }
    match loaded.pop() {
        Some(Candidate { unit, properties, .. }) if loaded.is_empty() => Ok(Selected { unit, properties }),
        Some(last) => Err(two_units(&loaded, &last)),
        None => Err(none(&others)),
    }
}

fn runs(properties: &Properties) -> bool {
    ["active", "activating", "reloading"].contains(&properties.active_state.as_str())
}

fn two_units(others: &[Candidate], last: &Candidate) -> Failure {
    let names: Vec<&str> = others.iter().chain([last]).map(|one| one.unit.as_str()).collect();
    let names = names.join(" and ");
    Failure::new(
        "two-units",
        format!("there are two agents here, {names}, and not just one of them runs: give --unit"),
    )
}

/// Why there is none to act on: what tells most comes first.
fn none(candidates: &[Candidate]) -> Failure {
    let with = |state: &str| candidates.iter().find(|one| one.properties.load_state == state);
    let broken = ["bad-setting", "error"].into_iter().find_map(with);
    if let Some(Candidate { unit, .. }) = with("masked") {
        let how = format!(
            "{unit} is masked, so systemd will not start it: systemctl unmask {unit} takes that away"
        );
        return Failure::new("masked", how);
    }
    if let Some(Candidate { unit, properties, .. }) = broken {
        let state = diagnostics::one_line(&properties.load_state);
        let how =
            format!("systemd cannot load {unit} ({state}): see systemctl status {unit}, and mend its file");
        return Failure::new("unit-broken", how);
    }
    if let Some(Candidate { unit, .. }) = candidates.iter().find(|one| one.is_ours) {
        let how = format!(
            "the agent of {unit} is gone, and the drop-in of this program is still there: ssm-keepalive remove takes \
             it away"
        );
        return Failure::new("orphaned", how);
    }
    let names: Vec<&str> = candidates.iter().map(|one| one.unit.as_str()).collect();
    let names = names.join(" nor ");
    Failure::new(
        "no-agent",
        format!("there is no SSM agent here: systemd knows no {names}; install the agent, or give --unit"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, load_state: &str, active_state: &str, is_ours: bool) -> Candidate {
        let properties = Properties::parse(&format!("LoadState={load_state}\nActiveState={active_state}\n"));
        Candidate { unit: name.parse().expect("a service"), properties, is_ours }
    }

    #[test]
    fn the_unit_that_is_there_is_the_agents() {
        let decided = |snap: (&str, &str, bool), package: (&str, &str, bool)| {
            let known = [(Unit::SNAP, snap), (Unit::PACKAGE, package)];
            let candidates = known.map(|(name, (load, active, ours))| candidate(name, load, active, ours));
            decide(candidates.into())
                .map_or_else(|failure| failure.code.to_owned(), |one| one.unit.to_string())
        };
        let absent = ("not-found", "inactive", false);
        let left = ("not-found", "inactive", true);
        let masked = ("masked", "inactive", false);
        let broken = ("bad-setting", "inactive", false);
        let up = ("loaded", "active", false);
        let returning = ("loaded", "activating", false);
        let down = ("loaded", "inactive", false);
        for (snap, package, expected) in [
            (up, absent, Unit::SNAP),
            (absent, down, Unit::PACKAGE),
            (masked, down, Unit::PACKAGE),
            (left, up, Unit::PACKAGE),
            (up, down, Unit::SNAP),
            (down, returning, Unit::PACKAGE),
            (up, returning, "two-units"),
            (down, down, "two-units"),
            (absent, masked, "masked"),
            (left, masked, "masked"),
            (left, broken, "unit-broken"),
            (left, absent, "orphaned"),
            (absent, left, "orphaned"),
            (absent, absent, "no-agent"),
        ] {
            assert_eq!(decided(snap, package), expected, "{snap:?} {package:?}");
        }
    }

    #[test]
    fn what_there_is_no_agent_for_has_an_exit_status_of_its_own() {
        for (code, exit) in [
            ("no-systemd", Exit::NoSystemd),
            ("no-agent", Exit::NoAgent),
            ("orphaned", Exit::Orphaned),
            ("masked", Exit::Masked),
            ("two-units", Exit::Failed),
        ] {
            assert_eq!(exit_of(&Failure::new(code, "")), exit, "{code}");
        }
    }
}
