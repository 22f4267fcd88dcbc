//! The commit that `--version` names. A source tree without git knows of none.

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use bed::workspace;
use tempfile::TempDir;

use crate::program::{PROGRAMS, said};

/// Not that it is the newest: who commits while tests run, or runs one without `make`, has older programs.
#[test]
fn each_version_names_the_commit_that_the_program_was_built_from() {
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(workspace()).args(words);
        bed::capture(git).status.success()
    };
    let is_in_git = git(&["rev-parse", "--git-dir"]);
    for (program, _) in PROGRAMS {
        let text = said(&[program, "--version"]).0;
        let version = format!("{program} {}", env!("CARGO_PKG_VERSION"));
        let commit = text.strip_prefix(&version).and_then(|rest| rest.strip_suffix('\n'));
        let commit = commit.unwrap_or_else(|| panic!("{text}"));
        let named = commit.strip_prefix(" (").and_then(|commit| commit.strip_suffix(')'));
        let named = named.map(|commit| commit.strip_suffix("-modified").unwrap_or(commit));
        let is_known = named.is_some_and(|commit| git(&["cat-file", "-e", &format!("{commit}^{{commit}}")]));
        assert!(if is_in_git { is_known } else { commit.is_empty() }, "{text}");
    }
}

/// A source tree with the crate of the version, and a program that says what that knows.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().expect("a folder"));
        let manifest = "[workspace]\nmembers = [\"say\", \"version\"]\nresolver = \"3\"\n[workspace.lints.rust]\n\
            [workspace.package]\nversion = \"1.2.3\"\nedition = \"2024\"\nlicense = \"MIT\"\npublish = false\n";
        tree.write(
            "Cargo.toml",
            &format!("{manifest}rust-version = \"{}\"\n", env!("CARGO_PKG_RUST_VERSION")),
        );
        for file in ["Cargo.toml", "build.rs", "src/lib.rs"] {
            let file = Path::new("version").join(file);
            let text = fs::read_to_string(workspace().join(&file)).expect("a source");
            tree.write(file.to_str().expect("a name"), &text);
        }
        let package = "[package]\nname = \"say\"\nedition = \"2024\"\n[dependencies]\n";
        tree.write("say/Cargo.toml", &format!("{package}version = {{ path = \"../version\" }}\n"));
        tree.write("say/src/main.rs", SAY);
        for file in ["README.md", "tests/one.rs", "units/one"] {
            tree.write(file, "1\n");
        }
        tree.write(".gitignore", "target\nCargo.lock\n");
        tree
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(self.0.path())
            .args(["-c", "user.name=a", "-c", "user.email=a@invalid"])
            .args(words);
        let done = bed::capture(git).assert().success();
        String::from_utf8_lossy(&done.get_output().stdout).trim().to_owned()
    }

    /// Commits what there is, and says as what.
    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=one"]);
        self.git(&["rev-parse", "--short=12", "HEAD"])
    }

    /// What the program says, and what cargo does for that.
    fn build_and_run(&self) -> (String, String) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--offline", "--package=say"]).current_dir(self.0.path());
        cargo.env("CARGO_TARGET_DIR", self.0.path().join("target"));
        let done = bed::capture(cargo).assert().success();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (text(&done.get_output().stdout), text(&done.get_output().stderr))
    }

    fn assert_says(&self, commit: &str) {
        assert_eq!(self.build_and_run().0, format!("1.2.3{commit}"));
        // It is not built anew for nothing.
        let (_, done) = self.build_and_run();
        assert!(!done.contains("Compiling"), "{commit}: {done}");
    }
}

const SAY: &str = "fn main() {\n    println!(\"{}\", version::VERSION);\n}\n";

#[test]
fn a_version_tells_a_tree_that_is_not_as_its_commit() {
    let tree = Tree::new();
    tree.git(&["init", "--quiet"]);
    let first = tree.commit();
    let (clean, modified) = (format!(" ({first})"), format!(" ({first}-modified)"));
    tree.assert_says(&clean);
    for file in ["README.md", "tests/one.rs", "not-of-git"] {
        tree.write(file, "2\n");
    }
    tree.assert_says(&clean);
    tree.write("say/src/main.rs", &format!("{SAY}// 2\n"));
    tree.assert_says(&modified);
    tree.write("units/one", "2\n");
    tree.write("say/src/main.rs", SAY);
    tree.assert_says(&modified);
    tree.write("units/one", "1\n");
    tree.assert_says(&clean);
    fs::remove_file(tree.0.path().join("units/one")).expect("a file");
    tree.assert_says(&modified);
    tree.git(&["checkout", "--quiet", "--", "units"]);
    tree.assert_says(&clean);
    tree.write("units/one", "2\n");
    let second = tree.commit();
    assert_ne!(first, second);
    tree.assert_says(&format!(" ({second})"));
}

#[test]
fn a_version_without_git_has_no_commit() {
    Tree::new().assert_says("");
}
