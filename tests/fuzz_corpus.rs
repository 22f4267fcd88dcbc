//! Every file of the fuzz corpora through the body of its target, on stable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "fuzz/bodies.rs"]
mod bodies;

fn fuzz(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(below)
}

/// What stands in a folder, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// The names in a folder, without their extensions.
fn stems(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    entries(folder).into_iter().filter_map(stem).collect()
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let targets: BTreeSet<String> = bodies::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(stems(&fuzz("corpus")), targets);
    assert_eq!(stems(&fuzz("fuzz_targets")), targets);
    // cargo-fuzz knows what its manifest names, and runs what that file calls.
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).expect("the manifest");
    for target in &targets {
        let program = format!("fuzz_targets/{target}.rs");
        let entry = format!("\n[[bin]]\nname = \"{target}\"\npath = \"{program}\"\n");
        assert!(manifest.contains(&entry), "tests/fuzz/Cargo.toml has no program {target}");
        let call = format!("bodies::{target}(data)");
        let source = fs::read_to_string(fuzz(&program)).expect("the program");
        assert!(source.contains(&call), "{program} does not call {call}");
    }
    assert_eq!(manifest.matches("\n[[bin]]\n").count(), targets.len());
}

#[test]
fn every_seed_keeps_the_promises() {
    for (target, body) in bodies::TARGETS {
        let seeds = entries(&fuzz("corpus").join(target));
        assert!(!seeds.is_empty(), "the corpus of {target} is empty");
        for seed in seeds {
            let bytes = fs::read(&seed).expect("a seed");
            let kept = std::panic::catch_unwind(|| body(&bytes));
            assert!(kept.is_ok(), "{} broke a promise: see above", seed.display());
        }
    }
}
