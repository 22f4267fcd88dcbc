//! The programs under test, as `make` builds them.

use std::path::PathBuf;

/// The release program `name` of the same target folder that this test was built in:
/// `<target>/<triple>/release/NAME`, from `<target>/<triple>/<profile>/deps/<test>`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its own file");
    let target = test.ancestors().nth(3).expect("cargo runs tests in its target folder");
    let program = target.join("release").join(name);
    assert!(program.exists(), "{} is missing: run `make test`, which builds it", program.display());
    program
}
