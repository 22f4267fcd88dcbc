//! ListCommandInvocations: of one command or of all, on one node or on all, in pages.

use std::time::Instant;

use serde_json::{Value, json};

use crate::ssm::fields::command_id;
use crate::ssm::page::page;
use crate::ssm::refusal::Refusal;
use crate::ssm::state::State;

pub(super) fn answer(state: &mut State, body: &Value) -> Result<Value, Refusal> {
    let id = command_id(body)?;
    let instance = body["InstanceId"].as_str();
    let details = body["Details"].as_bool().unwrap_or(false);
    // One look is one list, not one page of it.
    let first = body["NextToken"].is_null();
    let now = Instant::now();
    let mut rows = Vec::new();
    // An unknown command is an empty list, not an error (aws-cli issue 3546).
    for command in state.commands.iter_mut().filter(|command| id.is_none_or(|id| command.id == id)) {
        let meant = |on: &str| instance.is_none_or(|instance| instance == on);
        let mut seen = Vec::new();
        for (index, invocation) in command.invocations.iter_mut().enumerate() {
            let found = if first { invocation.look() } else { invocation.unseen == 0 };
            if meant(&invocation.instance) && found {
                seen.push(index);
            }
        }
        rows.extend(seen.into_iter().map(|index| command.listed(&command.invocations[index], details, now)));
    }
    let (rows, token) = page(rows, body, state.page_size)?;
    Ok(json!({ "CommandInvocations": rows, "NextToken": token }))
}
