//! Which file decides a setting: the unit's own and its drop-ins, read as systemd reads them (systemd.unit(5)).
//!
//! It tells who overrules us, and what has to hold when our file is gone, without asking systemd.

pub mod sources;
mod syntax;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::span::Span;

/// What Restart= may be (systemd.service(5)); systemd passes over anything else.
const RESTARTS: [&str; 7] =
    ["no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"];

/// A file that counts, with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// A setting of which one value counts: the last that systemd can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `Restart=`.
    Restart,
    /// `RestartSec=`.
    RestartSec,
    /// `RestartSteps=`, since systemd 254.
    RestartSteps,
    /// `StartLimitIntervalSec=`, and its older name.
    LimitInterval,
}

impl Key {
    /// The sections and names that it goes by; `StartLimitInterval=` was of \[Service\] before systemd 230.
    fn names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Restart => &[("Service", "Restart")],
            Self::RestartSec => &[("Service", "RestartSec")],
            Self::RestartSteps => &[("Service", "RestartSteps")],
            Self::LimitInterval => &[
                ("Unit", "StartLimitIntervalSec"),
                ("Unit", "StartLimitInterval"),
                ("Service", "StartLimitInterval"),
            ],
        }
    }

    /// Whether systemd takes this value; it passes over an empty one, too, for none of these is a list.
    fn takes(self, value: &str) -> bool {
        match self {
            Self::Restart => RESTARTS.contains(&value),
            Self::RestartSec | Self::LimitInterval => value.parse::<Span>().is_ok(),
            Self::RestartSteps => value.parse::<u32>().is_ok(),
        }
    }
}

/// The assignment that decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its value.
    pub value: String,
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = diagnostics::one_line(&self.path.display().to_string());
        write!(f, "{place}, line {}, with {}", self.line, diagnostics::one_line(&self.value))
    }
}

/// The assignment that decides, of files in the order in which systemd reads them; `None` when there is none.
#[must_use]
pub fn deciding(files: &[Source], key: Key) -> Option<Setting> {
    files.iter().rev().find_map(|file| {
        let found = syntax::assignments(&file.text).into_iter().rfind(|found| {
            let is_named = key.names().contains(&(found.section.as_str(), found.key.as_str()));
            is_named && key.takes(&found.value)
        })?;
        Some(Setting { value: found.value, path: file.path.clone(), line: found.line })
    })
}

/// The files but one.
#[must_use]
pub fn without(files: &[Source], path: &Path) -> Vec<Source> {
    files.iter().filter(|file| file.path != path).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn the_last_value_that_systemd_can_read_decides() {
        let unit = file("u", "[Unit]\nRestart=no\n[Service]\nRestart=on-failure\nRestartSec=15min\n");
        for (drop_in, expected) in [
            ("[Service]\nRestart=always\n", Some(("always", "d", 2))),
            ("[Service]\nRestart=always\nRestart=no\n", Some(("no", "d", 3))),
            // Not that one: unknown, empty, of another section, of none, of another letter case, a comment.
            ("[Service]\nRestart=sometimes\n", Some(("on-failure", "u", 4))),
            ("[Service]\nRestart=\n", Some(("on-failure", "u", 4))),
            ("[Unit]\nRestart=always\n", Some(("on-failure", "u", 4))),
            ("Restart=always\n[Service]\n", Some(("on-failure", "u", 4))),
            ("[Service]\nrestart=always\n#Restart=no\n", Some(("on-failure", "u", 4))),
            ("", Some(("on-failure", "u", 4))),
        ] {
            let found = deciding(&[unit.clone(), file("d", drop_in)], Key::Restart);
            let found = found.as_ref().map(|s| (s.value.as_str(), s.path.to_str().expect("UTF-8"), s.line));
            assert_eq!(found, expected, "{drop_in}");
        }
        assert_eq!(deciding(&[], Key::Restart), None);
    }

    #[test]
    fn the_start_limit_counts_under_each_of_its_names() {
        for (text, expected) in [
            ("[Unit]\nStartLimitIntervalSec=0\n", Some("0")),
            ("[Unit]\nStartLimitInterval=5\n", Some("5")),
            ("[Service]\nStartLimitInterval=1min\n", Some("1min")),
            ("[Service]\nStartLimitIntervalSec=0\n", None),
            ("[Unit]\nStartLimitIntervalSec=soon\n", None),
        ] {
            let found = deciding(&[file("d", text)], Key::LimitInterval);
            assert_eq!(found.as_ref().map(|setting| setting.value.as_str()), expected, "{text}");
        }
        let steps = deciding(&[file("d", "[Service]\nRestartSteps=5\n")], Key::RestartSteps);
        assert_eq!(steps.map(|setting| setting.value), Some("5".to_owned()));
    }

    #[test]
    fn a_file_can_be_thought_away() {
        let files = [file("a", ""), file("b", "")];
        assert_eq!(without(&files, Path::new("a")), [file("b", "")]);
    }
}
