//! The table: one peer a row, printed as soon as it is known, and kept for BENCHMARKS.md.

use std::fmt;
use std::io::{self, Write};

use bed::benchmarks::{Cells, NOTHING, Section};

use crate::samples::{Quantile, Samples};

/// A figure with its unit.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    value: f64,
    unit: &'static str,
    digits: usize,
    /// The least and the most of it, but for a tenth of the rounds on either side.
    spread: Option<(f64, f64)>,
}

impl Figure {
    /// What a quantile of many rounds comes to, with its spread.
    pub fn of_rounds(samples: &Samples, quantile: Quantile, figure: impl Fn(f64) -> Self) -> Self {
        let [one, other] = [samples.p10(), samples.p90()].map(|end| figure(end).value);
        let spread = (one.min(other), one.max(other));
        Self { spread: Some(spread).filter(|(least, most)| least < most), ..figure(quantile(samples)) }
    }

    /// With its spread.
    fn told(&self) -> String {
        let digits = self.digits;
        let spread = |(least, most)| format!(" ({least:.digits$} to {most:.digits$})");
        format!("{self}{}", self.spread.map_or(String::new(), spread))
    }

    /// Milliseconds.
    pub fn ms(seconds: f64) -> Self {
        Self { value: seconds * 1e3, unit: "ms", digits: 3, spread: None }
    }

    /// Seconds.
    pub fn seconds(seconds: f64) -> Self {
        Self { value: seconds, unit: "s", digits: 3, spread: None }
    }

    /// 10^9 bytes a second.
    pub fn gigabytes_a_second(bytes_a_second: f64) -> Self {
        Self { value: bytes_a_second / 1e9, unit: "GB/s", digits: 3, spread: None }
    }

    /// Times a second.
    pub fn per_second(rate: f64) -> Self {
        Self { value: rate, unit: "/s", digits: 0, spread: None }
    }

    /// KiB.
    pub fn kib(kib: u32) -> Self {
        Self { value: kib.into(), unit: "KiB", digits: 0, spread: None }
    }

    /// A number of things.
    pub fn count(count: u32) -> Self {
        Self { value: count.into(), unit: "", digits: 0, spread: None }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.*} {}", self.digits, self.value, self.unit);
        f.pad(text.trim_end())
    }
}

/// A bound on a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Not more.
    AtMost(f64),
    /// Less.
    Below(f64),
    /// Not less.
    AtLeast(f64),
}

impl Bound {
    fn holds(self, number: f64) -> bool {
        match self {
            Self::AtMost(bound) => number <= bound,
            Self::Below(bound) => number < bound,
            Self::AtLeast(bound) => number >= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::Below(bound) => format!("< {bound}"),
            Self::AtLeast(bound) => format!(">= {bound}"),
        })
    }
}

/// What the issue wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Nothing of this peer.
    Open,
    /// Of the ratio of our figure to the peer's.
    Ratio(Bound),
    /// Of our figure, in its unit.
    Own(Bound),
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What was measured.
    pub figure: &'a str,
    /// Of our program.
    pub ours: Figure,
    /// The program beside it, if any, and its figure.
    pub peer: Option<(&'a str, Figure)>,
    /// What the issue wants.
    pub target: Target,
    /// What was run, as one would type it, and the peer's.
    pub commands: [&'a str; 2],
}

impl Row<'_> {
    /// Ours to the peer's; none where the peer's lies within the noise.
    fn ratio(&self) -> Option<f64> {
        let (_, theirs) = self.peer.filter(|(_, theirs)| theirs.value > 0.0)?;
        Some(self.ours.value / theirs.value)
    }

    fn verdict(&self) -> &'static str {
        let (number, bound) = match self.target {
            Target::Open => return "",
            Target::Ratio(bound) => (self.ratio(), bound),
            Target::Own(bound) => (Some(self.ours.value), bound),
        };
        match number {
            None => "unclear",
            Some(number) if bound.holds(number) => "met",
            Some(_) => "NOT MET",
        }
    }

    /// The row of BENCHMARKS.md.
    fn cells(&self) -> Cells {
        let or_nothing = |text: &str| if text.is_empty() { NOTHING } else { text }.to_owned();
        let code = |text: &str| if text == NOTHING { text.to_owned() } else { format!("`{text}`") };
        let (peer, theirs) = self.peer.map_or((NOTHING, NOTHING.to_owned()), |(peer, at)| (peer, at.told()));
        let [ours, peers] = self.commands.map(code);
        let verdict = or_nothing(&self.verdict().to_lowercase());
        [
            self.figure.to_owned(),
            self.ours.told(),
            peer.to_owned(),
            theirs,
            self.ratio_told(),
            self.target_told(),
            verdict,
            ours,
            peers,
        ]
    }

    fn ratio_told(&self) -> String {
        self.ratio().map_or(NOTHING.to_owned(), |ratio| format!("{ratio:.3}"))
    }

    fn target_told(&self) -> String {
        match self.target {
            Target::Open => NOTHING.to_owned(),
            Target::Ratio(bound) => bound.to_string(),
            Target::Own(bound) => format!("ours {bound} {}", self.ours.unit).trim_end().to_owned(),
        }
    }
}

/// Where rows go.
pub struct Table<W> {
    output: W,
    /// A program that is not measured is an error.
    whole: bool,
    sections: Vec<Section>,
}

impl<W: Write> Table<W> {
    /// A table in `output`; a `whole` one has all programs that it begins with.
    pub fn new(output: W, whole: bool) -> Self {
        Self { output, whole, sections: Vec::new() }
    }

    /// What was measured.
    pub fn finish(self) -> Vec<Section> {
        self.sections
    }

    /// Begins with a program.
    pub fn section(&mut self, program: &str) -> io::Result<()> {
        self.sections.push(Section { program: program.to_owned(), ..Section::default() });
        writeln!(self.output, "\n{program}")
    }

    /// Nothing of this program is measured, and why.
    pub fn unmeasured(&mut self, why: &str) -> io::Result<()> {
        if self.whole {
            let program = self.sections.last().map_or("bench", |section| &section.program);
            return Err(io::Error::other(format!(
                "{program} cannot be measured, so no file is written: {why}"
            )));
        }
        writeln!(self.output, "not measured: {why}")
    }

    /// Lines outside the columns.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        if let Some(section) = self.sections.last_mut() {
            section.notes.push(text.to_owned());
        }
        writeln!(self.output, "{text}")
    }

    /// The names of the columns.
    pub fn columns(&mut self) -> io::Result<()> {
        self.line(["figure", "ours", "peer", "peer's", "ours:peer", "target", ""])
    }

    /// One row.
    pub fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.keep(row.cells());
        let (peer, theirs) =
            row.peer.map_or((NOTHING, NOTHING.to_owned()), |(peer, at)| (peer, at.to_string()));
        let (ours, ratio, target) = (row.ours.to_string(), row.ratio_told(), row.target_told());
        self.line([row.figure, &ours, peer, &theirs, &ratio, &target, row.verdict()])
    }

    /// A row without figures, and why.
    pub fn missing(&mut self, figure: &str, peer: &str, why: &str) -> io::Result<()> {
        let nothing = NOTHING;
        let cells = [figure, nothing, peer, why, nothing, nothing, nothing, nothing, nothing];
        self.keep(cells.map(str::to_owned));
        self.line([figure, nothing, peer, why, "", "", ""])
    }

    fn keep(&mut self, cells: Cells) {
        if let Some(section) = self.sections.last_mut() {
            section.rows.push(cells);
        }
    }

    fn line(&mut self, cells: [&str; 7]) -> io::Result<()> {
        let [figure, ours, peer, theirs, ratio, target, verdict] = cells;
        let line =
            format!("{figure:<60} {ours:>11}  {peer:<24} {theirs:>11} {ratio:>9}  {target:<16} {verdict}");
        writeln!(self.output, "{}", line.trim_end())?;
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(ours: f64, theirs: f64, target: Target) -> &'static str {
        let peer = Some(("peer", Figure::ms(theirs)));
        Row { figure: "", ours: Figure::ms(ours), peer, target, commands: [NOTHING; 2] }.verdict()
    }

    #[test]
    fn a_row_has_all_columns() {
        let rounds: Samples = "1 2 3 4 5 6 7 8 9 10 11".parse().expect("figures");
        let ours =
            Figure::of_rounds(&rounds, Samples::median, |wall| Figure::gigabytes_a_second(6e10 / wall));
        let mut table = Table::new(Vec::new(), true);
        table.section("one").expect("written");
        table.note("of all rows").expect("written");
        let target = Target::Ratio(Bound::AtLeast(2.0));
        let peer = Some(("tee", Figure::gigabytes_a_second(8e9)));
        let row = Row { figure: "f", ours, peer, target, commands: ["a | b", "c"] };
        table.row(&row).expect("written");
        table.row(&Row { peer: None, target: Target::Open, ..row }).expect("written");
        table.missing("g", "su-exec", "not installed").expect("written");
        let text = String::from_utf8_lossy(&table.output).into_owned();
        assert!(text.contains("10.000 GB/s  tee") && text.contains("NOT MET"), "{text}");
        let sections = table.finish();
        assert_eq!(sections[0].notes, ["of all rows"]);
        let spread = "10.000 GB/s (6.000 to 30.000)";
        assert_eq!(
            sections[0].rows,
            [
                ["f", spread, "tee", "8.000 GB/s", "1.250", ">= 2", "not met", "`a | b`", "`c`"],
                ["f", spread, "-", "-", "-", "-", "-", "`a | b`", "`c`"],
                ["g", "-", "su-exec", "not installed", "-", "-", "-", "-", "-"],
            ]
        );
    }

    #[test]
    fn a_program_that_is_not_measured_is_told_and_ends_what_is_to_be_whole() {
        let mut part = Table::new(Vec::new(), false);
        part.section("two").expect("written");
        part.unmeasured("run as root").expect("written");
        assert_eq!(String::from_utf8_lossy(&part.output), "\ntwo\nnot measured: run as root\n");
        let mut whole = Table::new(Vec::new(), true);
        whole.section("two").expect("written");
        let error = whole.unmeasured("run as root").expect_err("a part");
        assert_eq!(error.to_string(), "two cannot be measured, so no file is written: run as root");
    }

    #[test]
    fn a_target_is_met_or_not() {
        assert_eq!(verdict(1.0, 2.0, Target::Ratio(Bound::AtMost(0.5))), "met");
        assert_eq!(verdict(1.1, 2.0, Target::Ratio(Bound::AtMost(0.5))), "NOT MET");
        assert_eq!(verdict(2.0, 2.0, Target::Ratio(Bound::Below(1.0))), "NOT MET");
        assert_eq!(verdict(2.0, 2.0, Target::Ratio(Bound::AtLeast(1.0))), "met");
        assert_eq!(verdict(1.0, -0.1, Target::Ratio(Bound::Below(1.0))), "unclear");
        assert_eq!(verdict(0.099, 0.0, Target::Own(Bound::AtMost(99.0))), "met");
        assert_eq!(verdict(1.0, f64::NAN, Target::Open), "");
    }
}
