//! The table: one peer a row, printed as soon as it is known.

use std::fmt;
use std::io::{self, Write};

/// A figure with its unit.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    value: f64,
    unit: &'static str,
    digits: usize,
}

impl Figure {
    /// Milliseconds.
    pub fn ms(seconds: f64) -> Self {
        Self { value: seconds * 1e3, unit: "ms", digits: 3 }
    }

    /// Seconds.
    pub fn seconds(seconds: f64) -> Self {
        Self { value: seconds, unit: "s", digits: 3 }
    }

    /// 10^9 bytes a second.
    pub fn gigabytes_a_second(bytes_a_second: f64) -> Self {
        Self { value: bytes_a_second / 1e9, unit: "GB/s", digits: 3 }
    }

    /// Times a second.
    pub fn per_second(rate: f64) -> Self {
        Self { value: rate, unit: "/s", digits: 0 }
    }

    /// KiB.
    pub fn kib(kib: u32) -> Self {
        Self { value: kib.into(), unit: "KiB", digits: 0 }
    }

    /// A number of things.
    pub fn count(count: u32) -> Self {
        Self { value: count.into(), unit: "", digits: 0 }
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
}

/// Where rows go.
pub struct Table<W> {
    output: W,
}

impl<W: Write> Table<W> {
    /// A table in `output`.
    pub fn new(output: W) -> Self {
        Self { output }
    }

    /// Lines outside the columns.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{text}")
    }

    /// The names of the columns.
    pub fn columns(&mut self) -> io::Result<()> {
        self.line(["figure", "ours", "peer", "peer's", "ours:peer", "target", ""])
    }

    /// One row.
    pub fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let (peer, theirs) =
            row.peer.map_or(("-", "-".to_owned()), |(peer, theirs)| (peer, theirs.to_string()));
        let ratio = row.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        let target = match row.target {
            Target::Open => "-".to_owned(),
            Target::Ratio(bound) => bound.to_string(),
            Target::Own(bound) => format!("{bound} {}", row.ours.unit),
        };
        self.line([row.figure, &row.ours.to_string(), peer, &theirs, &ratio, target.trim(), row.verdict()])
    }

    /// A row without figures, and why.
    pub fn missing(&mut self, figure: &str, peer: &str, why: &str) -> io::Result<()> {
        self.line([figure, "-", peer, why, "", "", ""])
    }

    fn line(&mut self, cells: [&str; 7]) -> io::Result<()> {
        let [figure, ours, peer, theirs, ratio, target, verdict] = cells;
        let line =
            format!("{figure:<44} {ours:>11}  {peer:<24} {theirs:>11} {ratio:>9}  {target:<10} {verdict}");
        writeln!(self.output, "{}", line.trim_end())?;
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(ours: f64, theirs: f64, target: Target) -> &'static str {
        let peer = Some(("peer", Figure::ms(theirs)));
        Row { figure: "", ours: Figure::ms(ours), peer, target }.verdict()
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
