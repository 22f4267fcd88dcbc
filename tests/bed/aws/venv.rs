//! Programs from PyPI that tests use.

use std::path::PathBuf;
use std::process::Stdio;

use crate::capture::spawn;
use crate::host::machine;

/// The folder of the virtual environment of that name; made first, when it is not there.
///
/// # Panics
/// When it cannot be made.
pub(super) fn folder(name: &str) -> PathBuf {
    let mut command = machine(concat!(env!("CARGO_MANIFEST_DIR"), "/bed/venv"));
    // No deadline but the script's: a first one takes as long as its downloads.
    let child = spawn(command.arg(name).stdin(Stdio::null()).stdout(Stdio::piped()));
    let output = child.wait_with_output().expect("a child can be waited for");
    assert!(output.status.success(), "tests/bed/venv {name}: {}", output.status);
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}
