//! BENCHMARKS.md as `make bench` writes it, and the ratios of it that a README quotes.

use std::collections::BTreeSet;

/// The columns of each table.
pub const COLUMNS: [&str; 9] =
    ["measured", "ours", "peer", "the peer's", "ratio", "target", "met", "command", "command of the peer"];

/// What stands in a column that has nothing to say.
pub const NOTHING: &str = "-";

/// The heads of tables that quote: in a README of all programs, and in that of one.
const QUOTING: [&str; 2] = ["| program | measured | peer | ratio |", "| measured | peer | ratio |"];

/// A row, by [`COLUMNS`].
pub type Cells = [String; COLUMNS.len()];

/// What is told of one program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub program: String,
    /// What holds for all of its rows.
    pub notes: Vec<String>,
    /// No two of them have the same words in "measured" and in "peer".
    pub rows: Vec<Cells>,
}

/// The whole file; `head` stands before the sections.
pub fn render(head: &str, sections: &[Section]) -> String {
    let mut text = format!("{head}\n");
    for section in sections {
        text += &format!("\n## {}\n\n", section.program);
        section.notes.iter().for_each(|note| text += &format!("{note}\n\n"));
        text += &format!("{}\n{}\n", line(&COLUMNS), line(&["---"; COLUMNS.len()]));
        section.rows.iter().for_each(|row| text += &format!("{}\n", line(row)));
    }
    text
}

/// The sections of a file, without their notes.
///
/// # Errors
/// The number of a line that is not as [`render`] writes it, and what is wrong with it.
pub fn parse(document: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    let mut known = BTreeSet::new();
    for (at, text) in document.lines().enumerate() {
        let wrong = |what: &str| format!("BENCHMARKS.md:{}: {what}", at + 1);
        if let Some(program) = text.strip_prefix("## ") {
            sections.push(Section { program: program.to_owned(), ..Section::default() });
        } else if text.starts_with('|') && text != line(&COLUMNS) && !text.starts_with("| --- |") {
            let section = sections.last_mut().ok_or_else(|| wrong("a row of no program"))?;
            let row: Cells = cells(text).try_into().map_err(|_| wrong("a row that lacks columns"))?;
            if row.iter().any(|cell| cell.trim().is_empty()) {
                return Err(wrong("a row with an empty column"));
            }
            if !known.insert((section.program.clone(), row[0].clone(), row[2].clone())) {
                return Err(wrong("a second row of this name beside this peer"));
            }
            section.rows.push(row);
        }
    }
    Ok(sections)
}

/// A line of a table; Markdown has `\|` for a pipe in it.
fn line(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.as_ref().replace('|', "\\|")).collect();
    format!("| {} |", cells.join(" | "))
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix("| ").and_then(|rest| rest.strip_suffix(" |")).unwrap_or_default();
    inner.split(" | ").map(|cell| cell.replace("\\|", "|")).collect()
}

/// A ratio in a README, by the row that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The number of its line.
    pub line: usize,
    /// The program, what is measured of it, and beside whom.
    pub row: [String; 3],
    /// As the README has it.
    pub ratio: String,
}

impl Quote {
    /// The ratio that stands in BENCHMARKS.md.
    ///
    /// # Errors
    /// That there is none, in words.
    pub fn measured<'a>(&self, sections: &'a [Section]) -> Result<&'a str, String> {
        let [program, figure, peer] = &self.row;
        let of_program = sections.iter().filter(|section| section.program == *program);
        let mut rows = of_program.flat_map(|section| &section.rows);
        let found = rows.find(|row| row[0] == *figure && row[2] == *peer).map(|row| row[4].as_str());
        found.filter(|ratio| *ratio != NOTHING).ok_or_else(|| {
            format!("line {}: BENCHMARKS.md has no ratio of {program}: {figure}, {peer}", self.line)
        })
    }
}

/// The quotes of a README; `folder` is the program whose it is, where it is that of one.
pub fn quotes(readme: &str, folder: &str) -> Vec<Quote> {
    let mut found = Vec::new();
    let mut quoting = false;
    for (at, text) in readme.lines().enumerate() {
        quoting = QUOTING.contains(&text) || (quoting && text.starts_with('|'));
        if !quoting || QUOTING.contains(&text) || text.starts_with("| --- |") || text.starts_with("|---|") {
            continue;
        }
        let mut row = cells(text);
        if row.len() < QUOTING[0].matches(" | ").count() + 1 {
            row.insert(0, folder.to_owned());
        }
        let ratio = row.pop().unwrap_or_default();
        let row = row.try_into().unwrap_or_default();
        found.push(Quote { line: at + 1, row, ratio });
    }
    found
}

/// The README with the ratios that were measured; and what it quotes that was not, which stays.
pub fn renewed(readme: &str, folder: &str, sections: &[Section]) -> (String, Vec<String>) {
    let mut lines: Vec<String> = readme.lines().map(str::to_owned).collect();
    let mut complaints = Vec::new();
    for quote in quotes(readme, folder) {
        match quote.measured(sections) {
            Ok(ratio) => {
                let text = &mut lines[quote.line - 1];
                let kept = text.len() - format!("{} |", quote.ratio).len();
                text.replace_range(kept.., &format!("{ratio} |"));
            }
            Err(complaint) => complaints.push(complaint),
        }
    }
    (lines.join("\n") + "\n", complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(program: &str, rows: &[(&str, &str, &str)]) -> Section {
        let row = |(figure, peer, ratio): &(&str, &str, &str)| {
            [figure, "1 ms", peer, "2 ms", ratio, NOTHING, NOTHING, "ours | cat", "theirs"].map(str::to_owned)
        };
        Section { program: program.to_owned(), rows: rows.iter().map(row).collect(), ..Section::default() }
    }

    #[test]
    fn what_is_written_is_read_again_pipes_and_all() {
        let noted = Section { notes: vec!["3 rounds".to_owned()], ..section("one", &[("a", "tee", "0.5")]) };
        let two = section("two", &[("a", "tee", "0.7"), ("a", "cat", "3.000")]);
        let text = render("# Title", &[noted.clone(), two.clone()]);
        assert!(text.starts_with("# Title\n\n## one\n\n3 rounds\n\n| measured | ours | "), "{text}");
        assert!(text.contains(r"| ours \| cat | theirs |"), "{text}");
        assert_eq!(parse(&text), Ok(vec![Section { notes: vec![], ..noted }, two]));
    }

    #[test]
    fn a_row_that_is_torn_or_stands_twice_is_named_by_its_line() {
        let whole = render("", &[section("one", &[("a", "tee", "0.5")])]);
        let spoilt = |from: &str, to: &str| parse(&whole.replace(from, to)).expect_err(to);
        assert_eq!(spoilt("| tee ", ""), "BENCHMARKS.md:7: a row that lacks columns");
        assert_eq!(spoilt("| tee ", "|  "), "BENCHMARKS.md:7: a row with an empty column");
        assert_eq!(spoilt("## one", ""), "BENCHMARKS.md:7: a row of no program");
        let last = whole.lines().last().expect("a row");
        let twice = parse(&format!("{whole}{last}\n")).expect_err("twice");
        assert_eq!(twice, "BENCHMARKS.md:8: a second row of this name beside this peer");
    }

    #[test]
    fn quotes_are_renewed_and_nothing_else_is() {
        let sections = [section("one", &[("a", "tee", "0.512")]), section("two", &[("b", "-", "-")])];
        let all = "words\n\n| program | measured | peer | ratio |\n|---|---|---|---|\n| one | a | tee | 0.5 |\n\
                   | two | b | - | 9 |\n\n| one | a | tee | 0.5 |\n";
        let (text, complaints) = renewed(all, "", &sections);
        assert_eq!(text, all.replacen("0.5", "0.512", 1));
        assert_eq!(complaints, ["line 6: BENCHMARKS.md has no ratio of two: b, -"]);
        let own = "| measured | peer | ratio |\n|---|---|---|\n| a | tee | 7 |\n";
        assert_eq!(renewed(own, "one", &sections), (own.replace('7', "0.512"), vec![]));
        assert_eq!(renewed(own, "two", &sections).1.len(), 1);
    }
}
