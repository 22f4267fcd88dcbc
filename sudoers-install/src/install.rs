//! `install`: the rule in place and proven, or nothing changed.

use std::path::Path;

use serde_json::{Value, json};

use crate::account::Account;
use crate::cli::InstallCall;
use crate::command_line::CommandLine;
use crate::drop_in::{DropIn, Grant};
use crate::escape_hatch::UNKNOWN_PROGRAM;
use crate::exit::Exit;
use crate::helper::Helper;
use crate::legacy::{self, Legacy};
use crate::proof::SUDO;
use crate::report::{self, Report};
use crate::transaction::{Folder, Installed, change, look, path_of};
use diagnostics::{Failure, with};

/// The operation's name in JSON.
const OP: &str = "install";

/// Installs what the call asks for, and reports.
#[must_use]
pub fn run(call: &InstallCall) -> Exit {
    let report = Report::new(call.json);
    // Who may not install it is told the line, for somebody who may.
    let root = report::require_root();
    let drop_in = match wanted(call) {
        Ok(drop_in) => drop_in,
        Err(failure) => return report.failure(OP, root.as_ref().err().unwrap_or(&failure), Value::Null),
    };
    warned(&drop_in).for_each(|(_, warning)| report::complain(&warning));
    let done = root
        .and_then(|()| if call.dry_run { show(report, &drop_in) } else { install(report, &drop_in, call) });
    done.unwrap_or_else(|failure| {
        let exit = report.failure(OP, &failure, json!({"by_hand": by_hand(&drop_in)}));
        report::complain(&format!("to install it by hand: {}", by_hand(&drop_in)));
        exit
    })
}

/// The file that the call asks for.
fn wanted(call: &InstallCall) -> Result<DropIn, Failure> {
    let account = match &call.user {
        Some(name) => Account::named(name)?,
        None => Account::of_caller()?,
    };
    account.require_own_name()?;
    if call.command.is_empty() {
        return Ok(DropIn::helper(&account, &Helper::find(call.helper.as_deref())?));
    }
    let commands: Vec<CommandLine> =
        call.command.iter().map(|text| CommandLine::parse(text)).collect::<Result<_, _>>()?;
    commands.iter().try_for_each(|command| command.judge(&account))?;
    Ok(DropIn::commands(&account, &commands))
}

/// What to type when this program cannot do it.
fn by_hand(drop_in: &DropIn) -> String {
    let path = path_of(&drop_in.file_name());
    format!("visudo -f {}, with this in it: {}", path.display(), drop_in.rule_lines().join(" ; and "))
}

fn facts(drop_in: &DropIn) -> Value {
    json!({
        "op": OP,
        "success": true,
        "user": drop_in.user,
        "uid": drop_in.uid,
        "file": path_of(&drop_in.file_name()),
        "rules": drop_in.rule_lines(),
        "sha256": drop_in.sha256(),
        "warnings": warned(drop_in)
            .map(|(command, warning)| {
                json!({"code": UNKNOWN_PROGRAM, "command": command.to_string(), "warning": warning})
            })
            .collect::<Value>(),
    })
}

/// The commands that the operator has to judge.
fn warned(drop_in: &DropIn) -> impl Iterator<Item = (&CommandLine, String)> {
    let commands = match &drop_in.grant {
        Grant::Commands(commands) => commands.as_slice(),
        Grant::Helper(_) => &[],
    };
    commands.iter().filter_map(|command| Some((command, command.warning()?)))
}

/// The change that would be made.
fn show(report: Report, drop_in: &DropIn) -> Result<Exit, Failure> {
    let name = drop_in.file_name();
    let change = change(&look(&name)?, drop_in)?.word();
    let found = legacy::find()?;
    let text = drop_in.render();
    let words = format!("{} ({change}, dry run)\n{}", path_of(&name).display(), text.trim_end());
    report::legacy(&found);
    let more = json!({
        "dry_run": true,
        "change": change,
        "text": text,
        "legacy": report::legacy_objects(&found),
    });
    Ok(report.line(&with(facts(drop_in), more), &words))
}

fn install(report: Report, drop_in: &DropIn, call: &InstallCall) -> Result<Exit, Failure> {
    if !Path::new(SUDO).exists() {
        return Err(Failure::new("no-sudo", format!("there is no {SUDO}; install the package sudo")));
    }
    let folder = Folder::open()?;
    report::recovered(&folder.recover()?);
    let (replaced, left): (Vec<Legacy>, Vec<Legacy>) =
        legacy::find()?.into_iter().partition(|old| call.replace_legacy && old.is_replaced_by(&drop_in.user));
    let installed = folder.install(drop_in, &replaced).map_err(|failure| still_there(failure, &replaced))?;
    // Whoever does not read what is said holds no other run up.
    drop(folder);
    for line in &installed.complaints {
        report::complain(&format!("visudo had this to say before, and it was left alone: {line}"));
    }
    report::legacy(&left);
    let more = json!({
        "changed": installed.changed,
        "effective": installed.effect.words(),
        "complaints": installed.complaints,
        "legacy": report::legacy_objects(&left),
        "legacy_removed": installed.removed,
    });
    Ok(report.line(&with(facts(drop_in), more), &words(drop_in, &installed)))
}

/// Names the old rules that were to go, for they lead to root.
fn still_there(failure: Failure, replaced: &[Legacy]) -> Failure {
    let left: Vec<_> = replaced.iter().map(|old| &old.path).filter(|path| path.exists()).collect();
    if left.is_empty() {
        return failure;
    }
    let paths = left.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
    let paths = diagnostics::one_line(&paths);
    let error = format!(
        "{failure}; what --replace-legacy removes is still there and leads to root: to remove it by hand, rm {paths}"
    );
    Failure::new(failure.code, error)
}

fn words(drop_in: &DropIn, installed: &Installed) -> String {
    let path = path_of(&drop_in.file_name());
    let state = if installed.changed { "installed" } else { "already so" };
    let mut words = format!("{state}: {} ({})", path.display(), installed.effect.words());
    for rule in drop_in.rule_lines() {
        words += &format!("\n  {rule}");
    }
    for old in &installed.removed {
        words += &format!("\nremoved: {}", old.display());
    }
    words
}
