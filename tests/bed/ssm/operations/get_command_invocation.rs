//! GetCommandInvocation: one invocation, with as much of its outputs as the API has.

use std::time::Instant;

use serde_json::Value;

use crate::ssm::fields::command_id;
use crate::ssm::refusal::Refusal;
use crate::ssm::state::State;

pub(super) fn answer(state: &mut State, body: &Value) -> Result<Value, Refusal> {
    let absent = || Refusal::new("InvocationDoesNotExist", "");
    let id = command_id(body)?.unwrap_or_default();
    let instance = body["InstanceId"].as_str().unwrap_or_default();
    let command = state.command(id).ok_or_else(absent)?;
    let invocation = command.invocations.iter_mut().find(|invocation| invocation.instance == instance);
    if !invocation.ok_or_else(absent)?.look() {
        return Err(absent());
    }
    let found = command.invocations.iter().find(|invocation| invocation.instance == instance);
    found.map(|invocation| command.got(invocation, Instant::now())).ok_or_else(absent)
}
