//! What is told at the end.

use std::collections::BTreeMap;

use super::row::{Asked, Row};
use super::send::CommandId;
use super::table::table;
use crate::exit::Exit;
use crate::report;

/// Writes the rows, an object each or a table, and what is under way; the exit status of the call.
#[must_use]
pub fn end(asked: Asked, json: bool, mut rows: Vec<Row>, interrupted: bool) -> Exit {
    rows.sort_by(|one, other| one.instance.cmp(&other.instance));
    let text =
        if json { rows.iter().map(|row| row.json(asked).to_string() + "\n").collect() } else { table(&rows) };
    let told = report::print(&text);
    for line in in_flight(&rows) {
        report::complain(&line);
    }
    match (told, interrupted) {
        (_, true) => Exit::Interrupted,
        (Exit::Done, false) if rows.iter().all(Row::is_good) => Exit::Done,
        _ => Exit::Failed,
    }
}

/// Of each command that goes on without us: how many instances, and how to look again.
fn in_flight(rows: &[Row]) -> Vec<String> {
    let mut commands: BTreeMap<&CommandId, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.in_flight) {
        if let Some(command) = row.commands.last() {
            *commands.entry(command).or_default() += 1;
        }
    }
    let lines = commands.into_iter().map(|(command, count)| {
        format!(
            "command {command} goes on, on {count} of the instances: look again with 'aws ssm list-command-invocations \
             --details --command-id {command}' or ssm-keepalive fleet-status; 'aws ssm cancel-command --command-id \
             {command}' ends it"
        )
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::fleet::round::{NotHeard, Reply};

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
        let lines = in_flight(&rows);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with(&format!("command {} goes on, on 2 of", commands[0])), "{}", lines[0]);
        assert!(
            lines[1].contains(&format!("list-command-invocations --details --command-id {}", commands[1]))
        );
    }
}
