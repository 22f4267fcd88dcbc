//! The root file systems that hosts have in common.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use super::network::machine;
use crate::capture::spawn;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// The release of the machine.
    Own,
    /// One with a systemd of 254 or later, and little else; that of the machine where there is none for it.
    Newer,
}

/// Its folder; built first, when it is not there.
///
/// # Panics
/// When it cannot be built.
pub(super) fn folder(image: Image) -> &'static Path {
    static OWN: OnceLock<PathBuf> = OnceLock::new();
    static NEWER: OnceLock<PathBuf> = OnceLock::new();
    let (folder, words): (_, &[&str]) = match image {
        Image::Own => (&OWN, &[]),
        Image::Newer => (&NEWER, &["newer"]),
    };
    folder.get_or_init(|| {
        let mut command = machine(concat!(env!("CARGO_MANIFEST_DIR"), "/bed/image"));
        command.args(words);
        // No deadline but the script's: a first build takes as long as its downloads.
        let child = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let output = child.wait_with_output().expect("a child can be waited for");
        assert!(output.status.success(), "tests/bed/image: {}", output.status);
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
    })
}
