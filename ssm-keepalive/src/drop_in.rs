//! The drop-in: `<unit>.d/restart.conf` (systemd.unit(5)), written and read back to the byte.
//!
//! One file holds all: the settings, the values that held before, and the bytes of the file in whose place it is.
//! So one rename(2) is the whole change, in either direction.

mod hand_made;

use std::fmt::Write as _;

use crate::properties::Properties;
use crate::span::Span;
use crate::transaction::{Contents, PERMISSIONS, PUBLIC};
use diagnostics::Failure;

/// Its name. It sorts after override.conf, and so counts more; another name than that of `systemctl edit`.
pub const NAME: &str = "restart.conf";
/// The first line of each file of ours.
const MARKER: &str =
    "# Written by ssm-keepalive, see ssm-keepalive(8); 'ssm-keepalive remove' takes it back.";
/// Before a value that held when it was installed.
const BEFORE: &str = "# before: ";
/// Before a line of the file that was there.
const KEPT: &str = "# kept:";
/// Before the mode of that file, in octal, where it is not the one that ours has.
const KEPT_MODE: &str = "# kept-mode: ";
/// Before its last line, where that does not end in a newline.
const UNENDED: &str = "# kept, without a newline:";
/// Before the span in our [Service] section.
const RESTART_SEC: &str = "RestartSec=";
/// No start limit, where systemd 230 and later have it, and the section of what follows.
const LIMIT: &str = "\n[Unit]\nStartLimitIntervalSec=0\n\n[Service]\n";
/// The same for older ones, which pass over that setting (systemd.service(5) of 219).
const OLD_LIMIT: &str = "\n[Service]\nStartLimitInterval=0\n";
/// RestartSec= would grow with each restart; without a growth it is what is awaited (systemd.service(5), since 254).
const NO_GROWTH: &str = "RestartSteps=0\nRestartMaxDelaySec=infinity\n";

/// RestartSec= unless another one is asked for.
pub const DEFAULT: Span = Span::from_micros(10_000_000);
/// What others than root may not do with a file that root goes by (chmod(2)).
const OTHERS_WRITE: u32 = 0o022;

/// Shortest RestartSec=: what systemd takes by itself; with less, and without a limit, a broken agent would spin.
const SHORTEST: Span = Span::from_micros(100_000);
/// Longest one: a host that is away for longer is looked for by hand.
const LONGEST: Span = Span::from_micros(3_600_000_000);

/// The span, if an agent may be awaited for so long.
///
/// # Errors
/// `restart-sec` when it is below 100 ms or above one hour.
pub fn bounded(restart_sec: Span) -> Result<Span, Failure> {
    if (SHORTEST..=LONGEST).contains(&restart_sec) {
        return Ok(restart_sec);
    }
    let error = format!("--restart-sec {restart_sec}: it may be from {SHORTEST} to {LONGEST}");
    Err(Failure::new("restart-sec", error))
}

/// What a file of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropIn {
    /// How long systemd waits before it starts the agent again.
    pub restart_sec: Span,
    /// Whether the start limit is set as before systemd 230.
    pub old_limit: bool,
    /// Whether others let that span grow, so that it is reset here.
    pub no_growth: bool,
    /// What held before; empty where nobody could be asked.
    pub before: Vec<Value>,
    /// The file in whose place it is.
    pub kept: Option<Kept>,
}

/// A file of somebody else's, to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it held.
    pub text: String,
    /// Its permissions.
    pub mode: u32,
}

impl Kept {
    /// The file as it was.
    #[must_use]
    pub fn contents(&self) -> Contents {
        Contents { mode: self.mode, ..Contents::public(self.text.as_str()) }
    }
}

/// A property as `systemctl show` prints it: `KEY=VALUE` in printable ASCII, without what would begin or continue a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value(String);

impl Value {
    fn new(key: &str, value: &str) -> Self {
        let is_plain = |c: char| c == ' ' || c.is_ascii_graphic();
        let line = format!("{key}={value}").replace(|c| !is_plain(c), "?");
        Self(line.trim_end_matches(['\\', ' ']).to_owned())
    }

    /// `KEY=VALUE`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The values that our settings change, or that must outlive them.
#[must_use]
pub fn values(properties: &Properties) -> Vec<Value> {
    let span = |span: Option<Span>| span.map(|span| span.to_string()).unwrap_or_default();
    vec![
        Value::new("Restart", &properties.restart),
        Value::new("RestartUSec", &span(properties.restart_sec)),
        Value::new("StartLimitIntervalUSec", &span(properties.limit_interval)),
        Value::new("StartLimitBurst", &properties.limit_burst),
        Value::new("RestartPreventExitStatus", &properties.prevent),
    ]
}

/// What is there under the name of our file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Present {
    /// Nothing.
    Absent,
    /// What this program has written.
    Ours(DropIn),
    /// What somebody wrote for the same end: nothing but Restart= and RestartSec=.
    HandMade(Kept),
    /// Anything else, which is left alone.
    Foreign {
        /// The line that is not ours to replace, from 1; `None` when it is the file itself.
        line: Option<usize>,
        /// What is with it.
        why: &'static str,
    },
}

impl Present {
    /// What this file is, if there is one. What others than root may write is nothing that root has made, nor is what
    /// has our first line then ours.
    #[must_use]
    pub fn of_file(file: Option<&Contents>) -> Self {
        let Some(file) = file else { return Self::Absent };
        match Self::of(Some(&file.bytes)) {
            Self::HandMade(_) | Self::Ours(_) if file.owner != 0 => {
                Self::Foreign { line: None, why: "it belongs to somebody else than root" }
            }
            Self::HandMade(_) | Self::Ours(_) if file.mode & OTHERS_WRITE != 0 => {
                Self::Foreign { line: None, why: "others than root can write it" }
            }
            Self::HandMade(kept) => Self::HandMade(Kept { mode: file.mode, ..kept }),
            present => present,
        }
    }

    /// What these bytes are, if there are any.
    #[must_use]
    pub fn of(bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::Absent };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Foreign { line: Some(1), why: "it is not all UTF-8" };
        };
        if !text.starts_with(MARKER) {
            return hand_made::judge(text);
        }
        match DropIn::read(text) {
            // Whatever is not as it was written was changed by somebody, who may want it so.
            Some(drop_in) if drop_in.render() == text => Self::Ours(drop_in),
            _ => Self::Foreign { line: Some(1), why: "ssm-keepalive wrote it, and it was changed since" },
        }
    }
}

impl DropIn {
    /// Where nothing else was, and nobody asked.
    #[must_use]
    pub fn plain(restart_sec: Span) -> Self {
        Self { restart_sec, old_limit: false, no_growth: false, before: Vec::new(), kept: None }
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("{MARKER}\n");
        for value in &self.before {
            let _ = writeln!(text, "{BEFORE}{}", value.as_str());
        }
        if let Some(kept) = &self.kept {
            if kept.mode != PUBLIC {
                let _ = writeln!(text, "{KEPT_MODE}{:04o}", kept.mode);
            }
            text += &quoted(&kept.text);
        }
        text += if self.old_limit { OLD_LIMIT } else { LIMIT };
        text += "Restart=always\n";
        let _ = writeln!(text, "{RESTART_SEC}{}", self.restart_sec);
        if self.no_growth {
            text += NO_GROWTH;
        }
        text
    }

    /// What a text with our marker says. It passes over what it does not know: compare with [`Self::render`].
    fn read(text: &str) -> Option<Self> {
        let mut kept: Option<String> = None;
        let mut mode = PUBLIC;
        let mut before = Vec::new();
        let mut restart_sec = None;
        for line in text.lines() {
            if let Some(value) = line.strip_prefix(BEFORE) {
                let (key, value) = value.split_once('=')?;
                before.push(Value::new(key, value));
            } else if let Some(bits) = line.strip_prefix(KEPT_MODE) {
                mode = u32::from_str_radix(bits, 8).ok().filter(|mode| mode & !PERMISSIONS == 0)?;
            } else if let Some(line) = line.strip_prefix(KEPT) {
                *kept.get_or_insert_default() += &format!("{}\n", unquoted(line)?);
            } else if let Some(line) = line.strip_prefix(UNENDED) {
                *kept.get_or_insert_default() += unquoted(line)?;
            } else if let Some(span) = line.strip_prefix(RESTART_SEC) {
                restart_sec = span.parse().ok();
            }
        }
        let kept = kept.map(|text| Kept { text, mode });
        let old_limit = text.contains(OLD_LIMIT);
        Some(Self {
            restart_sec: restart_sec?,
            old_limit,
            no_growth: text.ends_with(NO_GROWTH),
            before,
            kept,
        })
    }
}

/// A file's text as comments.
fn quoted(kept: &str) -> String {
    let mut text = String::new();
    let mut quote = |word: &str, line: &str| {
        let space = if line.is_empty() { "" } else { " " };
        let _ = writeln!(text, "{word}{space}{line}");
    };
    if kept.is_empty() {
        quote(UNENDED, "");
    }
    for line in kept.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => quote(KEPT, line),
            None => quote(UNENDED, line),
        }
    }
    text
}

/// The line that was quoted so.
fn unquoted(line: &str) -> Option<&str> {
    if line.is_empty() { Some("") } else { line.strip_prefix(' ') }
}

#[cfg(test)]
mod tests;
