//! `deploy`: what install or remove does on one host, on many, and proven by a second command.

use std::collections::BTreeMap;

use super::aws::Aws;
use super::instance::InstanceId;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::reply::{Question, Reply};
use super::round::Round;
use super::row::{Asked, Row};
use super::survey::{Survey, survey};
use super::told;
use crate::cli::{DeployCall, FleetCall};
use crate::drop_in;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::{self, Report};

/// Does it; the exit status says whether every instance is proven.
#[must_use]
pub fn run(call: &DeployCall) -> Exit {
    let asked =
        if call.remove { Ok(Asked::Remove) } else { drop_in::bounded(call.restart_sec).map(Asked::Install) };
    asked.and_then(|asked| deploy(call, asked)).unwrap_or_else(|failure| {
        Report::new(call.fleet.json).failure("deploy", &failure, serde_json::Value::Null)
    })
}

fn deploy(call: &DeployCall, asked: Asked) -> Result<Exit, Failure> {
    let fleet = &call.fleet;
    let aws = Aws::find(fleet.profile.as_deref(), fleet.region.as_deref())?;
    let options = aws.options_for_shell();
    let interrupt = Interrupt::listen(&options)?;
    let survey = survey(&aws, &fleet.chosen())?;
    if let Some(warning) = &survey.warning {
        report::complain(warning);
    }
    if call.dry_run {
        let would = survey.ready.into_iter().map(|(id, node)| Row::would_ask(id, node));
        let left = survey.left_out.into_iter().map(Row::left_out);
        return Ok(told::end(asked, fleet.json, would.chain(left).collect(), false, &options));
    }
    let progress = Progress::new(fleet.json);
    let round = Round {
        aws: &aws,
        document_timeout: fleet.document_timeout,
        max_concurrency: call.max_concurrency.clone(),
        max_errors: call.max_errors.clone(),
        interrupt: &interrupt,
        progress: &progress,
    };
    let rows = change(&round, fleet, asked, survey);
    progress.end();
    Ok(told::end(asked, fleet.json, rows, interrupt.came(), &options))
}

/// The change, then the proof of those that say that they have made it.
fn change(round: &Round<'_>, fleet: &FleetCall, asked: Asked, survey: Survey) -> Vec<Row> {
    let ids: Vec<InstanceId> = survey.ready.iter().map(|(id, _)| id.clone()).collect();
    let span = if let Asked::Install(span) = asked { Some(span) } else { None };
    let restart_sec = span.unwrap_or(drop_in::DEFAULT);
    let question = |op| Question { op, unit: fleet.unit.as_ref(), restart_sec };
    round.progress.step(if span.is_some() { "install" } else { "remove" }, ids.len());
    let first = round.ask(question(asked.op()), &ids);
    let done: Vec<InstanceId> =
        first.iter().filter(|(_, reply)| reply.has_succeeded()).map(|(id, _)| id.clone()).collect();
    round.progress.step("prove", done.len());
    let proofs: BTreeMap<InstanceId, Reply> =
        Round { max_concurrency: None, max_errors: None, ..*round }.ask(question(asked.proof()), &done);
    let rows = survey.ready.into_iter().filter_map(|(id, node)| {
        let first = first.get(&id)?;
        let proof = proofs.get(&id);
        Some(Row::asked(asked, id, node, first, proof))
    });
    rows.chain(survey.left_out.into_iter().map(Row::left_out)).collect()
}
