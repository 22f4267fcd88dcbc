//! The programs under test, as `make` builds them.

use std::path::{Path, PathBuf};

/// All of them.
pub const PROGRAMS: [&str; 6] =
    ["dropuid", "capture-run", "sudo-helper", "sudoers-install", "ssm-keepalive", "ssh-agent-fwd"];

/// The folder of the whole source tree.
///
/// # Panics
/// Never: this package is in a folder of it.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// The release program `name` of the same target folder that this test, or the bench, was built in:
/// `<target>/<triple>/release/NAME`, from `<target>/<triple>/<profile>/deps/<test>` or `<target>/<triple>/release/bench`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the test knows its own file");
    let built = own.ancestors().take(4).map(|folder| folder.join("release").join(name));
    let program = built.into_iter().find(|program| program.exists());
    program.unwrap_or_else(|| panic!("{name} is missing: run `make test`, which builds it"))
}
