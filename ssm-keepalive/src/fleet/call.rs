//! One call on a fleet: which instances, what they answer, what proves it, and how that is told.

use std::collections::BTreeMap;

use super::aws::Aws;
use super::instance::InstanceId;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::reply::{Question, Reply};
use super::round::{Limits, Round};
use super::row::{Asked, Row};
use super::survey::{Survey, survey};
use super::told;
use crate::cli::FleetCall;
use crate::drop_in;
use crate::exit::Exit;
use crate::report;
use diagnostics::Failure;

/// Makes it, or with `dry_run` only the survey; the exit status says whether every instance is good.
///
/// # Errors
/// Those of the survey, and `no-aws` or `signals`; what fails on an instance is its row's.
pub fn call(fleet: &FleetCall, asked: Asked, limits: Limits, dry_run: bool) -> Result<Exit, Failure> {
    let aws = Aws::find(fleet.profile.as_deref(), fleet.region.as_deref())?;
    let options = aws.options_for_shell();
    let interrupt = Interrupt::listen(&options)?;
    let survey = survey(&aws, &fleet.chosen())?;
    if let Some(warning) = &survey.warning {
        report::complain(warning);
    }
    if dry_run {
        let would = survey.ready.into_iter().map(|(id, node)| Row::would_ask(id, node));
        let left = survey.left_out.into_iter().map(Row::left_out);
        return Ok(told::end(asked, fleet.json, would.chain(left).collect(), false, &options));
    }
    let progress = Progress::new(fleet.json);
    let round = Round {
        aws: &aws,
        document_timeout: fleet.document_timeout,
        limits,
        interrupt: &interrupt,
        progress: &progress,
    };
    let rows = ask(&round, fleet, asked, survey);
    progress.end();
    Ok(told::end(asked, fleet.json, rows, interrupt.came(), &options))
}

/// What is asked, then the proof of those that say that they have done it.
fn ask(round: &Round<'_>, fleet: &FleetCall, asked: Asked, survey: Survey) -> Vec<Row> {
    let ids: Vec<InstanceId> = survey.ready.iter().map(|(id, _)| id.clone()).collect();
    let restart_sec = if let Asked::Install(span) = asked { span } else { drop_in::DEFAULT };
    let question = |op| Question { op, unit: fleet.unit.as_ref(), restart_sec };
    round.progress.step(asked.step(), ids.len());
    let first = round.ask(question(asked.op()), &ids);
    let proofs: BTreeMap<InstanceId, Reply> = asked.proof().map_or_else(BTreeMap::new, |proof| {
        let succeeded = first.iter().filter(|(_, reply)| reply.has_succeeded());
        let done: Vec<InstanceId> = succeeded.map(|(id, _)| id.clone()).collect();
        round.progress.step("prove", done.len());
        Round { limits: Limits::default(), ..*round }.ask(question(proof), &done)
    });
    let rows = survey.ready.into_iter().filter_map(|(id, node)| {
        let first = first.get(&id)?;
        let proof = proofs.get(&id);
        Some(Row::asked(asked, id, node, first, proof))
    });
    rows.chain(survey.left_out.into_iter().map(Row::left_out)).collect()
}
