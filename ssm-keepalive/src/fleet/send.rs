//! A command for many nodes: `aws ssm send-command` with AWS-RunShellScript.

mod order;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::fleet::aws::{Aws, AwsError, Kind};
use crate::fleet::instance::InstanceId;
use diagnostics::Failure;

pub use order::{MaxConcurrency, MaxErrors, NotALimit, Order};

/// Most nodes of one command that names them (InstanceIdList of the SSM API).
pub const MAX_INSTANCES: usize = 50;
/// How long AWS tries to hand the command to a node's agent (TimeoutSeconds of the SSM API: 30 s to 30 days). A node
/// that is online takes it within seconds; one that waits for others of its command (MaxConcurrency) takes longer.
pub const DELIVERY: Duration = Duration::from_secs(600);
/// The operation that is called.
const SEND: &str = "send-command";
/// Length of a command's id.
const ID: usize = 36;

/// The id of a command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct CommandId(String);

impl CommandId {
    /// As AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is no id of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotACommand;

impl FromStr for CommandId {
    type Err = NotACommand;

    fn from_str(text: &str) -> Result<Self, NotACommand> {
        let is_of_uuid = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        let fits = text.len() == ID && text.bytes().all(is_of_uuid);
        fits.then(|| Self(text.to_owned())).ok_or(NotACommand)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A command that AWS has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub command: CommandId,
    /// The nodes that it is for.
    pub instances: Vec<InstanceId>,
}

/// Nodes that no command was sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub instances: Vec<InstanceId>,
    /// Why.
    pub failure: Failure,
}

/// Sends it to these nodes, in one command for each [`MAX_INSTANCES`] of them. One instance that is invalid has AWS
/// refuse the whole command, which is then sent to each half of its nodes. Once `stop` is set nothing more is sent:
/// the rest is refused with the code `interrupted`.
#[must_use]
pub fn send(
    aws: &Aws,
    order: &Order,
    instances: &[InstanceId],
    stop: &AtomicBool,
) -> Vec<Result<Sent, Refused>> {
    let mut call = |instances: &[InstanceId]| match aws.call(SEND, &order.input(instances)) {
        Ok(answer) => taken(&answer),
        Err(error) if error.kind == Kind::InvalidInstanceId => Attempt::Invalid((&error).into()),
        Err(error) => Attempt::Failed(failed(&error)),
    };
    let mut attempt = unless_stopped(stop, &mut call);
    let mut results = Vec::new();
    for batch in instances.chunks(MAX_INSTANCES) {
        sent_to(batch, &mut attempt, &mut results);
    }
    results
}

/// Looks at it before each call.
fn unless_stopped(
    stop: &AtomicBool,
    call: &mut dyn FnMut(&[InstanceId]) -> Attempt,
) -> impl FnMut(&[InstanceId]) -> Attempt {
    move |instances| {
        if stop.load(Ordering::Relaxed) {
            return Attempt::Failed(interrupted());
        }
        call(instances)
    }
}

/// Why nothing more is sent after a signal.
#[must_use]
pub fn interrupted() -> Failure {
    Failure::new("interrupted", "not sent, since a signal ended the call")
}

/// What became of one call.
enum Attempt {
    Taken(CommandId),
    /// At least one of the instances is none.
    Invalid(Failure),
    Failed(Failure),
}

fn sent_to(
    instances: &[InstanceId],
    attempt: &mut dyn FnMut(&[InstanceId]) -> Attempt,
    results: &mut Vec<Result<Sent, Refused>>,
) {
    let all = || instances.to_vec();
    match attempt(instances) {
        Attempt::Taken(command) => results.push(Ok(Sent { command, instances: all() })),
        Attempt::Invalid(_) if instances.len() > 1 => {
            let (first, second) = instances.split_at(instances.len() / 2);
            sent_to(first, attempt, results);
            sent_to(second, attempt, results);
        }
        Attempt::Invalid(failure) | Attempt::Failed(failure) => {
            results.push(Err(Refused { instances: all(), failure }));
        }
    }
}

fn taken(answer: &Value) -> Attempt {
    match answer["Command"]["CommandId"].as_str().unwrap_or_default().parse() {
        Ok(command) => Attempt::Taken(command),
        Err(NotACommand) => {
            let what = "AWS has taken the command without telling its id; `aws ssm list-commands` shows it";
            Attempt::Failed(Failure::new("no-command-id", what))
        }
    }
}

/// A call without an answer may have been heard.
fn failed(error: &AwsError) -> Failure {
    let failure = Failure::from(error);
    match error.kind {
        Kind::Server | Kind::Unreachable | Kind::TimedOut | Kind::Other => {
            let perhaps = "the command may run all the same: `aws ssm list-commands` shows whether it does";
            Failure::new(failure.code, format!("{}; {perhaps}", failure.error))
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fleet::aws::tests::aws;

    const COMMAND: &str = "0123abcd-0000-4000-8000-0123456789ab";

    fn ids(count: usize) -> Vec<InstanceId> {
        (0..count).map(|n| format!("i-{n:08}").parse().expect("an id")).collect()
    }

    /// The nodes that were sent to and those that were refused, and how many calls it took.
    fn halved(count: usize, invalid: &[usize]) -> (usize, Vec<InstanceId>, usize) {
        let (nodes, mut calls, mut results) = (ids(count), 0, Vec::new());
        let culprits: Vec<_> = invalid.iter().map(|at| nodes[*at].clone()).collect();
        let mut attempt = |instances: &[InstanceId]| {
            calls += 1;
            if instances.iter().any(|id| culprits.contains(id)) {
                return Attempt::Invalid(Failure::new("aws-invalid-instance", "no"));
            }
            Attempt::Taken(COMMAND.parse().expect("an id"))
        };
        sent_to(&nodes, &mut attempt, &mut results);
        let sent = results.iter().flatten().map(|sent| sent.instances.len()).sum();
        let refused =
            results.into_iter().filter_map(Result::err).flat_map(|refused| refused.instances).collect();
        (sent, refused, calls)
    }

    #[test]
    fn an_invalid_instance_is_found_and_the_others_are_sent_to() {
        for (count, invalid, most) in
            [(50, &[][..], 1), (50, &[7], 13), (50, &[0, 49], 25), (1, &[0], 1), (3, &[0, 1, 2], 5)]
        {
            let (sent, refused, calls) = halved(count, invalid);
            let nodes = ids(count);
            assert_eq!(sent, count - invalid.len());
            assert_eq!(refused, invalid.iter().map(|at| nodes[*at].clone()).collect::<Vec<_>>());
            assert!(calls <= most, "{calls} calls for {count} with {invalid:?}");
        }
    }

    #[test]
    fn another_refusal_is_that_of_all() {
        let mut results = Vec::new();
        sent_to(&ids(3), &mut |_| Attempt::Failed(Failure::new("aws-usage", "no")), &mut results);
        let refused = Refused { instances: ids(3), failure: Failure::new("aws-usage", "no") };
        assert_eq!(results, [Err(refused)]);
    }

    #[test]
    fn after_a_request_to_stop_nothing_more_is_sent() {
        let (stop, mut calls, mut results) = (AtomicBool::new(false), 0, Vec::new());
        let mut call = |_: &[InstanceId]| {
            calls += 1;
            stop.store(true, Ordering::Relaxed);
            Attempt::Invalid(Failure::new("aws-invalid-instance", "no"))
        };
        sent_to(&ids(50), &mut unless_stopped(&stop, &mut call), &mut results);
        let refused: Vec<Refused> = results.into_iter().filter_map(Result::err).collect();
        assert!(refused.iter().all(|refused| refused.failure.code == "interrupted"), "{refused:?}");
        let rest: Vec<_> = refused.into_iter().flat_map(|refused| refused.instances).collect();
        assert_eq!((calls, rest), (1, ids(50)));
        // Nor is the CLI run at all.
        let (_folder, aws) = aws("exit 1");
        let order = Order {
            script: String::new(),
            document_timeout: 60,
            max_concurrency: MaxConcurrency::default(),
            max_errors: MaxErrors::default(),
            comment: String::new(),
        };
        let results = send(&aws, &order, &ids(1), &stop);
        assert!(
            matches!(&results[..], [Err(refused)] if refused.failure.code == "interrupted"),
            "{results:?}"
        );
    }

    #[test]
    fn a_call_that_may_have_been_heard_is_told_with_how_to_look() {
        for (kind, perhaps) in [
            (Kind::TimedOut, true),
            (Kind::Unreachable, true),
            (Kind::Server, true),
            (Kind::Other, true),
            (Kind::NotStarted, false),
            (Kind::AccessDenied, false),
            (Kind::Throttled, false),
            (Kind::Usage, false),
        ] {
            let failure = failed(&AwsError::example(kind));
            assert_eq!(failure.error.contains("`aws ssm list-commands`"), perhaps, "{failure}");
            assert_eq!(failure.code, Failure::from(&AwsError::example(kind)).code);
        }
    }

    #[test]
    fn an_answer_without_a_commands_id_is_no_success() {
        assert!(matches!(taken(&json!({"Command": {"CommandId": COMMAND}})), Attempt::Taken(_)));
        let long = format!("{COMMAND}0");
        for id in ["", "0123abcd", "../23abcd-0000-4000-8000-0123456789ab", &long] {
            assert!(matches!(taken(&json!({"Command": {"CommandId": id}})), Attempt::Failed(_)), "{id}");
        }
        assert!(matches!(taken(&json!({})), Attempt::Failed(_)));
    }
}
