//! Whether what the files say without ours is what systemd does again.

use std::collections::HashMap;

use crate::precedence::{Key, Source, deciding, sources};
use crate::properties::{Properties, limit_interval};
use crate::span::Span;
use crate::systemctl;
use crate::unit::Unit;
use diagnostics::Failure;

/// RestartSec= where nobody says one (systemd-system.conf(5)).
const RESTART_SEC: Span = Span::from_micros(100_000);
/// StartLimitIntervalSec= where nobody says one (systemd-system.conf(5)).
const LIMIT_INTERVAL: Span = Span::from_micros(10_000_000);

/// The manager's values, each by all of its names.
const DEFAULTS: &str = "DefaultRestartUSec,DefaultStartLimitIntervalUSec,DefaultStartLimitIntervalSec,\
                        DefaultStartLimitInterval";

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Its other files hold.
    Others,
    /// The unit is gone, so that nothing is left to hold.
    NoUnit,
}

impl Proof {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Others => "what the unit's other files say holds again",
            Self::NoUnit => "systemd has no such unit",
        }
    }
}

/// What holds where no file says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Defaults {
    restart_sec: Span,
    limit_interval: Span,
}

/// Asks systemd, and compares.
///
/// # Errors
/// `not-proven` when it does something else.
pub(super) fn prove(unit: &Unit) -> Result<Proof, Failure> {
    let properties = systemctl::show(unit)?;
    if !properties.is_loaded() {
        return Ok(Proof::NoUnit);
    }
    let manager = systemctl::ask(&["show", "--property", DEFAULTS])?;
    match first_other(&properties, &sources::read(&properties)?, defaults(&manager)) {
        None => Ok(Proof::Others),
        Some(other) => {
            let error =
                format!("the file is gone, but {unit} {other}: look at it with 'systemctl cat {unit}'");
            Err(Failure::new("not-proven", error))
        }
    }
}

fn defaults(manager: &str) -> Defaults {
    let values: HashMap<&str, &str> = manager.lines().filter_map(|line| line.split_once('=')).collect();
    let span = |key: &str, or: Span| values.get(key).and_then(|text| text.parse().ok()).unwrap_or(or);
    Defaults {
        restart_sec: span("DefaultRestartUSec", RESTART_SEC),
        limit_interval: limit_interval(&values, "Default").unwrap_or(LIMIT_INTERVAL),
    }
}

/// The first setting that is not as the files have it.
fn first_other(properties: &Properties, files: &[Source], defaults: Defaults) -> Option<String> {
    let other = |name: &str, has: &str, should: &str| {
        (has != should).then(|| {
            let [has, should] = [has, should].map(diagnostics::one_line);
            format!("has {name}={has} where its files say {should}")
        })
    };
    let span = |key: Key, default: Span| {
        let said = deciding(files, key).and_then(|setting| setting.value.parse().ok());
        said.unwrap_or(default).to_string()
    };
    let shown = |span: Option<Span>| span.map_or_else(|| "?".to_owned(), |span| span.to_string());
    let restart = deciding(files, Key::Restart).map_or_else(|| "no".to_owned(), |setting| setting.value);
    let wait = span(Key::RestartSec, defaults.restart_sec);
    let limit = span(Key::LimitInterval, defaults.limit_interval);
    other("Restart", &properties.restart, &restart)
        .or_else(|| other("RestartSec", &shown(properties.restart_sec), &wait))
        .or_else(|| other("StartLimitIntervalSec", &shown(properties.limit_interval), &limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_has_to_do_what_the_other_files_say() {
        let vendor = "[Service]\nRestart=always\nRestartSec=90\n";
        let manager = "DefaultRestartUSec=200ms\nDefaultStartLimitIntervalUSec=20s\n";
        for (text, manager, shown, expected) in [
            (vendor, "", ("always", "1min 30s", "10s"), None),
            (vendor, manager, ("always", "1min 30s", "20s"), None),
            ("", manager, ("no", "200ms", "20s"), None),
            ("", "DefaultStartLimitIntervalSec=5000000\n", ("no", "100ms", "5s"), None),
            ("", "", ("no", "100ms", "10s"), None),
            (vendor, "", ("always", "10s", "10s"), Some("RestartSec=10s where its files say 1min 30s")),
            (
                vendor,
                "",
                ("always", "1min 30s", "0"),
                Some("StartLimitIntervalSec=0 where its files say 10s"),
            ),
            ("", "", ("always", "100ms", "10s"), Some("Restart=always where its files say no")),
        ] {
            let (restart, wait, limit) = shown;
            let shown = format!("Restart={restart}\nRestartUSec={wait}\nStartLimitIntervalUSec={limit}\n");
            let files = [Source { path: "/u".into(), text: text.into() }];
            let other = first_other(&Properties::parse(&shown), &files, defaults(manager));
            assert_eq!(other, expected.map(|expected| format!("has {expected}")), "{shown}");
        }
    }
}
