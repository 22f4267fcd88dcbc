//! The watch of this host: put in place and proven, looked at, taken away.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::files::{Files, Found};
use super::units::{SERVICE, TIMER, WANTED_BY, Watch};
use crate::systemctl;
use crate::transaction::{UNITS, Units, trust};
use crate::watch::state;
use diagnostics::Failure;

/// What is asked of systemd about the timer and about the service.
const OF_TIMER: &str = "LoadState,UnitFileState,FragmentPath,DropInPaths,ActiveState,Unit";
const OF_SERVICE: &str = "LoadState,FragmentPath,DropInPaths,Result,ExecStart";

/// How the watch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Off,
    /// It looks again and again.
    On(Watch),
    /// A part of it is missing, was changed or was stopped.
    Broken,
}

impl State {
    /// The stable word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On(_) => "on",
            Self::Broken => "broken",
        }
    }
}

/// How it is; it costs no question where there is none.
#[must_use]
pub fn look() -> State {
    let found = match Units::of_host().and_then(|units| Files::new(&units).find()) {
        Ok(found) if !found.is_any() => return State::Off,
        Ok(found) => found,
        Err(_) => return State::Broken,
    };
    let is_on = found.is_enabled && systemctl::values(TIMER, OF_TIMER).is_ok_and(|timer| is_active(&timer));
    match found.watch() {
        Some(watch) if is_on => State::On(watch),
        _ => State::Broken,
    }
}

/// Has this watch be in place and in effect; whether anything had to be changed for it.
///
/// # Errors
/// Why not; what was there before is there again, or `not-reverted`.
pub fn install(watch: &Watch) -> Result<bool, Failure> {
    let units = Units::of_host()?;
    let files = Files::new(&units);
    trust(units.path())?;
    let before = files.find()?;
    let was_active = before.is_any() && is_active(&systemctl::values(TIMER, OF_TIMER)?);
    if before == Found::of(watch) && was_active {
        return prove(watch).map(|()| false);
    }
    let installed = put(files, watch).and_then(|()| prove(watch));
    let Err(failure) = installed else { return Ok(true) };
    Err(match put_back(files, &before, was_active) {
        Ok(()) => failure,
        Err(worse) => Failure::new(
            "not-reverted",
            format!("{failure}; and the watch that was there before could not be put back: {worse}"),
        ),
    })
}

fn put(files: Files, watch: &Watch) -> Result<(), Failure> {
    files.put(&Found::of(watch))?;
    trust(&Path::new(UNITS).join(WANTED_BY))?;
    systemctl::daemon_reload()?;
    // A first look, which is the proof that the service can run; it restarts nothing that was not asleep before.
    systemctl::ask(&["start", "--", SERVICE]).map_err(|failure| {
        let error = format!("the watch cannot run: {failure}; see journalctl -u {SERVICE}");
        Failure::new("watch-not-proven", error)
    })?;
    systemctl::ask(&["restart", "--", TIMER]).map(drop)
}

fn put_back(files: Files, before: &Found, was_active: bool) -> Result<(), Failure> {
    stop()?;
    files.put(before)?;
    systemctl::daemon_reload()?;
    // A service that could not run is no unit of this host's any more, and no failed one.
    let _ = systemctl::ask(&["reset-failed", "--", SERVICE]);
    if was_active { systemctl::ask(&["start", "--", TIMER]).map(drop) } else { Ok(()) }
}

fn stop() -> Result<(), Failure> {
    // The timer first, so that it starts no other look. A unit that is not loaded is stopped.
    for unit in [TIMER, SERVICE] {
        if systemctl::values(unit, "LoadState")?.get("LoadState").is_some_and(|state| state != "not-found") {
            systemctl::ask(&["stop", "--", unit])?;
        }
    }
    Ok(())
}

fn is_active(timer: &HashMap<String, String>) -> bool {
    timer.get("ActiveState").is_some_and(|state| state == "active")
}

/// Asks systemd whether it looks.
fn prove(watch: &Watch) -> Result<(), Failure> {
    let units =
        [(TIMER, systemctl::values(TIMER, OF_TIMER)?), (SERVICE, systemctl::values(SERVICE, OF_SERVICE)?)];
    let argv = format!("argv[]={} ;", watch.words());
    let wanted = [
        vec![
            ("LoadState", "loaded"),
            ("UnitFileState", "enabled"),
            ("ActiveState", "active"),
            ("Unit", SERVICE),
        ],
        vec![("LoadState", "loaded"), ("Result", "success"), ("ExecStart", argv.as_str())],
    ];
    for ((unit, values), wanted) in units.iter().zip(wanted) {
        if let Some(other) = first_other(unit, values, &wanted) {
            let by = values.get("DropInPaths").filter(|paths| !paths.is_empty());
            let by = by.map(|paths| format!("; its drop-ins are {}", diagnostics::one_line(paths)));
            let error = format!("the watch is not in effect: {other}{}", by.unwrap_or_default());
            return Err(Failure::new("watch-not-proven", error));
        }
    }
    Ok(())
}

/// The first property that is not as it should be; ExecStart= is printed with more than what is wanted of it.
fn first_other(unit: &str, values: &HashMap<String, String>, wanted: &[(&str, &str)]) -> Option<String> {
    let path = Path::new(UNITS).join(unit).display().to_string();
    let own = [("FragmentPath", path.as_str())];
    wanted.iter().chain(&own).find_map(|(key, should)| {
        let has = values.get(*key).map_or("", String::as_str);
        let is_so = if *key == "ExecStart" { has.contains(should) } else { has == *should };
        (!is_so).then(|| format!("{unit} has {key}={} and not {should}", diagnostics::one_line(has)))
    })
}

/// What became of the watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Where its service was.
    pub path: PathBuf,
}

/// Stops and removes the watch in this folder of units, if it is meant, and on a host what it remembers; `None` when
/// there is none. What a killed run has left of one is meant, too.
///
/// # Errors
/// Why not.
pub fn remove(
    units: &Units,
    is_meant: impl Fn(&Watch) -> bool,
    is_dry: bool,
    is_host: bool,
) -> Result<Option<Removed>, Failure> {
    let files = Files::new(units);
    let found = files.find()?;
    if found.watch().is_some_and(|watch| !is_meant(&watch)) {
        return Ok(None);
    }
    let removed = found.is_any().then(|| Removed { path: files.path() });
    if is_dry {
        return Ok(removed);
    }
    if is_host {
        trust(units.path())?;
        stop()?;
    }
    files.put(&Found::default())?;
    if is_host {
        state::forget()?;
    }
    Ok(removed)
}

/// Makes sure that systemd, which has read its files again, has no watch any more. What a package has brought is there
/// below the files that are gone, and at rest.
///
/// # Errors
/// `not-proven` when it has.
pub fn prove_removed() -> Result<(), Failure> {
    for unit in [TIMER, SERVICE] {
        let values = systemctl::values(unit, "LoadState,FragmentPath,UnitFileState,ActiveState")?;
        let own = Path::new(UNITS).join(unit).display().to_string();
        let is = |key: &str, value: &str| values.get(key).is_some_and(|has| has == value);
        let may_start = !is("UnitFileState", "disabled") && !is("UnitFileState", "static");
        let is_left = is("LoadState", "loaded") && (may_start || is("FragmentPath", &own));
        if is("ActiveState", "active") || is_left {
            let error = format!(
                "the files of the watch are gone, but systemd still has {unit}: see systemctl cat {unit}"
            );
            return Err(Failure::new("not-proven", error));
        }
        if is("ActiveState", "failed") {
            systemctl::ask(&["reset-failed", "--", unit])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_has_instead_is_named() {
        let values = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let path = format!("{UNITS}/{SERVICE}");
        let exec = "{ path=/usr/sbin/x ; argv[]=/usr/sbin/x watch ; ignore_errors=no }";
        let wanted = [("Result", "success"), ("ExecStart", "argv[]=/usr/sbin/x watch ;")];
        for (fragment, result, exec, expected) in [
            (path.as_str(), "success", exec, None),
            ("/run/x", "success", exec, Some("FragmentPath=/run/x")),
            (&path, "exit-code", exec, Some("Result=exit-code")),
            (&path, "success", "{ argv[]=/bin/true ; }", Some("ExecStart={ argv[]=/bin/true ; }")),
        ] {
            let values = values(&[("FragmentPath", fragment), ("Result", result), ("ExecStart", exec)]);
            let other = first_other(SERVICE, &values, &wanted);
            match expected {
                None => assert_eq!(other, None),
                Some(expected) => assert!(other.is_some_and(|other| other.contains(expected)), "{expected}"),
            }
        }
        assert!(first_other(TIMER, &HashMap::new(), &[]).is_some(), "an absent unit proves nothing");
    }
}
