//! The table at the end.

use std::collections::BTreeMap;

use super::row::Row;

/// What stands where nothing is known.
const UNKNOWN: &str = "-";

/// The columns; the last one is as wide as it is.
const HEADING: [&str; 10] = [
    "INSTANCE",
    "NAME",
    "PING",
    "LAST PING",
    "AGENT",
    "RESTART",
    "RESTART SEC",
    "RESULT",
    "DECIDED BY",
    "WHY",
];

/// One line an instance, and one that counts them.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let lines: Vec<[String; 10]> =
        std::iter::once(HEADING.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..9).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        let padded = cells.collect::<String>() + &line[9];
        text.push_str(padded.trim_end());
        text.push('\n');
    }
    text + &summary(rows) + "\n"
}

fn cells(row: &Row) -> [String; 10] {
    let known =
        |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| UNKNOWN.to_owned());
    let node = row.node.as_ref();
    let answer = row.answer.as_ref();
    let cells = [
        row.instance.to_string(),
        known(node.map(|node| node.name.clone())),
        known(node.map(|node| node.ping.to_string())),
        known(node.and_then(|node| node.last_ping.clone())),
        known(node.map(|node| node.agent_version.clone())),
        known(answer.map(|answer| answer.restart.clone())),
        known(answer.and_then(|answer| answer.restart_sec).map(|span| span.to_string())),
        row.end.code().to_owned(),
        known(answer.and_then(|answer| answer.winner.clone())),
        row.error().to_owned(),
    ];
    cells.map(|cell| diagnostics::one_line(&cell))
}

fn summary(rows: &[Row]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.end.code()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let instances = if rows.len() == 1 { "instance" } else { "instances" };
    format!("{} {instances}: {}", rows.len(), counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::fleet::node::{Node, Ping};
    use crate::fleet::survey::LeftOut;

    fn left_out(number: u32, code: &'static str, error: &str) -> Row {
        let instance: crate::fleet::instance::InstanceId =
            format!("i-{number:08}").parse().expect("an instance");
        let node = Node {
            id: instance.clone(),
            ping: Ping::ConnectionLost,
            last_ping: None,
            agent_version: "3.3".to_owned(),
            platform: "Linux".to_owned(),
            name: "web\u{1b}[2J".to_owned(),
        };
        Row::left_out(LeftOut { instance, node: Some(node), failure: Failure::new(code, error) })
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_what_hosts_say_is_escaped() {
        let rows = [
            left_out(1, "not-online", "its agent\nsleeps"),
            Row::would_ask("i-00000002".parse().expect("an instance"), None),
            left_out(3, "not-linux", ""),
        ];
        let text = "\
INSTANCE    NAME          PING            LAST PING  AGENT  RESTART  RESTART SEC  RESULT      DECIDED BY  WHY
i-00000001  web\\u{1b}[2J  ConnectionLost  -          3.3    -        -            not-online  -           its agent\\u{a}sleeps
i-00000002  -             -               -          -      -        -            would-ask   -
i-00000003  web\\u{1b}[2J  ConnectionLost  -          3.3    -        -            not-linux   -
3 instances: 1 not-linux, 1 not-online, 1 would-ask
";
        assert_eq!(table(&rows), text);
    }
}
