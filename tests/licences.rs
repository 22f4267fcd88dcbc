//! The licences of what the programs are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use bed::capture;
use serde_json::Value;

const PROGRAMS: [&str; 6] =
    ["dropuid", "capture-run", "sudo-helper", "sudoers-install", "ssm-keepalive", "ssh-agent-fwd"];
/// Under these what is linked into a program may be given to anybody, with a notice at most (their names: spdx.org).
const FREE: [&str; 5] = ["MIT", "Apache-2.0", "BSD-3-Clause", "Unicode-3.0", "Unlicense"];
/// The list, as it is to be.
const LIST: &str = include_str!("../docs/DEPENDENCIES.md");

/// What cargo knows of the packages, without the network.
fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    cargo.args(["metadata", "--format-version=1", "--locked", "--offline", "--manifest-path"]).arg(manifest);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let assert = capture(cargo).assert().success();
    serde_json::from_slice(&assert.get_output().stdout).expect("JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key}: {value}"))
}

/// Every foreign package that is linked into a program, or runs when one is built, by name: its licence.
fn licences(metadata: &Value) -> BTreeMap<String, String> {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let packages: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package, "id").to_owned(), package))
        .collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node, "id").to_owned(), node))
        .collect();
    let is_of_test =
        |dependency: &Value| list(&dependency["dep_kinds"]).iter().all(|kind| kind["kind"] == "dev");
    let is_program = |package: &Value| PROGRAMS.contains(&text(package, "name"));
    let mut left: Vec<String> =
        packages.iter().filter(|(_, package)| is_program(package)).map(|(id, _)| id.clone()).collect();
    assert_eq!(left.len(), PROGRAMS.len());
    let mut seen = BTreeSet::new();
    while let Some(id) = left.pop() {
        if seen.insert(id.clone()) {
            let dependencies =
                list(&nodes[&id]["deps"]).into_iter().filter(|dependency| !is_of_test(dependency));
            left.extend(dependencies.map(|dependency| text(&dependency, "pkg").to_owned()));
        }
    }
    let foreign = seen.iter().map(|id| &packages[id]).filter(|package| !package["source"].is_null());
    foreign.map(|package| (text(package, "name").to_owned(), text(package, "license").to_owned())).collect()
}

/// Whether each of the licences that hold together, AND, is free, or one of those to choose from, OR.
fn is_free(expression: &str) -> bool {
    let all = expression.split(" AND ").map(|term| term.trim_matches(['(', ')']));
    all.into_iter().all(|any| any.replace('/', " OR ").split(" OR ").any(|licence| FREE.contains(&licence)))
}

#[test]
fn what_the_programs_are_made_of_is_free_and_listed() {
    let licences = licences(&metadata());
    let bound: Vec<_> = licences.iter().filter(|(_, licence)| !is_free(licence)).collect();
    assert!(bound.is_empty(), "{bound:?}");
    let rows: String = licences.iter().map(|(name, licence)| format!("| {name} | {licence} |\n")).collect();
    let (_, listed) = LIST.split_once("| --- | --- |\n").expect("a table");
    assert!(listed == rows, "docs/DEPENDENCIES.md is to have these rows:\n{rows}");
}

#[test]
fn a_licence_that_binds_is_seen() {
    for (expression, free) in [
        ("MIT OR Apache-2.0", true),
        ("MIT/Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0", false),
        ("(MIT OR Apache-2.0) AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("", false),
    ] {
        assert_eq!(is_free(expression), free, "{expression}");
    }
}
