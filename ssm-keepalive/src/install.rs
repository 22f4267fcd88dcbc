//! `install`: the drop-in in place and in effect, or nothing changed.

mod agent;
pub mod plan;
mod restart;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cli::InstallCall;
use crate::drop_in::{DropIn, bounded, values};
use crate::exit::Exit;
use crate::image;
use crate::precedence::sources;
use crate::proof;
use crate::properties::Properties;
use crate::reboot_gap;
use crate::report::{self, Report};
use crate::selection::{Selected, select};
use crate::systemctl;
use crate::transaction::{self, UNITS, look, path_of};
use crate::version::Version;
use crate::watch::{self, Program, SERVICE, TIMER, Watch};
use diagnostics::{Failure, with};
use plan::Plan;

/// The operation's name in JSON.
pub(crate) const OP: &str = "install";
/// The states of a unit that runs, or is about to.
const RUNNING: [&str; 3] = ["active", "activating", "reloading"];

/// Installs the drop-in, and reports.
#[must_use]
pub fn run(call: &InstallCall) -> Exit {
    let report = Report::new(call.json);
    let fits = bounded(call.restart_sec).and(watch::bounded(call.asleep_for).map(drop));
    let done = fits.and_then(|()| match &call.root {
        Some(root) => image::install(report, call, root),
        None if call.dry_run => show(report, call),
        None => report::require_root().and_then(|()| install(report, call)),
    });
    done.unwrap_or_else(|failure| report.failure(OP, &failure, Value::Null))
}

/// What is to be written for the agent of this host.
fn planned(selected: &Selected, call: &InstallCall) -> Result<Plan, Failure> {
    let path = path_of(&selected.unit);
    let files = sources::read(&selected.properties)?;
    let version = Version::ask()?;
    let wanted = DropIn {
        old_limit: version.has_old_limit(),
        no_growth: version.grows() && plan::grows(&files, &path),
        before: values(&selected.properties),
        ..DropIn::plain(call.restart_sec)
    };
    plan::over(look(&selected.unit)?, wanted, &path)
}

/// The watch that is asked for.
fn watch_for(selected: &Selected, call: &InstallCall) -> Result<Option<Watch>, Failure> {
    if !call.watch {
        return Ok(None);
    }
    let program = Program::own()?;
    program.trust()?;
    Ok(Some(Watch { program, unit: selected.unit.clone(), asleep_for: call.asleep_for }))
}

fn facts(selected: &Selected, plan: &Plan) -> Value {
    let before = plan.drop_in.before.iter().filter_map(|value| value.as_str().split_once('='));
    json!({
        "op": OP,
        "success": true,
        "unit": selected.unit.as_str(),
        "file": path_of(&selected.unit),
        "restart_sec": plan.drop_in.restart_sec.to_string(),
        "adopted": plan.adopted,
        "before": before.collect::<BTreeMap<_, _>>(),
    })
}

/// The change that would be made.
fn show(report: Report, call: &InstallCall) -> Result<Exit, Failure> {
    let selected = select(call.unit.as_ref())?;
    let plan = planned(&selected, call)?;
    let watch = watch_for(&selected, call)?;
    let text = plan.drop_in.render();
    let mut words =
        format!("{} ({}, dry run)\n{}", path_of(&selected.unit).display(), plan.change, text.trim_end());
    if let Some(watch) = &watch {
        words += &format!("\n{UNITS}/{SERVICE}\n{}\n{UNITS}/{TIMER}\n{}", watch.service(), watch.timer());
    }
    let texts = watch.map(|watch| json!({"service": watch.service(), "timer": watch.timer()}));
    let more = json!({"dry_run": true, "change": plan.change, "text": text, "watch": texts});
    Ok(report.line(&with(facts(&selected, &plan), more), &words))
}

/// What was done.
struct Done {
    changed: bool,
    /// Whether the watch had to be changed, if it is asked for.
    watch: Option<bool>,
    steps: Vec<agent::Step>,
    restart: Option<restart::Scheduled>,
    /// Sentences to the operator, each with a stable word.
    warnings: Vec<(&'static str, &'static str)>,
    advice: Vec<&'static str>,
    /// What systemd says of the agent in the end.
    now: Properties,
}

fn install(report: Report, call: &InstallCall) -> Result<Exit, Failure> {
    report::require_systemd()?;
    let lock = transaction::lock()?;
    // What is recorded as the values before is what the files say, not what systemd read of a file that is gone.
    systemctl::daemon_reload()?;
    let selected = select(call.unit.as_ref())?;
    let plan = planned(&selected, call)?;
    let done = carry_out(&selected, &plan, call)?;
    // Whoever does not read what is said holds no other run up.
    drop(lock);
    let warnings = done.warnings.iter().map(|(_, sentence)| sentence);
    done.advice.iter().chain(warnings).for_each(|sentence| report::complain(sentence));
    let started = done.steps.contains(&agent::Step::Start);
    let more = json!({
        "changed": done.changed || done.watch == Some(true),
        "watch": done.watch.map(|_| call.asleep_for.to_string()),
        "proven": true,
        "agent": done.now.active_state,
        "started": started,
        "enabled": done.steps.contains(&agent::Step::Enable),
        "restart": done.restart.map(restart::Scheduled::code),
        "advice": done.advice,
        "warnings": done.warnings.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
    });
    let mut words = words(&selected, &plan, done.changed);
    if let Some(changed) = done.watch {
        let state = if changed { "installed" } else { "already so" };
        words += &format!(
            "\n{state}: {UNITS}/{TIMER}\nproven: an agent that is asleep for {} is restarted",
            call.asleep_for
        );
    }
    if started {
        words += "\nstarted: the agent had ended";
    }
    if let Some(restart) = done.restart {
        words += &format!("\nrestart: {}", restart.words());
    }
    Ok(report.line(&with(facts(&selected, &plan), more), &words))
}

fn carry_out(selected: &Selected, plan: &Plan, call: &InstallCall) -> Result<Done, Failure> {
    let unit = &selected.unit;
    let (path, text) = (path_of(unit), plan.drop_in.render());
    let watch = watch_for(selected, call)?;
    let folder = transaction::open(unit)?;
    // In the proof, so that the drop-in does not stay either when the watch fails.
    let prove = || {
        let proven = proof::prove(unit, plan.drop_in.restart_sec, &path)?;
        Ok((proven, watch.as_ref().map(watch::install).transpose()?))
    };
    let (changed, (proven, watch)) =
        transaction::install(&folder, text.as_bytes(), systemctl::daemon_reload, prove)?;
    let agent::Plan { steps, advice } = agent::plan(&proven, call);
    agent::act(unit, &steps)?;
    let now = if steps.is_empty() { proven.clone() } else { systemctl::show(unit)? };
    let is_running = RUNNING.contains(&now.active_state.as_str());
    let restart = if call.restart && is_running { Some(restart::schedule(unit)?) } else { None };
    let warnings = warnings(&plan.drop_in, &proven, call.restart && !is_running);
    Ok(Done { changed, watch, steps, restart, warnings, advice, now })
}

/// What the operator has to know, each with a stable word.
fn warnings(drop_in: &DropIn, now: &Properties, is_not_restarted: bool) -> Vec<(&'static str, &'static str)> {
    let reboot = reboot_gap::warning(Some(drop_in), now).map(|sentence| (reboot_gap::CODE, sentence));
    let not_restarted = ("not-running", "the agent does not run, and so is not restarted");
    reboot.into_iter().chain(is_not_restarted.then_some(not_restarted)).collect()
}

fn words(selected: &Selected, plan: &Plan, changed: bool) -> String {
    let state = if changed { "installed" } else { "already so" };
    let (path, unit, wait) = (path_of(&selected.unit), &selected.unit, plan.drop_in.restart_sec);
    let mut words = format!(
        "{state}: {}\nproven: systemd starts {unit} again {wait} after it has ended, however often",
        path.display()
    );
    if plan.adopted {
        words +=
            "\nadopted: a file written by hand was there; its text is kept, and comes back with 'remove'";
    }
    words
}
