//! CancelCommand: for all of a command's nodes, or for those that are named.

use std::time::Instant;

use serde_json::{Value, json};

use crate::ssm::fields::{command_id, strings};
use crate::ssm::refusal::Refusal;
use crate::ssm::state::State;

pub(super) fn answer(state: &mut State, body: &Value) -> Result<Value, Refusal> {
    let id = command_id(body)?.unwrap_or_default();
    let command = state.command(id).ok_or_else(|| Refusal::new("InvalidCommandId", ""))?;
    let named = strings(body, "InstanceIds");
    let meant = |instance: &str| named.is_empty() || named.contains(&instance);
    for invocation in command.invocations.iter_mut().filter(|invocation| meant(&invocation.instance)) {
        invocation.cancelled.get_or_insert_with(Instant::now);
        if let Some(run) = &invocation.run {
            run.cancel();
        }
    }
    Ok(json!({}))
}
