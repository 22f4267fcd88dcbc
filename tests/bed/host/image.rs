//! The root file system that hosts have in common.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use super::network::machine;
use crate::capture::spawn;

/// Its folder; built first, when it is not there.
///
/// # Panics
/// When it cannot be built.
pub(super) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let mut command = machine(concat!(env!("CARGO_MANIFEST_DIR"), "/bed/image"));
        // No deadline but the script's: a first build takes as long as its downloads.
        let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let output = child.wait_with_output().expect("a child can be waited for");
        assert!(output.status.success(), "tests/bed/image: {}", output.status);
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
    })
}
