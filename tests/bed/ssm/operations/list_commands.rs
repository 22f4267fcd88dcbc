//! ListCommands: one, or all.

use std::time::Instant;

use serde_json::{Value, json};

use crate::ssm::fields::command_id;
use crate::ssm::page::page;
use crate::ssm::refusal::Refusal;
use crate::ssm::state::State;

pub(super) fn answer(state: &State, body: &Value) -> Result<Value, Refusal> {
    let id = command_id(body)?;
    let now = Instant::now();
    let commands = state.commands.iter().filter(|command| id.is_none_or(|id| command.id == id));
    let (rows, token) = page(commands.map(|command| command.shown(now)).collect(), body, state.page_size)?;
    Ok(json!({ "Commands": rows, "NextToken": token }))
}
