//! What a host runs: one constant script, and a first line that says what is asked for.
//!
//! Run Command hands it to /bin/sh as a file, and replaces what stands in double braces before (SSM's parameters).

use std::fmt;

use super::nonce::Nonce;
use crate::span::Span;
use crate::unit::Unit;

/// All of it. Nothing happens before its last line.
const SCRIPT: [&str; 8] = [
    include_str!("script/answer.sh"),
    concat!("readonly reader='\n", include_str!("script/read.awk"), "'\n"),
    include_str!("script/systemd.sh"),
    include_str!("script/drop_in.sh"),
    include_str!("script/watch.sh"),
    include_str!("script/remove.sh"),
    include_str!("script/change.sh"),
    "main \"$@\"\n",
];
/// What stands for a unit that is to be found.
const ANY_UNIT: &str = "-";

/// What a host is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// As `ssm-keepalive install`.
    Install,
    /// As `ssm-keepalive remove`.
    Remove,
    /// As `ssm-keepalive verify`; the values are told in any case, and nothing is changed.
    Prove,
    /// Whether `remove` has left nothing of ours, whatever is with the agents; nothing is changed.
    Gone,
}

impl Op {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Install, Self::Remove, Self::Prove, Self::Gone];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Remove => "remove",
            Self::Prove => "prove",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is asked of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it is to do.
    pub op: Op,
    /// To which unit; `None` for the agent's, whichever is there.
    pub unit: Option<Unit>,
    /// What `install` has systemd wait; within the bounds of [`crate::drop_in::bounded`].
    pub restart_sec: Span,
    /// What frames the answer.
    pub nonce: Nonce,
}

impl Request {
    /// The text for /bin/sh.
    #[must_use]
    pub fn text(&self) -> String {
        let unit = self.unit.as_ref().map_or(ANY_UNIT, Unit::as_str);
        // Of these only a unit's name may hold what a shell would read otherwise: a backslash.
        let unit = unit.replace('\\', "\\\\");
        let first = format!("set -- {} {unit} {} {}\n", self.op, self.nonce, self.restart_sec);
        SCRIPT.into_iter().map(without_comments).fold(first, |text, part| text + &part)
    }
}

/// A script without the lines that are comments; all else is as it stands here, for who has to look at it on a host.
fn without_comments(script: &str) -> String {
    let lines = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests;
