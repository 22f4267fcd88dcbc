//! `fleet-status`: of each instance, whether systemd would bring its agent back.

use super::aws::Aws;
use super::instance::InstanceId;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::reply::Question;
use super::round::Round;
use super::row::{Asked, Row};
use super::script::Op;
use super::survey::survey;
use super::told;
use crate::cli::FleetCall;
use crate::drop_in;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::{self, Report};

/// Tells it; the exit status says whether every instance is online and proven.
#[must_use]
pub fn run(call: &FleetCall) -> Exit {
    status(call).unwrap_or_else(|failure| {
        Report::new(call.json).failure(Asked::Status.name(), &failure, serde_json::Value::Null)
    })
}

fn status(call: &FleetCall) -> Result<Exit, Failure> {
    let aws = Aws::find(call.profile.as_deref(), call.region.as_deref())?;
    let options = aws.options_for_shell();
    let interrupt = Interrupt::listen(&options)?;
    let survey = survey(&aws, &call.chosen())?;
    if let Some(warning) = &survey.warning {
        report::complain(warning);
    }
    let progress = Progress::new(call.json);
    let round = Round {
        aws: &aws,
        document_timeout: call.document_timeout,
        max_concurrency: None,
        max_errors: None,
        interrupt: &interrupt,
        progress: &progress,
    };
    let ids: Vec<InstanceId> = survey.ready.iter().map(|(id, _)| id.clone()).collect();
    let question = Question { op: Op::Prove, unit: call.unit.as_ref(), restart_sec: drop_in::DEFAULT };
    progress.step("status", ids.len());
    let replies = round.ask(question, &ids);
    progress.end();
    let rows = survey.ready.into_iter().filter_map(|(id, node)| {
        let reply = replies.get(&id)?;
        Some(Row::asked(Asked::Status, id, node, reply, None))
    });
    let rows = rows.chain(survey.left_out.into_iter().map(Row::left_out)).collect();
    Ok(told::end(Asked::Status, call.json, rows, interrupt.came(), &options))
}
