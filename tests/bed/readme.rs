//! The blocks of README.md, which tests run as they stand there.

/// The front page of the tree.
pub const README: &str = include_str!("../../README.md");

/// The block of README.md that is marked like this.
///
/// # Panics
/// When there is none.
#[must_use]
#[track_caller]
pub fn block(mark: &str) -> &'static str {
    block_of(README, mark)
}

/// The same of another document.
///
/// # Panics
/// When there is none.
#[must_use]
#[track_caller]
pub fn block_of<'d>(document: &'d str, mark: &str) -> &'d str {
    let fence = format!("\n```{mark}\n");
    let (_, after) = document.split_once(&fence).unwrap_or_else(|| panic!("there is no block {mark}"));
    after.split_once("```").expect("a block has an end").0
}
