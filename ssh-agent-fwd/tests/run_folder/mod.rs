//! A folder below /run, where nobody but root can have changed the way to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// One of this mode; `None` without root, and that is said.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn run_folder(mode: u32) -> Option<TempDir> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root");
        return None;
    }
    let folder = tempfile::tempdir_in("/run").expect("a folder");
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).expect("set");
    Some(folder)
}
