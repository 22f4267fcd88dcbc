//! The version of all programs, which are released together.

/// For `--version`: the version (semver.org), and where the source tree knew it the commit in parentheses, with
/// "-modified" behind it where the tree was not as that has it.
pub const VERSION: &str = env!("VERSION_AND_COMMIT");
