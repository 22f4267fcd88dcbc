//! The licences of what the programs are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assert_cmd::assert::OutputAssertExt;
use bed::debs::extract;
use bed::{PROGRAMS, capture, program, workspace};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

/// Under these what is linked into a program may be given to anybody, with a notice at most (their names: spdx.org).
const FREE: [&str; 5] = ["MIT", "Apache-2.0", "BSD-3-Clause", "Unicode-3.0", "Unlicense"];
/// The list, as it is to be.
const LIST: &str = include_str!("../docs/DEPENDENCIES.md");
/// What comes with each package.
const COPYRIGHT: &str = include_str!("../packaging/copyright");

/// What cargo knows of the packages, without the network.
fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    let manifest = workspace().join("Cargo.toml");
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

/// Flags that the list names for rustc, with `folder` in the place of the one whose C library is taken.
fn flags_to_relink(folder: &Path) -> Vec<String> {
    let rest = LIST.split_once("\nRUSTFLAGS='").expect("how to link anew").1;
    let flags = rest.split_once("' make\n").expect("what is run").0;
    flags.split(' ').map(|flag| flag.replace("/srv/libc", &folder.display().to_string())).collect()
}

/// What the linker takes into a program beside its own objects, with these flags: the files, by their whole paths.
fn linked(flags: &[String], folder: &Path) -> BTreeSet<String> {
    let (source, map) = (folder.join("own.rs"), folder.join("own.map"));
    fs::write(&source, "fn main() {\n    println!(\"1\");\n}\n").expect("a program");
    let mut rustc = Command::new("rustc");
    rustc.args(flags).arg(format!("-Clink-arg=-Wl,-Map={}", map.display()));
    rustc.arg("-o").arg(folder.join("own")).arg(&source);
    capture(rustc).assert().success();
    let text = fs::read_to_string(map).expect("what ld -Map writes");
    let words = text.split([' ', '\n', '(', ')']).map(|word| word.trim_end_matches(':'));
    let is_file =
        |word: &&str| word.starts_with('/') && [".a", ".o", ".rlib"].iter().any(|end| word.ends_with(end));
    let is_own = |word: &&str| word.contains("/own.") || word.ends_with("/symbols.o");
    words.filter(is_file).filter(|word| !is_own(word)).map(str::to_owned).collect()
}

#[test]
fn what_is_linked_besides_crates_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = include_str!("../.cargo/config.toml");
    let flags = ["-C", "target-feature=+crt-static"].map(str::to_owned);
    assert!(config.contains("rustflags = [\"-C\", \"target-feature=+crt-static\"]"), "{config}");
    let (besides, _) = LIST.split_once("\n## Crates\n").expect("two lists");
    let rows: Vec<&str> = besides.lines().filter(|line| line.starts_with("| ")).collect();
    let listed: BTreeSet<&str> = rows.iter().flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    for row in &rows[1..] {
        let what = row.split(" | ").next().expect("a cell").trim_start_matches("| ");
        assert!(COPYRIGHT.contains(what), "packaging/copyright does not name {what}");
    }
    let sysroot = capture({
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "sysroot"]);
        rustc
    });
    let sysroot = String::from_utf8(sysroot.stdout).expect("a path");
    let word = |path: &String| {
        let name = path.rsplit('/').next().expect("a name").to_owned();
        let is_rust = path.starts_with(sysroot.trim()) && name.ends_with(".rlib");
        if is_rust { vec!["lib*.rlib".to_owned(), "rustc --print sysroot".to_owned()] } else { vec![name] }
    };
    let found: BTreeSet<String> = linked(&flags, folder.path()).iter().flat_map(word).collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), listed);
}

#[test]
fn nothing_is_left_to_be_linked_when_a_program_starts() {
    for name in PROGRAMS {
        let mut elf = Command::new("readelf");
        elf.arg("-ldW").arg(program(name));
        let read = capture(elf).assert().success();
        read.stdout(contains("Program Headers").and(contains("INTERP").or(contains("(NEEDED)")).not()));
    }
}

#[test]
fn another_c_library_is_linked_as_the_list_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let theirs = folder.path().join("libc");
    fs::create_dir(&theirs).expect("a folder");
    let mut cc = Command::new("cc");
    cc.arg("-print-file-name=libc.a");
    let file = String::from_utf8(capture(cc).stdout).expect("a path");
    let copy = theirs.join("libc.a");
    fs::copy(file.trim(), &copy).expect("the C library");
    let files = linked(&flags_to_relink(&theirs), folder.path());
    let libraries: Vec<&String> = files.iter().filter(|file| file.ends_with("/libc.a")).collect();
    assert_eq!(libraries, [&copy.display().to_string()]);
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

/// The notices in the package of a program.
fn notices(package: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    extract(package, folder.path());
    let mut unpack = Command::new("gzip");
    unpack.arg("-dc").arg(folder.path().join(format!("usr/share/doc/{package}/NOTICES.gz")));
    let unpacked = capture(unpack).assert().success();
    String::from_utf8(unpacked.get_output().stdout.clone()).expect("text")
}

/// The folders of the sources of foreign packages, by name and version.
fn sources(metadata: &Value) -> BTreeMap<String, PathBuf> {
    let packages = metadata["packages"].as_array().expect("a list");
    let foreign = packages.iter().filter(|package| !package["source"].is_null());
    let folder =
        |package: &Value| Path::new(text(package, "manifest_path")).parent().expect("a folder").to_owned();
    let name = |package: &Value| format!("{} {}", text(package, "name"), text(package, "version"));
    foreign.map(|package| (name(package), folder(package))).collect()
}

#[test]
fn each_package_brings_the_licences_of_all_that_is_linked() {
    let metadata = metadata();
    let (licences, sources) = (licences(&metadata), sources(&metadata));
    for package in PROGRAMS {
        let notices = notices(package);
        let (list, texts) = notices.split_once("\n---- 1").expect("a list, and texts");
        let blocks = texts.split("\n---- ").filter_map(|text| text.split_once(" ----\n\n"));
        let blocks: Vec<&str> = blocks.map(|(_, text)| text.trim_end()).collect();
        let crates: Vec<(&str, &str)> = list
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with("rustc "))
            .filter_map(|line| line.split_once(": "))
            .collect();
        assert!(crates.len() > 10 && crates.iter().any(|(name, _)| name.starts_with("libc ")), "{list}");
        for (name, rest) in crates {
            let licence = &licences[name.split(' ').next().expect("a name")];
            assert!(rest.starts_with(&format!("{licence}: ")), "{name}: {rest}");
            for file in ["LICENSE", "LICENSE-MIT", "COPYRIGHT"].map(|file| sources[name].join(file)) {
                let Ok(licence) = fs::read_to_string(&file) else { continue };
                let found = blocks.iter().filter(|block| **block == licence.trim_end()).count();
                assert_eq!(found, 1, "{package}: {}", file.display());
            }
        }
        for theirs in ["The Rust Project Developers", "Free Software Foundation", "Regents of the University"]
        {
            assert!(texts.contains(theirs), "{theirs}");
        }
    }
    for (package, name, line) in [
        ("ssm-keepalive", "clap ", "Copyright (c) Individual contributors"),
        ("ssm-keepalive", "libc ", "Copyright (c) The Rust Project Developers"),
        ("dropuid", "lexopt ", "Copyright (c) 2021 Jan Verbeek"),
    ] {
        let notices = notices(package);
        assert!(
            notices.contains(&format!("\n{name}")) && notices.contains(line),
            "{package}: {name}: {line}"
        );
    }
    assert!(!notices("dropuid").contains("\nclap "), "not what is linked into others");
}

/// What packaging/notices says of a program that needs one crate, whose licence is this and which has no file with it.
fn notices_without_a_file(licence: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    write("Cargo.toml", "[workspace]\nmembers = [\"own\", \"privtools-tests\"]\nresolver = \"3\"\n");
    write("own/Cargo.toml", &format!("{}[dependencies]\nbare = \"1\"\n", package("own")));
    write("privtools-tests/Cargo.toml", &package("privtools-tests"));
    write("vendor/bare/Cargo.toml", &format!("{}license = \"{licence}\"\n", package("bare")));
    write("vendor/bare/.cargo-checksum.json", "{\"files\":{}}");
    for member in ["own", "privtools-tests", "vendor/bare"] {
        write(&format!("{member}/src/lib.rs"), "");
    }
    let source = "[source.crates-io]\nreplace-with = \"here\"\n[source.here]\ndirectory = \"vendor\"\n";
    write(".cargo/config.toml", source);
    write("LICENSE-APACHE", include_str!("../LICENSE-APACHE"));
    let script = folder.path().join("packaging/notices");
    fs::create_dir(script.parent().expect("a folder")).expect("a folder");
    fs::copy(workspace().join("packaging/notices"), &script).expect("a copy");
    let mut lock = Command::new(env!("CARGO"));
    lock.args(["generate-lockfile", "--offline"]).current_dir(folder.path());
    capture(lock).assert().success();
    let mut notices = Command::new(script);
    notices.arg("own");
    capture(notices)
}

#[test]
fn a_crate_without_its_licence_is_in_no_package() {
    let failed = notices_without_a_file("MIT").assert().failure();
    failed.stderr(contains("notices: bare 1.0.0 (MIT) has no file with its licence in /"));
    let apache = notices_without_a_file("MIT OR Apache-2.0").assert().success();
    apache.stdout(
        contains("\nbare 1.0.0: MIT OR Apache-2.0: 1\n").and(contains(include_str!("../LICENSE-APACHE"))),
    );
}
