//! `status`: how the agent is, and whether it would come back.

mod facts;
mod reboot;

use std::path::Path;
use std::slice;

use serde_json::{Value, json};

use crate::cli::UnitCall;
use crate::condition::{Condition, Facts, bar, judge};
use crate::drop_in::Present;
use crate::exit::Exit;
use crate::install::plan::at;
use crate::precedence::{Key, Setting, Source, deciding, sources};
use crate::properties::Properties;
use crate::reboot_gap;
use crate::report::Report;
use crate::selection::{Selected, exit_of, select};
use crate::span::Span;
use crate::transaction::{look, path_of};
use crate::watch::{self, State, TIMER, Watch};
use diagnostics::Failure;

/// The operation's name in JSON.
const OP: &str = "status";
/// What a caller has to know who may not look into the agent's logs, with its stable word.
const LOGS_UNREAD: (&str, &str) = (
    "logs-unread",
    "the agent's logs cannot be read, and so not whether its worker sleeps or it is not registered: call this with \
     sudo",
);

/// Tells it; the exit status is that of the condition.
#[must_use]
pub fn run(call: &UnitCall) -> Exit {
    let report = Report::new(call.json);
    status(call, report).unwrap_or_else(|failure| match failure.code {
        "orphaned" | "masked" | "no-agent" => absent(report, &failure),
        _ => report.failure(OP, &failure, Value::Null),
    })
}

/// What is known of the agent, and how it is, whoever would overrule us.
#[must_use]
pub fn judged(selected: &Selected) -> (Facts, Condition) {
    let facts = facts::gather(selected, None);
    let condition = judge(&facts);
    (facts, condition)
}

/// Whether somebody has scheduled that this host goes down, whenever.
#[must_use]
pub fn goes_down() -> bool {
    reboot::is_scheduled()
}

fn status(call: &UnitCall, report: Report) -> Result<Exit, Failure> {
    let selected = select(call.unit.as_ref())?;
    let drop_in = look(&selected.unit);
    let winner = match &drop_in {
        // What cannot be read cannot be named; what counts is known all the same.
        Ok(Present::Ours(_)) => {
            let files = sources::read(&selected.properties).ok();
            files.and_then(|files| winner(&files, &path_of(&selected.unit)))
        }
        _ => None,
    };
    let facts = facts::gather(&selected, winner);
    let condition = judge(&facts);
    let watch = watch::look();
    let written = report
        .line(&object(&facts, &condition, &drop_in, &watch), &words(&facts, &condition, &drop_in, &watch));
    Ok(if written == Exit::Done { condition.exit } else { written })
}

/// Who decides the first setting of our file in its stead, and otherwise.
fn winner(files: &[Source], ours: &Path) -> Option<Setting> {
    let own = files.iter().find(|file| file.path == ours)?;
    [Key::Restart, Key::RestartSec, Key::RestartSteps, Key::LimitInterval].into_iter().find_map(|key| {
        let own = deciding(slice::from_ref(own), key)?;
        deciding(files, key).filter(|setting| setting.path != ours && setting.value != own.value)
    })
}

/// There is no unit to tell more of.
fn absent(report: Report, failure: &Failure) -> Exit {
    let object = json!({"op": OP, "condition": failure.code, "sentence": failure.error, "returns": false});
    let written = report.line(&object, &format!("{}: {}", failure.code, failure.error));
    if written == Exit::Done { exit_of(failure) } else { written }
}

/// The word for what is there of our drop-in.
fn kind(drop_in: &Result<Present, Failure>) -> &'static str {
    match drop_in {
        Ok(Present::Absent) => "absent",
        Ok(Present::Ours(_)) => "ours",
        Ok(Present::HandMade(_)) => "hand-made",
        Ok(Present::Foreign { .. }) => "foreign",
        Err(_) => "unreadable",
    }
}

fn object(facts: &Facts, condition: &Condition, drop_in: &Result<Present, Failure>, watch: &State) -> Value {
    let Facts { unit, properties, workers, .. } = facts;
    let span = |span: Option<Span>| span.map(|span| span.to_string());
    let overruled = facts.winner.as_ref().map(
        |Setting { value, path, line }| json!({"file": path.to_string_lossy(), "line": line, "value": value}),
    );
    json!({
        "op": OP,
        "unit": unit.as_str(),
        "condition": condition.code,
        "sentence": condition.sentence,
        "what_helps": condition.helps,
        "returns": bar(properties).is_none(),
        "active_state": properties.active_state,
        "sub_state": properties.sub_state,
        "unit_file_state": properties.unit_file_state,
        "result": properties.result,
        "restart": properties.restart,
        "restart_sec": span(properties.restart_sec),
        "restart_steps": properties.restart_steps,
        "restart_max_delay": span(properties.max_delay),
        "start_limit_interval": span(properties.limit_interval),
        "restarts": properties.restarts,
        "main_pid": properties.main_pid,
        "busy_workers": workers.map(|workers| workers.busy),
        "drop_in": kind(drop_in),
        "drop_in_file": path_of(unit).to_string_lossy(),
        "overruled_by": overruled,
        "warnings": warnings(facts, drop_in).iter().map(|(code, _)| *code).collect::<Vec<_>>(),
        "watch": watch.code(),
        "watch_asleep_for": of(watch).map(|watch| watch.asleep_for.to_string()),
        "watch_unit": of(watch).map(|watch| watch.unit.as_str()),
    })
}

/// One screen.
fn words(facts: &Facts, condition: &Condition, drop_in: &Result<Present, Failure>, watch: &State) -> String {
    let Facts { unit, properties, .. } = facts;
    let mut lines = vec![format!("{unit}: {}: {}", condition.code, condition.sentence)];
    if let Some(helps) = &condition.helps {
        lines.push(format!("  what helps    {helps}"));
    }
    let span = |span: Option<Span>| span.map_or_else(|| "unknown".to_owned(), |span| span.to_string());
    lines.push(format!(
        "  restarts      {}, after {}{}; {} so far; start limit {}",
        diagnostics::one_line(&properties.restart),
        span(properties.restart_sec),
        growth(properties),
        properties.restarts,
        limit(properties.limit_interval, &properties.limit_burst),
    ));
    if let Some(pid) = properties.main_pid {
        lines.push(format!("  main process  {pid}, up for {} minutes", facts.up.as_secs() / 60));
    }
    if let Some(workers) = facts.workers.filter(|workers| workers.busy > 0) {
        lines.push(format!("  at work       {} commands or sessions", workers.busy));
    }
    lines.push(format!("  drop-in       {}: {}", kind(drop_in), path_of(unit).display()));
    if let Ok(Present::Foreign { line, why }) = drop_in {
        lines.push(format!("                left alone: {}{why}", at(*line)));
    }
    if let Some(winner) = &facts.winner {
        lines.push(format!("  overruled by  {winner}"));
    }
    lines.extend(warnings(facts, drop_in).iter().map(|(_, sentence)| format!("  warning       {sentence}")));
    lines.push(match watch {
        State::Off => "  watch         off".to_owned(),
        State::On(watch) if watch.unit == *unit => {
            format!("  watch         on: restarted when asleep for {}", watch.asleep_for)
        }
        State::On(watch) => format!("  watch         on, of {}", watch.unit),
        State::Broken => {
            format!("  watch         broken: see systemctl status {TIMER}; install --watch mends it")
        }
    });
    lines.join("\n")
}

/// What keeps an agent from waiting for a reboot, or this caller from knowing how it is.
fn warnings(facts: &Facts, drop_in: &Result<Present, Failure>) -> Vec<(&'static str, &'static str)> {
    let recorded = match drop_in {
        Ok(Present::Ours(drop_in)) => Some(drop_in),
        _ => None,
    };
    let reboot =
        reboot_gap::warning(recorded, &facts.properties).map(|sentence| (reboot_gap::CODE, sentence));
    reboot.into_iter().chain((!facts.has_logs).then_some(LOGS_UNREAD)).collect()
}

/// The watch that looks.
fn of(state: &State) -> Option<&Watch> {
    match state {
        State::On(watch) => Some(watch),
        State::Off | State::Broken => None,
    }
}

/// How the wait grows.
fn growth(properties: &Properties) -> String {
    let to = properties.max_delay.filter(|_| properties.grows());
    to.map_or_else(String::new, |to| format!(" to {to}, in {} steps", properties.restart_steps))
}

fn limit(interval: Option<Span>, burst: &str) -> String {
    match interval {
        Some(interval) if interval != Span::from_micros(0) => {
            format!("{} starts within {interval}", diagnostics::one_line(burst))
        }
        _ => "off".to_owned(),
    }
}

#[cfg(test)]
mod tests;
