//! Asks git which commit this is, and whether the tree is as that has it. A source tree without git has neither.

use std::path::Path;
use std::process::Command;

/// What the programs are made of: not the tests, nor documents, so that who writes these builds nothing anew.
const MADE_OF: [&str; 4] = ["--", ":/", ":(top,exclude)tests", ":(top,exclude)*.md"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let version = env!("CARGO_PKG_VERSION");
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let text =
        commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit}{})", change()));
    println!("cargo:rustc-env=VERSION_AND_COMMIT={text}");
}

/// What follows the commit. All that can make it another one is watched, and no more, for who watches builds anew.
fn change() -> &'static str {
    // It grows by a line with every commit and checkout (git-reflog(1)).
    git(&["rev-parse", "--git-path", "logs/HEAD"]).iter().for_each(|log| watch(log));
    let top = git(&["rev-parse", "--show-toplevel"]).unwrap_or_default();
    let files = |words: &[&str]| git(&[words, &MADE_OF].concat()).unwrap_or_default();
    let changed = files(&["diff", "--name-only", "HEAD"]);
    let tracked = files(&["ls-files", "--full-name"]);
    let paths = |names: &str| names.lines().map(|name| format!("{top}/{name}")).collect::<Vec<_>>();
    if changed.is_empty() {
        paths(&tracked).iter().for_each(|path| watch(path));
        return "";
    }
    // Until this one is as it was, the tree is not. What git restores, of files that are gone, is in its index.
    let index = git(&["rev-parse", "--git-path", "index"]);
    let left = paths(&changed).into_iter().find(|path| Path::new(path).exists());
    left.or(index).iter().for_each(|path| watch(path));
    "-modified"
}

fn watch(path: &str) {
    println!("cargo:rerun-if-changed={path}");
}

/// What it says, when all is well and there is something to say.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
