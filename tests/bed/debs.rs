//! The Debian packages of `make deb`, as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;

use crate::capture::capture;
use crate::programs::program;

/// The folder of everything that is built: programs are in `<target>/<triple>/release`.
///
/// # Panics
/// When nothing was built.
#[must_use]
pub fn target() -> PathBuf {
    program("dropuid").ancestors().nth(3).expect("the target folder").to_owned()
}

/// The file of a package.
///
/// # Panics
/// When it was not made, or more than one version of it is there.
#[must_use]
pub fn deb(package: &str) -> PathBuf {
    only(&target().join("debs"), package)
}

/// The same in another folder.
///
/// # Panics
/// When it is not there, or more than one version of it is.
#[must_use]
pub fn only(folder: &Path, package: &str) -> PathBuf {
    let entries = fs::read_dir(folder).expect("run `make deb`").flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
    };
    let mut found: Vec<PathBuf> = entries.filter(is_it).collect();
    assert_eq!(found.len(), 1, "run `make deb`: {found:?}");
    found.remove(0)
}

/// Puts the files of a package below a folder.
///
/// # Panics
/// When that fails.
pub fn extract(package: &str, folder: &Path) {
    let mut extract = Command::new("dpkg-deb");
    extract.arg("-x").arg(deb(package)).arg(folder);
    capture(extract).assert().success();
}
