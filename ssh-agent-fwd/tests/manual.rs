//! ssh-agent-fwd(8) has every word that the program understands.

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
