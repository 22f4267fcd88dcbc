//! What was asked of the endpoint.

use std::time::Instant;

use serde_json::Value;

/// An operation of the API that the endpoint knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// SendCommand.
    SendCommand,
    /// ListCommandInvocations.
    ListCommandInvocations,
    /// GetCommandInvocation.
    GetCommandInvocation,
    /// DescribeInstanceInformation.
    DescribeInstanceInformation,
    /// ListCommands.
    ListCommands,
    /// CancelCommand.
    CancelCommand,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// What was called.
    pub operation: Operation,
    /// What the caller sent.
    pub body: Value,
    /// When it came.
    pub at: Instant,
}

impl Operation {
    /// By its name in `X-Amz-Target`, behind `AmazonSSM.`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "SendCommand" => Self::SendCommand,
            "ListCommandInvocations" => Self::ListCommandInvocations,
            "GetCommandInvocation" => Self::GetCommandInvocation,
            "DescribeInstanceInformation" => Self::DescribeInstanceInformation,
            "ListCommands" => Self::ListCommands,
            "CancelCommand" => Self::CancelCommand,
            _ => return None,
        })
    }
}

impl Call {
    /// The instance ids that a SendCommand names.
    #[must_use]
    pub fn instances(&self) -> Vec<&str> {
        self.body["InstanceIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }
}
