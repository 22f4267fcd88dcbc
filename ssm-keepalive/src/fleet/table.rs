//! The table at the end.
//!
//! A terminal breaks a line that is too long, and what a host says could look there like the row of another one. So no
//! foreign cell has a space, none is long, and nothing is longer than a line of the terminal.

use std::collections::BTreeMap;
use std::io;

use super::row::Row;

/// What stands where nothing is known.
const UNKNOWN: &str = "-";
/// The columns.
const HEADING: [&str; 9] =
    ["INSTANCE", "RESULT", "PING", "LAST PING", "AGENT", "RESTART", "RESTART SEC", "NAME", "DECIDED BY"];
/// Most characters of a cell that is not ours.
const MOST: usize = 40;
/// Most characters of a path: those of systemd begin and end with what tells most.
const MOST_OF_PATH: usize = 120;
/// How wide a terminal is that does not tell.
const ORDINARY: u16 = 80;

/// How long a line may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width(usize);

impl Width {
    /// As long as a line of the terminal that standard output is; anything where it is none.
    #[must_use]
    pub fn of_output() -> Self {
        use io::IsTerminal;
        if !io::stdout().is_terminal() {
            return Self(usize::MAX);
        }
        let columns = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0);
        Self(columns.filter(|columns| *columns > 0).unwrap_or(ORDINARY).into())
    }
}

/// One line an instance, why for each that is not good, and one line that counts them.
#[must_use]
pub fn table(rows: &[Row], width: Width) -> String {
    let lines: Vec<[String; 9]> =
        std::iter::once(HEADING.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let widest = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADING.len()).map(widest).collect();
    let mut text = String::new();
    for line in &lines {
        let padded: String =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
        text += &cut(padded.trim_end(), width);
    }
    for row in rows.iter().filter(|row| !row.error().is_empty()) {
        text += &cut(&format!("{} {}: {}", row.instance, row.end.code(), words(row.error())), width);
    }
    text + &summary(rows) + "\n"
}

fn cells(row: &Row) -> [String; 9] {
    let known = |text: Option<&str>, most: usize| {
        text.filter(|text| !text.is_empty()).map_or_else(|| UNKNOWN.to_owned(), |text| cell(text, most))
    };
    let node = row.node.as_ref();
    let answer = row.answer.as_ref();
    let span = answer.and_then(|answer| answer.restart_sec).map(|span| span.to_string().replace(' ', ""));
    let ping = node.map(|node| node.ping.to_string());
    [
        row.instance.to_string(),
        row.end.code().to_owned(),
        known(ping.as_deref(), MOST),
        known(node.and_then(|node| node.last_ping.as_deref()), MOST),
        known(node.map(|node| node.agent_version.as_str()), MOST),
        known(answer.map(|answer| answer.restart.as_str()), MOST),
        known(span.as_deref(), MOST),
        known(node.map(|node| node.name.as_str()), MOST),
        known(answer.and_then(|answer| answer.winner.as_deref()), MOST_OF_PATH),
    ]
}

/// One word, not long.
fn cell(text: &str, most: usize) -> String {
    let text = diagnostics::one_line(text);
    let word: String = text.chars().take(most).map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    if text.chars().count() > most { word + "..." } else { word }
}

/// Words with one space between them.
fn words(text: &str) -> String {
    diagnostics::one_line(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A line of at most that many characters.
fn cut(line: &str, Width(most): Width) -> String {
    if line.chars().count() <= most {
        return format!("{line}\n");
    }
    let kept: String = line.chars().take(most.saturating_sub(3)).collect();
    format!("{kept}...\n")
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
    use crate::fleet::instance::InstanceId;
    use crate::fleet::node::{Node, Ping};
    use crate::fleet::survey::LeftOut;
    use diagnostics::Failure;

    fn left_out(number: u32, code: &'static str, name: &str, error: &str) -> Row {
        let instance: InstanceId = format!("i-{number:08}").parse().expect("an instance");
        let node = Node {
            id: instance.clone(),
            ping: Ping::ConnectionLost,
            last_ping: None,
            agent_version: "3.3".to_owned(),
            platform: "Linux".to_owned(),
            name: name.to_owned(),
        };
        Row::left_out(LeftOut { instance, node: Some(node), failure: Failure::new(code, error) })
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_what_hosts_say_is_escaped() {
        let rows = [
            left_out(1, "not-online", "web\u{1b}[2J", "its agent\nsleeps"),
            Row::would_ask("i-00000002".parse().expect("an instance"), None),
            left_out(3, "not-linux", "db", "it runs Windows"),
        ];
        let text = "\
INSTANCE    RESULT      PING            LAST PING  AGENT  RESTART  RESTART SEC  NAME          DECIDED BY
i-00000001  not-online  ConnectionLost  -          3.3    -        -            web\\u{1b}[2J  -
i-00000002  would-ask   -               -          -      -        -            -             -
i-00000003  not-linux   ConnectionLost  -          3.3    -        -            db            -
i-00000001 not-online: its agent\\u{a}sleeps
i-00000003 not-linux: it runs Windows
3 instances: 1 not-linux, 1 not-online, 1 would-ask
";
        assert_eq!(table(&rows, Width(usize::MAX)), text);
    }

    #[test]
    fn what_a_host_says_cannot_look_like_the_row_of_another() {
        let forged = format!("web{}i-00000002  Online  always  10s  proven", " ".repeat(60));
        let rows = [left_out(1, "not-online", &forged, &forged), left_out(2, "not-online", "db", "")];
        for width in [20, 80, 100] {
            let text = table(&rows, Width(width));
            for line in text.lines().filter(|line| !line.contains("instances:")) {
                assert!(line.chars().count() <= width, "{line}");
            }
            assert!(!text.contains("i-00000002  Online"), "{text}");
        }
        assert!(table(&rows, Width(usize::MAX)).contains("web____"));
    }
}
