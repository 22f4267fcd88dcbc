//! What the documents of this tree name is there: tests, files, and what privtools(7) shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use bed::capture;

const PITFALLS: &str = include_str!("../docs/PITFALLS.md");
const OVERVIEW: &str = include_str!("../privtools/privtools.7");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");
const README: &str = include_str!("../README.md");

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// The rows of a document's tables, without their heads, each with the number of its line.
fn rows(document: &str) -> Vec<(usize, &str)> {
    let lines: Vec<(usize, &str)> = document.lines().enumerate().map(|(at, line)| (at + 1, line)).collect();
    let is_row = |line: &(usize, &str)| line.1.starts_with('|');
    lines.split(|line| !is_row(line)).flat_map(|table| table.iter().skip(2).copied()).collect()
}

/// The tests that the last cell of a row names: `file::module::function`.
fn named(row: &str) -> Vec<(&str, &str)> {
    let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
    let spans = cell.split('`').skip(1).step_by(2);
    spans.filter_map(|span| span.split_once(".rs::")).collect()
}

/// The tests of a file, with the modules that they are in. rustfmt has a module end in the column of its first word.
fn tests_of(source: &str) -> Vec<String> {
    let (mut modules, mut found) = (Vec::<(usize, &str)>::new(), Vec::new());
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines() {
        let word = line.trim_start();
        let column = line.len() - word.len();
        if let Some(name) = word.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {")) {
            modules.push((column, name));
        } else if word == "}" {
            modules.retain(|(begun, _)| *begun < column);
        } else if word == "#[test]" {
            (is_test, is_ignored) = (true, false);
        } else if word.starts_with("#[ignore") {
            is_ignored = true;
        } else if let Some((name, _)) = word.strip_prefix("fn ").and_then(|rest| rest.split_once('(')) {
            if is_test && !is_ignored {
                let path: Vec<&str> = modules.iter().map(|(_, module)| *module).chain([name]).collect();
                found.push(path.join("::"));
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    found
}

fn source(file: &str) -> Result<String, String> {
    fs::read_to_string(tree().join(format!("{file}.rs"))).map_err(|error| format!("{file}.rs: {error}"))
}

/// What is wrong with a row, when this is how its files are read.
fn complaints(row: &str, read: impl Fn(&str) -> Result<String, String>) -> Vec<String> {
    let tests = named(row);
    if tests.is_empty() {
        return vec!["it names no test".to_owned()];
    }
    let wrong = |(file, test): (&str, &str)| match read(file) {
        Ok(source) if tests_of(&source).iter().any(|found| found == test) => None,
        Ok(_) => Some(format!("{file}.rs has no test {test}")),
        Err(error) => Some(error),
    };
    tests.into_iter().filter_map(wrong).collect()
}

#[test]
fn every_pitfall_names_a_test_that_there_is() {
    let rows = rows(PITFALLS);
    let sections = PITFALLS.matches("\n## ").count();
    assert!(rows.len() > sections && sections >= 6, "{sections} sections, {} rows", rows.len());
    let wrong: Vec<String> = rows
        .into_iter()
        .flat_map(|(line, row)| {
            complaints(row, source).into_iter().map(move |what| format!("docs/PITFALLS.md:{line}: {what}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_test_that_is_renamed_moved_or_switched_off_is_missed() {
    for (line, row) in rows(PITFALLS) {
        for (_, test) in named(row) {
            let name = test.rsplit("::").next().expect("a name");
            let function = format!("fn {name}(");
            let spoilt = |with: &str| {
                complaints(row, |file| source(file).map(|text| text.replace(&function, with))).len()
            };
            assert_eq!(spoilt(&function), 0, "line {line}: {test}");
            for with in [
                format!("fn {name}_too("),
                format!("mod elsewhere {{\n    {function}"),
                format!("#[ignore]\n{function}"),
            ] {
                assert!(spoilt(&with) > 0, "line {line}: {test} is found in {with:?}");
            }
        }
    }
    assert_eq!(complaints("| a fault | a reason | none |", source), ["it names no test"]);
}

/// The documents of the tree: its own, and those of its folders.
fn documents() -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect()
    };
    let above = entries(tree());
    let below = above.iter().filter(|path| path.is_dir()).flat_map(|folder| entries(folder));
    let all = below.chain(above.iter().cloned());
    all.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// What a document links to within the tree.
fn links(document: &str) -> impl Iterator<Item = &str> {
    let targets = document.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let files = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    files.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn links_between_documents_lead_to_files() {
    let mut wrong = Vec::new();
    let mut linked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        for target in links(&text) {
            linked += 1;
            if !folder.join(target).is_file() {
                wrong.push(format!("{}: there is no {target}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty() && linked > 0, "{linked} links: {}", wrong.join("\n"));
}

/// The programs of the tree, each with the section of its page.
fn pages() -> Vec<(String, String)> {
    let folders = fs::read_dir(tree()).expect("the tree").flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let page = |name: String| {
        let section = ["1", "8"].into_iter().find(|s| tree().join(format!("{name}/{name}.{s}")).is_file())?;
        Some((name, section.to_owned()))
    };
    names.filter_map(page).collect()
}

#[test]
fn the_change_log_begins_with_the_version_that_this_is() {
    let newest = CHANGELOG.lines().find_map(|line| line.strip_prefix("## ")).expect("a version");
    let number = newest.split(' ').next().unwrap_or_default();
    assert_eq!(number, env!("CARGO_PKG_VERSION"));
    let is_number = |part: &str| part == "0" || part.parse::<u32>().is_ok_and(|_| !part.starts_with('0'));
    assert!(number.split('.').count() == 3 && number.split('.').all(is_number), "{number}");
}

/// What everybody looks for in a page.
const SECTIONS: [&str; 6] = ["EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES", "SECURITY", "SEE ALSO"];

#[test]
fn every_page_has_what_is_looked_for_and_is_good_mdoc() {
    for (name, section) in pages() {
        let path = tree().join(format!("{name}/{name}.{section}"));
        let page = fs::read_to_string(&path).expect("a page");
        let missing: Vec<&str> =
            SECTIONS.into_iter().filter(|section| !page.contains(&format!("\n.Sh {section}\n"))).collect();
        assert!(missing.is_empty(), "{name}({section}) lacks {missing:?}");
        assert_good_mdoc(&path);
    }
    assert_good_mdoc(&tree().join("privtools/privtools.7"));
}

fn assert_good_mdoc(page: &Path) {
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-T", "lint", "-W", "warning"]).arg(page);
    capture(mandoc).assert().success().stdout("");
}

#[test]
fn every_program_says_what_others_do() {
    for (name, _) in pages() {
        let readme = fs::read_to_string(tree().join(format!("{name}/README.md"))).expect("a README");
        let (_, theirs) =
            readme.split_once("\n## Theirs and ours\n").unwrap_or_else(|| panic!("{name}/README.md"));
        let theirs = theirs.split("\n## ").next().unwrap_or_default();
        assert!(rows(theirs).len() > 3, "{name}/README.md has no table of theirs and ours");
    }
}

#[test]
fn the_overview_has_every_program() {
    let pages = pages();
    assert!(pages.len() >= 6, "{pages:?}");
    let (_, see_also) = OVERVIEW.split_once("\n.Sh SEE ALSO\n").expect("a section");
    for (name, section) in pages {
        assert!(OVERVIEW.contains(&format!("\n.Ss {name}\n")), "{name} has no paragraph");
        assert!(see_also.contains(&format!(".Xr {name} {section}")), "{name}({section}) is not in SEE ALSO");
    }
}

#[test]
fn what_the_overview_shows_stands_in_the_readme_whose_blocks_are_run() {
    // Behind two spaces is what README.md says of a line; one line is in the middle of its words.
    let alone = |line: &'static str| line.strip_prefix('`').and_then(|line| line.strip_suffix("`."));
    let bare = |line: &'static str| line.split("  #").next().unwrap_or_default().trim();
    let shown_there: Vec<&str> = README.lines().map(|line| alone(line).unwrap_or(bare(line))).collect();
    let blocks = OVERVIEW.split("\n.Bd -literal").skip(1).filter_map(|block| block.split_once("\n.Ed\n"));
    let lines = blocks.flat_map(|(block, _)| block.lines().skip(1)).map(|line| line.replace("\\e", "\\"));
    let lines: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    assert!(!lines.is_empty(), "nothing is shown");
    for line in lines {
        assert!(shown_there.contains(&line.as_str()), "README.md has no line {line:?}");
    }
}
