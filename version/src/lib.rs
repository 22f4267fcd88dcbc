//! The version of all programs, which are released together.

/// For `--version`: the version (semver.org), and the commit in parentheses where the source tree knew it.
pub const VERSION: &str = env!("VERSION_AND_COMMIT");
