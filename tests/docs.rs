//! What the documents of this tree name is there: tests, files, what privtools(7) shows, and ratios that were measured.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use bed::{capture, workspace};

use bed::benchmarks::{NOTHING, Section, parse, quotes};

const BENCHMARKS: &str = include_str!("../BENCHMARKS.md");
const PITFALLS: &str = include_str!("../docs/PITFALLS.md");
const OVERVIEW: &str = include_str!("../privtools/privtools.7");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");
const README: &str = include_str!("../README.md");

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
    fs::read_to_string(workspace().join(format!("{file}.rs"))).map_err(|error| format!("{file}.rs: {error}"))
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
    let above = entries(workspace());
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

/// The shell scripts of the tree: those that name a shell in their first line, and those that their names tell.
fn scripts() -> BTreeSet<String> {
    let mut grep = Command::new("git");
    // Not of the index: a source tree without git has none, and a new file is not there yet.
    grep.arg("-C").arg(workspace()).args([
        "grep",
        "--no-index",
        "--exclude-standard",
        "--name-only",
        "-I",
        "-e",
        "",
    ]);
    let listed = capture(grep).assert().success();
    let names = String::from_utf8_lossy(&listed.get_output().stdout).into_owned();
    let names_shell = |name: &&str| {
        let text = fs::read_to_string(workspace().join(name)).unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let mut words = first.strip_prefix("#!").unwrap_or_default().split([' ', '/']);
        words.any(|word| ["sh", "bash", "dash"].contains(&word)) || name.ends_with(".sh")
    };
    names.lines().filter(names_shell).map(str::to_owned).collect()
}

#[test]
fn every_shell_script_is_checked_by_make_lint_and_that_by_ci() {
    let mut make = Command::new("make");
    make.arg("-C").arg(workspace()).args(["-s", "-n", "lint"]).env_remove("MAKEFLAGS");
    let steps = capture(make).assert().success();
    let steps = String::from_utf8_lossy(&steps.get_output().stdout).into_owned();
    let check = steps.lines().find(|line| line.starts_with("shellcheck ")).expect("shellcheck is run");
    let checked: BTreeSet<String> = check.split(' ').map(str::to_owned).collect();
    let scripts = scripts();
    assert!(scripts.contains(".ci/run") && scripts.len() > 30, "{scripts:?}");
    assert_eq!(scripts.difference(&checked).collect::<Vec<_>>(), [""; 0]);
    let ci = include_str!("../.ci/run");
    assert!(["make packages lint", "exec make test"].iter().all(|step| ci.lines().any(|line| line == *step)));
}

/// The programs of the tree, each with the section of its page.
fn pages() -> Vec<(String, String)> {
    let folders = fs::read_dir(workspace()).expect("the tree").flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let page = |name: String| {
        let section =
            ["1", "8"].into_iter().find(|s| workspace().join(format!("{name}/{name}.{s}")).is_file())?;
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

#[test]
fn the_readme_says_which_cargo_is_needed() {
    let needed = format!("Both need cargo {} or later", env!("CARGO_PKG_RUST_VERSION"));
    assert!(README.contains(&needed), "README.md does not say {needed:?}");
}

/// What everybody looks for in a page.
const SECTIONS: [&str; 6] = ["EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES", "SECURITY", "SEE ALSO"];

#[test]
fn every_page_has_what_is_looked_for_and_is_good_mdoc() {
    for (name, section) in pages() {
        let path = workspace().join(format!("{name}/{name}.{section}"));
        let page = fs::read_to_string(&path).expect("a page");
        let missing: Vec<&str> =
            SECTIONS.into_iter().filter(|section| !page.contains(&format!("\n.Sh {section}\n"))).collect();
        assert!(missing.is_empty(), "{name}({section}) lacks {missing:?}");
        assert_good_mdoc(&path);
    }
    assert_good_mdoc(&workspace().join("privtools/privtools.7"));
}

fn assert_good_mdoc(page: &Path) {
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-T", "lint", "-W", "warning"]).arg(page);
    capture(mandoc).assert().success().stdout("");
}

#[test]
fn every_program_says_what_others_do() {
    for (name, _) in pages() {
        let readme = fs::read_to_string(workspace().join(format!("{name}/README.md"))).expect("a README");
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

/// The READMEs, each with the name of the program whose it is; that of the tree is nobody's.
fn readmes() -> Vec<(String, String)> {
    let all = documents().into_iter().filter(|path| path.ends_with("README.md"));
    let owned = |path: PathBuf| {
        let folder = path.parent().filter(|folder| *folder != workspace()).and_then(Path::file_name);
        let owner = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (owner, fs::read_to_string(path).expect("a README"))
    };
    all.map(owned).collect()
}

fn measured() -> Vec<Section> {
    parse(BENCHMARKS).expect("BENCHMARKS.md as make bench writes it")
}

#[test]
fn benchmarks_tell_of_every_program_and_of_the_machine_but_not_whose_it_is() {
    let sections = measured();
    let told: BTreeSet<&str> = sections.iter().map(|section| section.program.as_str()).collect();
    let pages = pages();
    assert_eq!(told, pages.iter().map(|(name, _)| name.as_str()).collect());
    for Section { program, rows, .. } in &sections {
        assert!(rows.iter().any(|row| row[4] != NOTHING), "{program} has no ratio");
        for row in rows.iter().filter(|row| row[1] != NOTHING) {
            assert!(row[7] != NOTHING, "{program}: {}: no command", row[0]);
        }
    }
    for what in ["- Linux ", " cores", "- peers, by Debian package: "] {
        assert!(BENCHMARKS.contains(what), "BENCHMARKS.md does not say {what:?}");
    }
    let paths = BENCHMARKS
        .split([' ', '`', ',', '>', ';', '\''])
        .filter(|word| word.starts_with('/') && *word != "/s");
    let known = ["/bin/true", "/bin/sleep", "/dev/null", "/etc"];
    assert_eq!(paths.filter(|path| !known.contains(path)).collect::<Vec<_>>(), [""; 0]);
}

/// What a README quotes otherwise than it was measured.
fn misquoted(readme: &str, owner: &str, sections: &[Section]) -> Vec<String> {
    let wrong = |quote: bed::benchmarks::Quote| match quote.measured(sections) {
        Ok(ratio) if ratio == quote.ratio => None,
        Ok(ratio) => Some(format!("line {}: {} was measured as {ratio}", quote.line, quote.ratio)),
        Err(complaint) => Some(complaint),
    };
    quotes(readme, owner).into_iter().filter_map(wrong).collect()
}

#[test]
fn every_ratio_that_a_readme_quotes_was_measured() {
    let sections = measured();
    let mut quoting = BTreeSet::new();
    for (owner, readme) in readmes() {
        assert_eq!(misquoted(&readme, &owner, &sections), [""; 0], "{owner}/README.md");
        for quote in quotes(&readme, &owner) {
            let spoilt = |from: &str| {
                let other = |(at, line): (usize, &str)| {
                    if at + 1 == quote.line { line.replace(from, "no such") } else { line.to_owned() }
                };
                let text: Vec<String> = readme.lines().enumerate().map(other).collect();
                misquoted(&text.join("\n"), &owner, &sections).len()
            };
            assert_eq!([&quote.row[1], &quote.ratio].map(|word| spoilt(word)), [1, 1], "{quote:?}");
            quoting.insert((owner.clone(), quote.row[0].clone()));
        }
    }
    for (program, _) in pages() {
        for owner in ["", &program] {
            let key = (owner.to_owned(), program.clone());
            assert!(quoting.contains(&key), "{owner}/README.md quotes no ratio of {program}");
        }
    }
}

/// Numbers with a unit of time, size or rate.
fn figures(text: &str) -> Vec<String> {
    const UNITS: [&str; 16] = [
        "s",
        "second",
        "seconds",
        "ms",
        "millisecond",
        "milliseconds",
        "us",
        "µs",
        "KB",
        "KiB",
        "MB",
        "MiB",
        "GB",
        "GiB",
        "GB/s",
        "/s",
    ];
    let words: Vec<&str> = text.split_whitespace().collect();
    let following = words.iter().skip(1).chain([&""]);
    let figure = |(word, next): (&&str, &&str)| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let (number, rest) =
            word.split_at(word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len()));
        let unit = if rest.is_empty() { *next } else { rest };
        let unit = unit.trim_end_matches(|c: char| !c.is_alphanumeric());
        (!number.is_empty() && UNITS.contains(&unit)).then(|| format!("{number} {unit}"))
    };
    words.iter().zip(following).filter_map(figure).collect()
}

/// The figures of a README that only a measurement can have given: those with a decimal point, those in words beside
/// quotes, and the unit of the shortest.
fn measurements(readme: &str, owner: &str) -> Vec<String> {
    let exact = figures(readme).into_iter().filter(|figure| figure.contains('.'));
    let quoting = readme.split("\n## ").filter(|section| !quotes(section, owner).is_empty());
    let beside = quoting.flat_map(str::lines).filter(|line| !line.starts_with('|')).flat_map(figures);
    let words = readme.split_whitespace().filter(|word| word.starts_with("millisecond")).map(str::to_owned);
    exact.chain(beside).chain(words).collect()
}

#[test]
fn readmes_quote_ratios_and_no_figure() {
    for (owner, readme) in readmes() {
        assert_eq!(measurements(&readme, &owner), [""; 0], "{owner}/README.md");
    }
    let quoting = "| measured | peer | ratio |\n|---|---|---|\n| f | tee | 0.5 |\n";
    let alone = ["it adds 0.875 ms.", "(1.2s)", "at 3.1 GB/s", "in about a millisecond"];
    let beside = format!("{quoting}after 7 s");
    for text in alone.into_iter().chain([beside.as_str()]) {
        assert_eq!(measurements(text, "").len(), 1, "{text}");
    }
    assert_eq!(
        measurements(&format!("after 90 seconds, 64 KiB, SAFE (0.9), bash 5.2\n## x\n{quoting}"), ""),
        [""; 0]
    );
}
