//! What AWS tells of a command on one node.

use std::borrow::Cow;

use serde_json::Value;

use crate::fleet::instance::InstanceId;
use crate::fleet::outcome::Outcome;
use crate::fleet::send::CommandId;

/// How many characters of both outputs list-command-invocations tells (CommandPluginOutput of the SSM API).
const LISTED: usize = 2500;
/// How many of standard output and of standard error get-command-invocation tells.
const STDOUT: usize = 24_000;
const STDERR: usize = 8_000;
/// What the agent puts where it has cut.
const CUT: [&str; 3] = ["---Output truncated---", "---Error truncated---", "--output truncated--"];
/// What the agent puts between the two outputs.
const BETWEEN: &str = "\n----------ERROR-------\n";

/// What a script wrote, as the node tells: hostile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Standard output and, if there is any, a line `----------ERROR-------` and standard error.
    pub text: String,
    /// It is not whole.
    pub cut: bool,
}

impl Output {
    fn of(text: Cow<'_, str>, cut: bool) -> Self {
        let cut = cut || CUT.iter().any(|mark| text.contains(mark));
        Self { text: text.into_owned(), cut }
    }
}

/// One row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub instance: InstanceId,
    pub outcome: Outcome,
    pub exit: Option<i32>,
    pub output: Output,
}

impl Row {
    /// The rows of list-command-invocations with its details. What is of another command, or names no node, is none.
    pub(super) fn listed(command: &CommandId, answer: &Value) -> Vec<Self> {
        let rows = answer["CommandInvocations"].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter().filter(|row| is_of(command, row)).filter_map(Self::of_list).collect()
    }

    fn of_list(row: &Value) -> Option<Self> {
        // AWS-RunShellScript has one plugin.
        let plugin = &row["CommandPlugins"][0];
        let output = text(plugin, "Output");
        let outcome = Outcome::read(text(row, "Status"), text(row, "StatusDetails"));
        Some(Self {
            instance: id(row)?,
            exit: exit(plugin, &outcome),
            outcome,
            output: Output::of(output.into(), is_at_least(output, LISTED)),
        })
    }

    /// The answer of get-command-invocation, unless it is of another command.
    pub(super) fn got(command: &CommandId, answer: &Value) -> Option<Self> {
        if !is_of(command, answer) {
            return None;
        }
        let [stdout, stderr] = ["StandardOutputContent", "StandardErrorContent"].map(|key| text(answer, key));
        let both =
            if stderr.is_empty() { stdout.into() } else { format!("{stdout}{BETWEEN}{stderr}").into() };
        let outcome = Outcome::read(text(answer, "Status"), text(answer, "StatusDetails"));
        Some(Self {
            instance: id(answer)?,
            exit: exit(answer, &outcome),
            outcome,
            output: Output::of(both, is_at_least(stdout, STDOUT) || is_at_least(stderr, STDERR)),
        })
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn is_of(command: &CommandId, row: &Value) -> bool {
    text(row, "CommandId") == command.as_str()
}

fn id(row: &Value) -> Option<InstanceId> {
    text(row, "InstanceId").parse().ok()
}

/// None of what has not ended; -1 says that it has not been run (ResponseCode of the SSM API).
fn exit(value: &Value, outcome: &Outcome) -> Option<i32> {
    let code = value["ResponseCode"].as_i64().filter(|code| *code >= 0 && outcome.is_final())?;
    i32::try_from(code).ok()
}

fn is_at_least(text: &str, length: usize) -> bool {
    text.chars().nth(length - 1).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMAND: &str = "0123abcd-0000-4000-8000-0123456789ab";
    const OTHER: &str = "0123abcd-0000-4000-8000-0123456789ac";

    fn command() -> CommandId {
        COMMAND.parse().expect("an id")
    }

    fn listed(output: &str) -> Row {
        let plugin = json!({"Name": "aws:runShellScript", "ResponseCode": 7, "Output": output});
        let row = json!({"CommandId": COMMAND, "InstanceId": "i-01234567", "Status": "Failed", "StatusDetails": "Failed",
            "CommandPlugins": [plugin]});
        Row::listed(
            &command(),
            &json!({"CommandInvocations": [{"CommandId": COMMAND, "InstanceId": "web1"}, 7, row]}),
        )
        .remove(0)
    }

    fn got(stdout: &str, stderr: &str) -> Output {
        let answer = json!({"CommandId": COMMAND, "InstanceId": "i-01234567", "Status": "Success", "StatusDetails": "Success",
            "ResponseCode": 0, "StandardOutputContent": stdout, "StandardErrorContent": stderr});
        Row::got(&command(), &answer).expect("a row").output
    }

    #[test]
    fn a_row_of_the_list_has_the_end_and_the_output_of_its_plugin() {
        let row = listed("out\n----------ERROR-------\nfailed to run commands: exit status 7");
        assert_eq!((row.outcome, row.exit), (Outcome::Failed, Some(7)));
        assert!(row.output.text.starts_with("out\n") && !row.output.cut);
        let early = json!({"CommandId": COMMAND, "InstanceId": "i-01234567", "Status": "Pending", "StatusDetails": "Pending"});
        let row = Row::listed(&command(), &json!({"CommandInvocations": [early]})).remove(0);
        assert_eq!((row.outcome, row.exit, row.output), (Outcome::Pending, None, Output::default()));
        assert_eq!(Row::listed(&command(), &json!({})), []);
    }

    #[test]
    fn an_output_at_its_limit_is_cut() {
        for (length, cut) in [(LISTED - 1, false), (LISTED, true)] {
            assert_eq!(listed(&"é".repeat(length)).output.cut, cut);
        }
        for (out, err, cut) in [(STDOUT - 1, STDERR - 1, false), (STDOUT, 0, true), (0, STDERR, true)] {
            assert_eq!(got(&"é".repeat(out), &"é".repeat(err)).cut, cut, "{out} {err}");
        }
        for mark in CUT {
            assert!(listed(&format!("a\n{mark}")).output.cut && got(mark, "").cut && got("", mark).cut);
        }
    }

    #[test]
    fn both_operations_tell_the_outputs_alike() {
        assert_eq!(got("out\n", "").text, "out\n");
        assert_eq!(got("out\n", "bad").text, "out\n\n----------ERROR-------\nbad");
        assert_eq!(Row::got(&command(), &json!({"CommandId": COMMAND, "Status": "Success"})), None);
        for (status, code, exit) in [("Pending", -1, None), ("InProgress", 0, None), ("Success", 0, Some(0))]
        {
            let answer = json!({"CommandId": COMMAND, "InstanceId": "i-01234567", "Status": status, "ResponseCode": code});
            assert_eq!(Row::got(&command(), &answer).expect("a row").exit, exit, "{status}");
        }
    }

    #[test]
    fn what_is_of_another_command_is_not_taken() {
        for (id, taken) in [(json!(COMMAND), true), (json!(OTHER), false), (json!(null), false)] {
            let row = json!({"CommandId": id, "InstanceId": "i-01234567", "Status": "Success"});
            assert_eq!(Row::got(&command(), &row).is_some(), taken, "{row}");
            let rows = Row::listed(&command(), &json!({"CommandInvocations": [row]}));
            assert_eq!(rows.len(), usize::from(taken), "{rows:?}");
        }
    }
}
