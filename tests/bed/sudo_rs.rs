//! sudo-rs, for tests under another sudo.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::programs::program;

/// The release that is built; not every release of Debian has a package of it.
const RELEASE: &str = "0.2.15";

/// One of its programs: `sudo`, `visudo` or `su`. The first time they are built, from cargo's registry,
/// beside the programs under test.
///
/// # Panics
/// When that fails.
#[must_use]
pub fn sudo_rs(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let target = program("sudo-helper").ancestors().nth(3).expect("a target folder").to_owned();
        let folder = target.join(format!("sudo-rs-{RELEASE}"));
        fs::create_dir_all(&folder).expect("a folder of ours");
        // One builds it, and other test programs wait.
        let lock = File::create(folder.join("lock")).expect("a file of ours");
        lock.lock().expect("a lock");
        if folder.join("bin/visudo").exists() {
            return folder;
        }
        let mut cargo = Command::new(env!("CARGO"));
        // Apart from this workspace, whose programs are static: PAM cannot be.
        cargo.current_dir("/").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
        cargo.env("CARGO_TARGET_DIR", folder.join("build"));
        cargo.args(["install", "--quiet", "--locked", "--version", &format!("={RELEASE}"), "--root"]);
        let status = cargo.arg(&folder).arg("sudo-rs").stdin(Stdio::null()).status().expect("cargo");
        assert!(status.success(), "{cargo:?}: {status}");
        folder
    });
    folder.join("bin").join(name)
}
