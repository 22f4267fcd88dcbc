//! The operations of the API, one a file.

mod cancel_command;
mod describe_instance_information;
mod get_command_invocation;
mod list_command_invocations;
mod list_commands;
mod send_command;

use std::sync::Arc;

use serde_json::Value;

use super::call::Operation;
use super::refusal::Refusal;
use super::state::Shared;

/// What an operation answers to a body.
pub(super) fn answer(shared: &Arc<Shared>, operation: Operation, body: &Value) -> Result<Value, Refusal> {
    match operation {
        Operation::SendCommand => send_command::answer(shared, body),
        Operation::ListCommandInvocations => list_command_invocations::answer(&mut shared.state(), body),
        Operation::GetCommandInvocation => get_command_invocation::answer(&mut shared.state(), body),
        Operation::DescribeInstanceInformation => {
            describe_instance_information::answer(&shared.state(), body)
        }
        Operation::ListCommands => list_commands::answer(&shared.state(), body),
        Operation::CancelCommand => cancel_command::answer(&mut shared.state(), body),
    }
}
