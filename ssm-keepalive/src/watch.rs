//! `watch`: restarts an agent that is alive but asleep, which systemd takes for healthy, and says so or why not.
//!
//! What it remembers it writes before it acts. So a run that is killed, or that cannot write, restarts nothing twice.

mod clock;
mod decision;
mod files;
mod installed;
mod program;
mod state;
mod units;

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::mkdir;
use serde_json::{Value, json};
use trusted_path::Lock;

use crate::cli::WatchCall;
use crate::exit::Exit;
use crate::journal::Level;
use crate::report::{self, Report};
use crate::selection::{Selected, select};
use crate::span::Span;
use crate::{status, systemctl};
use clock::Now;
use decision::{Decision, MOST, Memory, Process, Seen, Why, bar_since, decide};
use diagnostics::Failure;
use state::Store;

pub use files::{Files, Found};
pub use installed::{Removed, State, install, look, prove_removed, remove};
pub use program::Program;
pub use units::{SERVICE, TIMER, Watch, bounded};

/// The operation's name in JSON.
const OP: &str = "watch";
/// The folder of its lock, which the service has from RuntimeDirectory= (systemd.exec(5)), and the lock.
const RUNTIME: &str = "/run/ssm-keepalive";
const LOCK: &str = "/run/ssm-keepalive/watch.lock";

/// Looks once, and reports.
#[must_use]
pub fn run(call: &WatchCall) -> Exit {
    let report = Report::new(call.json);
    watch(call, report).unwrap_or_else(|failure| report.failure(OP, &failure, Value::Null))
}

/// What became of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Left(Why),
    Restarted { asleep: Duration },
}

fn watch(call: &WatchCall, report: Report) -> Result<Exit, Failure> {
    let asleep_for = bounded(call.asleep_for)?;
    report::require_root()?;
    report::require_systemd()?;
    let lock = lock()?;
    let seen = see(&select(call.unit.as_ref())?);
    let store = Store::open()?;
    let now = Now::read()?;
    let memory = recall(&store, &now)?;
    let (next, decision) = decide(&memory, &seen, now.since_boot, asleep_for);
    if next != memory {
        store.save(&next, &now)?;
    }
    let end = match decision {
        Decision::Leave(why) => End::Left(why),
        Decision::Restart { asleep } => match act(&seen)? {
            None => End::Restarted { asleep },
            Some(why) => {
                // It was not restarted, and so that does not count; nor has one slept on that is awake now.
                let asleep = next.asleep.filter(|_| !matches!(why, Why::NotAsleep(_)));
                store.save(&Memory { asleep, restarts: memory.restarts }, &now)?;
                End::Left(why)
            }
        },
    };
    drop(lock);
    Ok(tell(report, &seen, &next, end))
}

fn lock() -> Result<Lock, Failure> {
    match mkdir(RUNTIME, Mode::S_IRWXU) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(Failure::new("lock", format!("{RUNTIME}: {errno}"))),
    }
    Lock::take(Path::new(LOCK)).map_err(|error| Failure::new(error.code(), error))
}

/// What is remembered. What nobody can read any more is replaced by what allows no restart for a day.
fn recall(store: &Store, now: &Now) -> Result<Memory, Failure> {
    if let Some(memory) = store.load(now)? {
        return Ok(memory);
    }
    report::complain(&format!(
        "what the watch remembers in {} is not as it was written: as if the day's {MOST} restarts were made, it \
         makes none before tomorrow; once that file is removed it may",
        state::FOLDER
    ));
    let spent = Memory::spent(now.since_boot);
    store.save(&spent, now)?;
    Ok(spent)
}

fn see(selected: &Selected) -> Seen {
    let (facts, condition) = status::judged(selected);
    let pid = facts.properties.main_pid;
    Seen {
        unit: facts.unit,
        condition: condition.code,
        process: pid.map(|pid| Process { pid, began: facts.properties.main_began }),
        busy: facts.workers.map(|workers| workers.busy),
        goes_down: status::goes_down(),
    }
}

/// Restarts it, unless a last look says why not.
fn act(before: &Seen) -> Result<Option<Why>, Failure> {
    let now = see(&select(Some(&before.unit))?);
    if let Some(why) = bar_since(before, &now) {
        return Ok(Some(why));
    }
    // It leaves an agent alone that was stopped meanwhile.
    let restarted = systemctl::ask(&["try-restart", "--", before.unit.as_str()]);
    restarted.map(|_| None).map_err(|failure| {
        Failure::new("not-restarted", format!("{} is asleep, and was not restarted: {failure}", before.unit))
    })
}

fn tell(report: Report, seen: &Seen, memory: &Memory, end: End) -> Exit {
    let (level, words) = sentence(end, memory.restarts.len());
    let why = match end {
        End::Left(why) => Some(code(why)),
        End::Restarted { .. } => None,
    };
    let object = json!({
        "op": OP,
        "success": true,
        "unit": seen.unit.as_str(),
        "condition": seen.condition,
        "restarted": why.is_none(),
        "why": why,
        "restarts": memory.restarts.len(),
        "sentence": words,
    });
    report.journal_line(level, &object, &format!("{}: {words}", seen.unit))
}

/// The stable word for it.
fn code(why: Why) -> &'static str {
    match why {
        Why::NotAsleep(_) => "not-asleep",
        Why::NotLong { .. } => "not-long-enough",
        Why::GoesDown => "goes-down",
        Why::Busy(_) => "busy",
        Why::UnknownWorkers => "unknown-workers",
        Why::Enough => "restarts-spent",
    }
}

/// The sentence for it, and how much it matters.
fn sentence(end: End, restarts: usize) -> (Level, String) {
    let span = |span: Duration| Span::from_micros(span.as_secs().saturating_mul(1_000_000)).to_string();
    match end {
        End::Restarted { asleep } => (
            Level::Warning,
            format!("restarted: it was asleep for {}; restart {restarts} of {MOST} within a day", span(asleep)),
        ),
        End::Left(Why::NotAsleep(condition)) => {
            (Level::Info, format!("left alone: it is not asleep ({condition})"))
        }
        End::Left(Why::NotLong { asleep, needed }) => (
            Level::Notice,
            format!(
                "left alone: known to be asleep for {}, and restarted after {}, with {restarts} restarts within a day",
                span(asleep),
                span(needed)
            ),
        ),
        End::Left(Why::GoesDown) => {
            (Level::Notice, "left alone: it is asleep, and this host is to go down".to_owned())
        }
        End::Left(Why::Busy(busy)) => (
            Level::Notice,
            format!("left alone: it is asleep, and still works on {busy} commands or sessions"),
        ),
        End::Left(Why::UnknownWorkers) => (
            Level::Warning,
            "left alone: it is asleep, but whether it works on a command cannot be told: its control group cannot be \
             read"
                .to_owned(),
        ),
        End::Left(Why::Enough) => (
            Level::Warning,
            format!(
                "left alone: it is asleep, but was restarted {MOST} times within a day, and that did not help: see \
                 its network, clock and role, and ssm-cli get-diagnostics"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_has_what_was_done_and_why_not_by_how_much_it_matters() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        for (end, restarts, level, expected) in [
            (
                End::Restarted { asleep: minutes(12) },
                1,
                Level::Warning,
                "restarted: it was asleep for 12min; restart 1 of 6 within a day",
            ),
            (End::Left(Why::NotAsleep("running")), 0, Level::Info, "left alone: it is not asleep (running)"),
            (
                End::Left(Why::NotLong { asleep: minutes(3), needed: minutes(20) }),
                1,
                Level::Notice,
                "left alone: known to be asleep for 3min, and restarted after 20min, with 1 restarts within a day",
            ),
            (
                End::Left(Why::GoesDown),
                0,
                Level::Notice,
                "left alone: it is asleep, and this host is to go down",
            ),
            (
                End::Left(Why::Busy(2)),
                0,
                Level::Notice,
                "left alone: it is asleep, and still works on 2 commands or sessions",
            ),
        ] {
            assert_eq!(sentence(end, restarts), (level, expected.to_owned()));
        }
        for why in [Why::UnknownWorkers, Why::Enough] {
            assert_eq!(sentence(End::Left(why), MOST).0, Level::Warning, "{why:?}");
        }
    }
}
