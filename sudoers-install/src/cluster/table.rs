//! The table at the end.

use std::collections::BTreeMap;

use super::outcome::Row;

/// One line a host, in the order of the inventory, and one that counts them.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let heading = ["HOST", "ADDRESS", "USER", "OUTCOME", "REASON"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(heading).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for line in &lines {
        let mut padded = String::new();
        for (cell, width) in line.iter().zip(widths) {
            padded.push_str(&format!("{cell:width$}  "));
        }
        padded.push_str(&line[4]);
        text.push_str(padded.trim_end());
        text.push('\n');
    }
    text + &summary(rows) + "\n"
}

fn cells(row: &Row) -> [String; 5] {
    let user = row.user.clone().unwrap_or_else(|| "-".to_owned());
    let cells = [row.alias.clone(), row.hostname.clone(), user, row.outcome.code().to_owned(), row.remarks()];
    // The names come from an inventory, the reasons from hosts.
    cells.map(|cell| diagnostics::one_line(&cell))
}

fn summary(rows: &[Row]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.outcome.word()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let hosts = if rows.len() == 1 { "host" } else { "hosts" };
    format!("{} {hosts}: {}", rows.len(), counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::outcome::{Outcome, Warning};
    use diagnostics::Failure;

    fn row(alias: &str, user: Option<&str>, outcome: Outcome) -> Row {
        Row {
            alias: alias.to_owned(),
            hostname: "10.0.0.1".to_owned(),
            user: user.map(str::to_owned),
            outcome,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut warned = row("b", Some("ai-agent"), Outcome::Installed);
        warned.warnings.push(Warning { code: "a-code", warning: "a warning".to_owned() });
        let rows = [
            row("long-alias", None, Outcome::Failed(Failure::new("refused", "no\u{1b}[2J\nway"))),
            warned,
            row("c", Some("x"), Outcome::Skipped),
        ];
        let text = "\
HOST        ADDRESS   USER      OUTCOME    REASON
long-alias  10.0.0.1  -         refused    no\\u{1b}[2J\\u{a}way
b           10.0.0.1  ai-agent  installed  a warning
c           10.0.0.1  x         skipped
3 hosts: 1 failed, 1 installed, 1 skipped
";
        assert_eq!(table(&rows), text);
    }
}
