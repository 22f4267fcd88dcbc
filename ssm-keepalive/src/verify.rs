//! `verify`: that systemd would bring the agent back, proven by what it says itself, or by killing the agent.

use serde_json::{Value, json};

use crate::cli::VerifyCall;
use crate::drop_in::{DropIn, Present};
use crate::exit::Exit;
use crate::install::plan::at;
use crate::precedence::{Key, Source, deciding, sources};
use crate::proof;
use crate::report::{self, Report};
use crate::revival;
use crate::selection::{Selected, select};
use crate::transaction::{look, path_of};
use diagnostics::{Failure, with};

/// The operation's name in JSON.
const OP: &str = "verify";

/// Proves it; the exit status says whether it is so.
#[must_use]
pub fn run(call: &VerifyCall) -> Exit {
    let report = Report::new(call.json);
    verify(call, report).unwrap_or_else(|failure| report.failure(OP, &failure, Value::Null))
}

fn verify(call: &VerifyCall, report: Report) -> Result<Exit, Failure> {
    if call.kill {
        report::require_root()?;
    }
    let selected = select(call.unit.as_ref())?;
    let Selected { unit, properties } = &selected;
    let drop_in = ours(&selected)?;
    proof::prove(unit, drop_in.restart_sec, &path_of(unit))?;
    let delay = drop_in.restart_sec;
    let object = json!({
        "op": OP, "success": true, "unit": unit.as_str(), "restart": properties.restart,
        "restart_sec": delay.to_string(),
    });
    if !call.kill {
        let words = format!("{unit}: proven: systemd starts it again {delay} after it ends, however often");
        return Ok(report.line(&object, &words));
    }
    let revival = revival::prove(&selected)?;
    let seconds = revival.took.as_secs_f64();
    let more = json!({
        "seconds": (seconds * 1000.0).round() / 1000.0, "killed_pid": revival.before, "main_pid": revival.after,
    });
    let words = format!(
        "{unit}: proven: process {} was killed, and {} was there {seconds:.1} s later",
        revival.before, revival.after
    );
    Ok(report.line(&with(object, more), &words))
}

/// The drop-in of this program.
fn ours(selected: &Selected) -> Result<DropIn, Failure> {
    let path = path_of(&selected.unit);
    let path = path.display();
    match look(&selected.unit)? {
        Present::Ours(drop_in) => Ok(drop_in),
        Present::Absent => {
            let instead = deciders(&sources::read(&selected.properties)?);
            let error = format!(
                "{path} is not there (ssm-keepalive install writes it); what counts instead: {instead}"
            );
            Err(Failure::new("not-installed", error))
        }
        Present::HandMade(_) => Err(Failure::new(
            "hand-made",
            format!(
                "{path} was written by hand: ssm-keepalive install takes it over, and remove brings it back"
            ),
        )),
        Present::Foreign { line, why } => {
            Err(Failure::new("foreign-file", format!("{path} is not ours: {}{why}", at(line))))
        }
    }
}

/// Which files decide what the drop-in would.
fn deciders(files: &[Source]) -> String {
    let keys = [Key::Restart, Key::RestartSec, Key::LimitInterval];
    let found: Vec<String> =
        keys.into_iter().filter_map(|key| deciding(files, key)).map(|setting| setting.to_string()).collect();
    if found.is_empty() { "systemd's own values".to_owned() } else { found.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_our_file_it_is_told_who_decides() {
        let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let files = [
            file("/u", "[Service]\nRestart=no\nRestartSec=90\n"),
            file("/d/z.conf", "[Service]\nRestart=always\n"),
        ];
        assert_eq!(deciders(&files), "/d/z.conf, line 2, with always; /u, line 3, with 90");
        assert_eq!(deciders(&[]), "systemd's own values");
    }
}
