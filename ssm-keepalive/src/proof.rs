//! Whether systemd does with the agent what our file says, and who says otherwise.

use std::path::Path;
use std::slice;

use crate::precedence::{Key, Source, deciding, sources};
use crate::properties::Properties;
use crate::span::Span;
use crate::systemctl;
use crate::unit::Unit;
use diagnostics::Failure;

/// A setting that is another one than ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Other {
    key: Key,
    /// What holds, as `Name=value`.
    holds: String,
}

/// Asks systemd whether our settings hold.
///
/// # Errors
/// `not-effective` with the file that overrules ours.
pub fn prove(unit: &Unit, restart_sec: Span, ours: &Path) -> Result<Properties, Failure> {
    let properties = systemctl::show(unit)?;
    match first_other(&properties, restart_sec) {
        None => Ok(properties),
        Some(other) => {
            let why = blame(&sources::read(&properties)?, other.key, ours);
            let error = format!("{unit} has {} all the same: {why}", diagnostics::one_line(&other.holds));
            Err(Failure::new("not-effective", error))
        }
    }
}

fn first_other(properties: &Properties, restart_sec: Span) -> Option<Other> {
    let span = |span: Option<Span>| span.map_or_else(|| "?".to_owned(), |span| span.to_string());
    let (restart, wait, limit) = (&properties.restart, properties.restart_sec, properties.limit_interval);
    if restart != "always" {
        return Some(Other { key: Key::Restart, holds: format!("Restart={restart}") });
    }
    if wait != Some(restart_sec) {
        return Some(Other { key: Key::RestartSec, holds: format!("RestartSec={}", span(wait)) });
    }
    if properties.grows() {
        let steps = properties.restart_steps;
        return Some(Other { key: Key::RestartSteps, holds: format!("RestartSteps={steps}") });
    }
    let is_unlimited = limit == Some(Span::from_micros(0));
    let holds = || format!("StartLimitIntervalSec={}", span(limit));
    (!is_unlimited).then(|| Other { key: Key::LimitInterval, holds: holds() })
}

/// Who decides it instead of our file.
fn blame(files: &[Source], key: Key, ours: &Path) -> String {
    if !files.iter().any(|file| file.path == ours) {
        return format!("systemd does not read {}; 'systemctl cat' shows what it reads", ours.display());
    }
    match deciding(files, key) {
        Some(setting) if setting.path != ours && !sets(files, key, ours) => {
            format!("{setting} sets it, and ours does not: ssm-keepalive install takes it back")
        }
        Some(setting) if setting.path != ours => {
            let place = diagnostics::one_line(&setting.path.display().to_string());
            format!("{place}, line {}, goes before ours; change or remove it", setting.line)
        }
        _ => "no file says so; 'journalctl -b _PID=1' may tell what systemd does not understand".to_owned(),
    }
}

/// Whether our file says anything of it.
fn sets(files: &[Source], key: Key, ours: &Path) -> bool {
    files.iter().any(|file| file.path == ours && deciding(slice::from_ref(file), key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Span = Span::from_micros(10_000_000);

    #[test]
    fn all_settings_have_to_hold() {
        let grown = "always\nRestartSteps=3\nRestartMaxDelayUSec=5min";
        let reset = "always\nRestartSteps=0\nRestartMaxDelayUSec=infinity";
        for (restart, wait, limit, expected) in [
            ("always", "10s", "0", None),
            ("no", "10s", "0", Some("Restart=no")),
            ("always", "1min 30s", "0", Some("RestartSec=1min 30s")),
            ("always", "", "0", Some("RestartSec=?")),
            (reset, "10s", "0", None),
            (grown, "10s", "0", Some("RestartSteps=3")),
            ("always", "10s", "10s", Some("StartLimitIntervalSec=10s")),
        ] {
            let shown = format!("Restart={restart}\nRestartUSec={wait}\nStartLimitIntervalUSec={limit}\n");
            let other = first_other(&Properties::parse(&shown), TEN);
            assert_eq!(other.as_ref().map(|other| other.holds.as_str()), expected);
        }
    }

    #[test]
    fn who_overrules_ours_is_named() {
        let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let ours = file("/d/restart.conf", "[Service]\nRestart=always\n");
        let late = file("/d/zzz.conf", "[Service]\nRestart=no\n");
        let early = file("/d/override.conf", "[Service]\nRestart=no\n");
        for (files, expected) in [
            (vec![ours.clone(), late.clone()], "/d/zzz.conf, line 2, goes before ours"),
            (vec![early.clone(), ours.clone()], "no file says so"),
            (vec![early.clone()], "systemd does not read /d/restart.conf"),
        ] {
            let why = blame(&files, Key::Restart, &ours.path);
            assert!(why.starts_with(expected), "{why}");
        }
    }

    #[test]
    fn what_ours_says_nothing_of_is_taken_back_by_another_install() {
        let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let files = [
            file("/u", "[Service]\nRestartSteps=3\n"),
            file("/d/restart.conf", "[Service]\nRestart=always\n"),
        ];
        let why = blame(&files, Key::RestartSteps, Path::new("/d/restart.conf"));
        assert_eq!(why, "/u, line 2, with 3 sets it, and ours does not: ssm-keepalive install takes it back");
    }
}
