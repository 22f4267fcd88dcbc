//! `make install` and `make uninstall`, with DESTDIR and PREFIX.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;

fn make(goal: &str, destination: &Path) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let release = bed::program("dropuid");
    let mut make = Command::new("make");
    make.arg("-C").arg(workspace).arg(goal).arg("PREFIX=/usr").env_remove("MAKEFLAGS");
    make.arg(format!("DESTDIR={}", destination.display()));
    make.arg(format!("RELEASE={}", release.parent().expect("a folder").display()));
    bed::capture(make).assert().success();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_installed_is_uninstalled() {
    let destination = tempfile::tempdir().expect("a temporary folder");
    make("install", destination.path());
    for (file, mode) in [
        ("usr/bin/dropuid", 0o755),
        ("usr/bin/capture-run", 0o755),
        ("usr/share/man/man1/dropuid.1", 0o644),
        ("usr/share/man/man1/capture-run.1", 0o644),
    ] {
        let found = fs::metadata(destination.path().join(file)).expect(file);
        assert_eq!(found.permissions().mode() & 0o7777, mode, "{file}");
    }
    assert_eq!(files(destination.path()).len(), 4);
    make("uninstall", destination.path());
    assert_eq!(files(destination.path()), [] as [PathBuf; 0]);
}
