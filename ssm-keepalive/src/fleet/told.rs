//! What is told at the end.

use std::collections::BTreeMap;

use super::row::{Asked, Row};
use super::send::CommandId;
use super::table::{Width, table};
use crate::exit::Exit;
use crate::report;

/// Writes the rows, an object each or a table, and what is under way; the exit status of the call. `options` are those
/// of aws(1).
#[must_use]
pub fn end(asked: Asked, json: bool, mut rows: Vec<Row>, interrupted: bool, options: &str) -> Exit {
    rows.sort_by(|one, other| one.instance.cmp(&other.instance));
    let text = if json {
        rows.iter().map(|row| row.json(asked).to_string() + "\n").collect()
    } else {
        table(&rows, Width::of_output())
    };
    let told = report::print(&text);
    for line in in_flight(&rows, options) {
        report::complain(&line);
    }
    match (told, interrupted) {
        (_, true) => Exit::Interrupted,
        (Exit::Done, false) if rows.iter().all(Row::is_good) => Exit::Done,
        _ => Exit::Failed,
    }
}

/// How to look at a command again.
#[must_use]
pub fn look_again(command: &CommandId, options: &str) -> String {
    format!("aws ssm list-command-invocations --details --command-id {command}{options}")
}

/// That a command goes on without us.
#[must_use]
pub fn goes_on(command: &CommandId, options: &str) -> String {
    format!(
        "command {command} goes on: look again with '{}' or ssm-keepalive fleet-status; 'aws ssm cancel-command \
         --command-id {command}{options}' ends it",
        look_again(command, options)
    )
}

/// Of each command that goes on without us: on how many instances, and how to look again.
fn in_flight(rows: &[Row], options: &str) -> Vec<String> {
    let mut commands: BTreeMap<&CommandId, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.in_flight) {
        if let Some(command) = row.commands.last() {
            *commands.entry(command).or_default() += 1;
        }
    }
    let line = |(command, count)| format!("on {count} of the instances {}", goes_on(command, options));
    commands.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::reply::{NotHeard, Reply};
    use diagnostics::Failure;

    #[test]
    fn each_command_under_way_is_told_once_with_how_to_look_again() {
        let commands = [0, 1].map(|n| format!("{n:08}-89ab-cdef-0123-456789abcdef"));
        let row = |number: u32, command: &str, in_flight: bool| {
            let failure = Failure::new("in-flight", "why");
            let command = Some(command.parse().expect("a command"));
            let reply = Reply { command, heard: Err(NotHeard { failure, in_flight }) };
            let instance = format!("i-{number:08}").parse().expect("an instance");
            Row::asked(Asked::Remove, instance, None, &reply, None)
        };
        let rows = [
            row(1, &commands[0], true),
            row(2, &commands[0], true),
            row(3, &commands[1], true),
            row(4, &commands[1], false),
        ];
        let lines = in_flight(&rows, " --profile 'prod'");
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].starts_with(&format!("on 2 of the instances command {} goes", commands[0])),
            "{lines:?}"
        );
        for verb in ["list-command-invocations --details", "cancel-command"] {
            let whole = format!("aws ssm {verb} --command-id {} --profile 'prod'", commands[1]);
            assert!(lines[1].contains(&whole), "{lines:?}");
        }
    }
}
