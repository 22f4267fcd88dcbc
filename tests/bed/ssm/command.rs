//! A command and its invocations, and how the API shows them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::behaviour::Behaviour;
use super::clock::{date, elapsed, epoch, text};
use super::output;
use super::run::Run;
use super::stage::{Known, Stage};

/// The plugin of AWS-RunShellScript.
const PLUGIN: &str = "aws:runShellScript";

/// Says that an invocation has not run (yet).
const NOT_RUN: i32 = -1;

/// A command that was sent.
pub(super) struct Command {
    pub(super) id: String,
    pub(super) sent: Instant,
    /// What the caller sent.
    pub(super) body: Value,
    pub(super) script: String,
    pub(super) delivery_timeout: Duration,
    pub(super) execution_timeout: Duration,
    pub(super) invocations: Vec<Invocation>,
}

/// A command on one node.
pub(super) struct Invocation {
    pub(super) instance: String,
    /// How many looks are still not to find it.
    pub(super) unseen: u32,
    pub(super) behaviour: Behaviour,
    pub(super) run: Option<Arc<Run>>,
    pub(super) cancelled: Option<Instant>,
}

impl Command {
    /// A `Command`.
    pub(super) fn shown(&self, now: Instant) -> Value {
        let stages: Vec<Stage> =
            self.invocations.iter().map(|invocation| self.stage(invocation, now)).collect();
        let count = |is: fn(&Stage) -> bool| stages.iter().filter(|stage| is(stage)).count();
        let status = overall(&stages);
        let or =
            |field: &str, or: Value| Some(self.body[field].clone()).filter(|it| !it.is_null()).unwrap_or(or);
        let own = json!({
            "ExpiresAfter": epoch(date(self.sent + self.delivery_timeout + self.execution_timeout)),
            "Parameters": self.body["Parameters"],
            "InstanceIds": or("InstanceIds", json!([])),
            "Targets": or("Targets", json!([])),
            "Status": status,
            "StatusDetails": status,
            "MaxConcurrency": or("MaxConcurrency", json!("50")),
            "MaxErrors": or("MaxErrors", json!("0")),
            "TargetCount": stages.len(),
            "CompletedCount": count(|stage| stage.ended().is_some()),
            "ErrorCount": count(|stage| matches!(stage.details(), "Failed" | "ExecutionTimedOut")),
            "DeliveryTimedOutCount": count(|stage| stage.details() == "DeliveryTimedOut"),
            "TimeoutSeconds": or("TimeoutSeconds", json!(3600)),
            "OutputS3BucketName": "",
            "OutputS3KeyPrefix": "",
        });
        merged(self.common(), own)
    }

    /// A `CommandInvocation`, with its plugin where details are asked for.
    pub(super) fn listed(&self, invocation: &Invocation, details: bool, now: Instant) -> Value {
        let stage = self.stage(invocation, now);
        let plugins: Vec<Value> =
            stage.since().filter(|_| details).map(|_| plugin(&stage)).into_iter().collect();
        let own = json!({
            "InstanceId": invocation.instance,
            "InstanceName": "",
            "Status": stage.status(),
            "StatusDetails": stage.details(),
            "StandardOutputUrl": "",
            "StandardErrorUrl": "",
            "CommandPlugins": plugins,
        });
        merged(self.common(), own)
    }

    /// A `GetCommandInvocationResult`.
    pub(super) fn got(&self, invocation: &Invocation, now: Instant) -> Value {
        let stage = self.stage(invocation, now);
        let ended = stage.ended();
        let time =
            stage.since().zip(ended).map(|(since, (at, _))| elapsed(at.saturating_duration_since(since)));
        json!({
            "CommandId": self.id,
            "InstanceId": invocation.instance,
            "Comment": self.comment(),
            "DocumentName": self.body["DocumentName"],
            "DocumentVersion": "$DEFAULT",
            "PluginName": PLUGIN,
            "ResponseCode": ended.map_or(NOT_RUN, |(_, ran)| ran.code),
            "ExecutionStartDateTime": text(stage.since()),
            "ExecutionElapsedTime": time.unwrap_or_default(),
            "ExecutionEndDateTime": text(stage.since().and(ended).map(|(at, _)| at)),
            "Status": stage.status(),
            "StatusDetails": stage.details(),
            "StandardOutputContent": ended.map(|(_, ran)| output::stdout(ran)).unwrap_or_default(),
            "StandardOutputUrl": "",
            "StandardErrorContent": ended.map(|(_, ran)| output::stderr(ran)).unwrap_or_default(),
            "StandardErrorUrl": "",
            "CloudWatchOutputConfig": cloud_watch(),
        })
    }

    /// Where one of its invocations stands.
    pub(super) fn stage(&self, invocation: &Invocation, now: Instant) -> Stage {
        let behaviour = &invocation.behaviour;
        let known = Known {
            sent: self.sent,
            behaviour,
            script: &self.script,
            progress: invocation.run.as_ref().map(|run| run.progress()),
            cancelled: invocation.cancelled,
            delivery_timeout: behaviour.delivery_timeout.unwrap_or(self.delivery_timeout),
            execution_timeout: self.execution_timeout,
        };
        known.stage(now)
    }

    /// What commands and their invocations have in common.
    fn common(&self) -> Value {
        json!({
            "CommandId": self.id,
            "Comment": self.comment(),
            "DocumentName": self.body["DocumentName"],
            "DocumentVersion": "$DEFAULT",
            "RequestedDateTime": epoch(date(self.sent)),
            "ServiceRole": "",
            "NotificationConfig": { "NotificationArn": "", "NotificationEvents": [], "NotificationType": "" },
            "CloudWatchOutputConfig": cloud_watch(),
        })
    }

    fn comment(&self) -> &str {
        self.body["Comment"].as_str().unwrap_or("")
    }
}

impl Invocation {
    /// Looks for it: whether it is found.
    pub(super) fn look(&mut self) -> bool {
        let seen = self.unseen == 0;
        self.unseen = self.unseen.saturating_sub(1);
        seen
    }
}

/// A `CommandPlugin`.
fn plugin(stage: &Stage) -> Value {
    let ended = stage.ended();
    let mut plugin = json!({
        "Name": PLUGIN,
        "Status": stage.status(),
        "StatusDetails": stage.details(),
        "ResponseCode": ended.map_or(NOT_RUN, |(_, ran)| ran.code),
        "ResponseStartDateTime": stage.since().map(|since| epoch(date(since))),
        "Output": ended.map(|(_, ran)| output::listed(ran)).unwrap_or_default(),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3Region": super::REGION,
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
    });
    if let Some((at, _)) = ended {
        plugin["ResponseFinishDateTime"] = json!(epoch(date(at)));
    }
    plugin
}

/// The status of a command with those invocations.
fn overall(stages: &[Stage]) -> &'static str {
    let all = |status: &str| stages.iter().all(|stage| stage.status() == status);
    let any = |status: &str| stages.iter().any(|stage| stage.status() == status);
    match () {
        () if all("Success") => "Success",
        () if all("Pending") => "Pending",
        () if any("Cancelling") => "Cancelling",
        () if stages.iter().any(|stage| stage.ended().is_none()) => "InProgress",
        () if any("Failed") => "Failed",
        () if any("TimedOut") => "TimedOut",
        () => "Cancelled",
    }
}

fn cloud_watch() -> Value {
    json!({ "CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": false })
}

fn merged(mut one: Value, other: Value) -> Value {
    let fields = |value: Value| if let Value::Object(fields) = value { fields } else { Map::new() };
    if let Some(all) = one.as_object_mut() {
        all.extend(fields(other));
    }
    one
}
