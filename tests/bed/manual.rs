//! What a program's sources say to programs, and what its manual does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::programs::workspace;

/// The words in `Failure::new("…"` of the program's sources, without their tests.
///
/// # Panics
/// When a source cannot be read.
#[must_use]
pub fn codes(program: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    codes_below(&workspace().join(program).join("src"), &mut found);
    found
}

fn codes_below(folder: &Path, found: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            codes_below(&path, found);
        } else if path.file_name().is_none_or(|name| name != "tests.rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code = |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
            found.extend(text.split("Failure::new(").skip(1).filter_map(code));
        }
    }
}

/// The words of a manual that are set as literals.
#[must_use]
pub fn literals(manual: &str) -> BTreeSet<&str> {
    let lines = manual.lines().filter_map(|line| line.strip_prefix(".Li ").or(line.strip_prefix(".Pq Li ")));
    lines.flat_map(|line| line.split([' ', ','])).collect()
}
