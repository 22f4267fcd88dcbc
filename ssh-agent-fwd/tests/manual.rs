//! ssh-agent-fwd(8) has every word that the program understands, and every one that it says to programs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use ssh_agent_fwd::cli::Cli;

const MANUAL: &str = include_str!("../ssh-agent-fwd.8");

/// The section of this name.
fn section(name: &str) -> &'static str {
    let (_, after) = MANUAL.split_once(&format!("\n.Sh {name}\n")).expect(name);
    after.split_once("\n.Sh ").map_or(after, |(section, _)| section)
}

/// What the synopsis has after the words that name this command.
fn synopsis(command: &str) -> Option<&'static str> {
    let forms = section("SYNOPSIS").split(".Nm\n");
    let mut named = forms.filter_map(|form| form.strip_prefix(".Cm ")?.split_once('\n'));
    named.find(|(words, _)| words.split(" | ").any(|word| word == command)).map(|(_, options)| options)
}

fn has_option(text: &str, option: &str) -> bool {
    let word = format!("Fl -{option}");
    text.match_indices(&word).any(|(at, _)| {
        let next = text[at + word.len()..].chars().next();
        next.is_none_or(char::is_whitespace)
    })
}

#[test]
fn every_command_and_option_is_in_the_manual() {
    let mut missing = Vec::new();
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let Some(synopsis) = synopsis(name) else {
            missing.push(format!("{name}: no synopsis"));
            continue;
        };
        if !section("DESCRIPTION").contains(&format!("\n.Ss {name}\n")) {
            missing.push(format!("{name}: no description"));
        }
        for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
            for (place, text) in [("synopsis", synopsis), ("options", section("OPTIONS"))] {
                if !has_option(text, option) {
                    missing.push(format!("{name}: --{option} is not in its {place}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The words of the manual that are set as literals.
fn literals() -> BTreeSet<&'static str> {
    let lines = MANUAL.lines().filter_map(|line| line.strip_prefix(".Li ").or(line.strip_prefix(".Pq Li ")));
    lines.flat_map(|line| line.split([' ', ','])).collect()
}

/// The words in `Failure::new("…"` below a folder.
fn codes(folder: &Path, found: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            codes(&path, found);
        } else if path.file_name().is_none_or(|name| name != "tests.rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let code = |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
            found.extend(text.split("Failure::new(").skip(1).filter_map(code));
        }
    }
}

#[test]
fn every_code_is_in_the_manual() {
    let mut found = BTreeSet::new();
    codes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    let known = literals();
    let missing: Vec<&String> = found.iter().filter(|code| !known.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
