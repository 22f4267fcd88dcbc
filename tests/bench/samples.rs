//! Figures of one kind from many rounds.

use std::fmt;
use std::num::ParseFloatError;
use std::str::FromStr;

/// A way to make one figure of many.
pub type Quantile = fn(&Samples) -> f64;

/// The two that are told of short runs, by name.
pub const QUANTILES: [(&str, Quantile); 2] = [("p10", Samples::p10), ("median", Samples::median)];

/// At least one figure.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

/// All figures in a line, to be read back.
impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|figure| write!(f, "{figure} "))
    }
}

impl FromStr for Samples {
    type Err = ParseFloatError;

    fn from_str(line: &str) -> Result<Self, ParseFloatError> {
        let mut samples = Self::default();
        line.split_whitespace().try_for_each(|figure| figure.parse().map(|figure| samples.add(figure)))?;
        Ok(samples)
    }
}

impl Samples {
    /// Adds a figure.
    pub fn add(&mut self, figure: f64) {
        let at = self.0.partition_point(|other| *other < figure);
        self.0.insert(at, figure);
    }

    /// The figure that a tenth of all are below: what the work costs when nothing else disturbs it.
    pub fn p10(&self) -> f64 {
        self.quantile(0.1)
    }

    /// The figure in the middle.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The figure that a tenth of all are above.
    pub fn p90(&self) -> f64 {
        self.quantile(0.9)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_do_not_depend_on_the_order() {
        let mut samples = Samples::default();
        for figure in [7.0, 1.0, 11.0, 3.0, 9.0, 2.0, 5.0, 10.0, 4.0, 8.0, 6.0] {
            samples.add(figure);
        }
        assert!((samples.p10() - 2.0).abs() < f64::EPSILON);
        assert!((samples.median() - 6.0).abs() < f64::EPSILON);
        assert!((samples.p90() - 10.0).abs() < f64::EPSILON);
        assert!(Samples::default().median().is_nan());
        let again: Samples = samples.to_string().parse().expect("figures");
        assert_eq!(again.to_string(), samples.to_string());
    }
}
