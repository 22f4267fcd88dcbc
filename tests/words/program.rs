//! What the programs understand, by their own word.

use std::collections::BTreeSet;
use std::process::Command;

use sudo_helper::cli::{UsageError, parse};

/// The six, and where their pages are.
pub const PROGRAMS: [(&str, &str); 6] = [
    ("dropuid", include_str!("../../dropuid/dropuid.1")),
    ("capture-run", include_str!("../../capture-run/capture-run.1")),
    ("sudo-helper", include_str!("../../sudo-helper/sudo-helper.8")),
    ("sudoers-install", include_str!("../../sudoers-install/sudoers-install.8")),
    ("ssm-keepalive", include_str!("../../ssm-keepalive/ssm-keepalive.8")),
    ("ssh-agent-fwd", include_str!("../../ssh-agent-fwd/ssh-agent-fwd.8")),
];

/// A program, or one of its subcommands.
#[derive(Debug)]
pub struct Level {
    /// The program's name and the subcommand.
    pub words: Vec<String>,
    /// The options, long and short.
    pub options: BTreeSet<String>,
    /// What may follow: subcommands, or verbs.
    pub below: BTreeSet<String>,
}

/// The program itself, and each of its subcommands.
pub fn levels(program: &'static str) -> Vec<Level> {
    let help = said(&[program, "--help"]).0;
    let below = commands(&help);
    let own = Level {
        words: vec![program.to_owned()],
        options: options(&help),
        below: below.iter().map(|(command, _)| command.clone()).collect(),
    };
    let subcommands: Vec<Level> = below.into_iter().fold(Vec::new(), |mut levels, (command, verbs)| {
        let options = match program {
            "sudo-helper" => taken(&command, &own.options),
            _ => options(&said(&[program, &command, "--help"]).0),
        };
        // sudo-helper's help has a line for each kind of verb.
        match levels.iter_mut().find(|level: &&mut Level| level.words[1] == command) {
            Some(known) => known.below.extend(verbs),
            None => levels.push(Level { words: vec![program.to_owned(), command], options, below: verbs }),
        }
        levels
    });
    [own].into_iter().chain(subcommands).collect()
}

/// What the program writes to its two outputs, and it succeeds.
pub fn said(words: &[&str]) -> (String, String) {
    let mut command = Command::new(bed::program(words[0]));
    command.args(&words[1..]).env_remove("COLUMNS");
    let output = bed::capture(command);
    assert!(output.status.success(), "{words:?}: {output:?}");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

/// What stands in front of the explanation.
fn head(line: &str) -> &str {
    let line = line.trim_start();
    line.split_once("  ").map_or(line, |(head, _)| head)
}

fn options(help: &str) -> BTreeSet<String> {
    // In a help of clap's other programs' options may be in the explanations.
    let text: String = match help.split_once("\nOptions:\n") {
        Some((_, options)) => options
            .lines()
            .filter(|line| line.trim_start().starts_with('-'))
            .map(head)
            .fold(String::new(), |text, head| text + head + " "),
        None => help.to_owned(),
    };
    let words = text.split(|c: char| c != '-' && !c.is_ascii_alphanumeric());
    let is_option = |word: &&str| {
        let name = word.trim_start_matches('-');
        !name.is_empty() && word.len() - name.len() == if name.len() == 1 { 1 } else { 2 }
    };
    words.filter(is_option).map(str::to_owned).collect()
}

/// Subcommands with their verbs: `  service {start|stop} NAME   ...`, `  approve ID; deny ID   ...`.
fn commands(help: &str) -> Vec<(String, BTreeSet<String>)> {
    let lines = help.lines().filter(|line| {
        line.strip_prefix("  ").is_some_and(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
    });
    let forms = lines.flat_map(|line| head(line).split("; "));
    let command = |form: &str| {
        let (command, operands) = form.split_once(' ').unwrap_or((form, ""));
        let verbs = operands.strip_prefix('{').and_then(|operands| operands.split_once('}'));
        let verbs = verbs.into_iter().flat_map(|(verbs, _)| verbs.split('|')).map(str::to_owned);
        (command.to_owned(), verbs.collect())
    };
    forms.map(command).collect()
}

/// The options that sudo-helper takes with a request; its help is one for all.
fn taken(request: &str, options: &BTreeSet<String>) -> BTreeSet<String> {
    let words = match request {
        "service" => vec![request, "status", "nginx"],
        "package" => vec![request, "update"],
        "run" | "approve" | "deny" | "wait" | "probe" => vec![request, "0"],
        "explain" => vec![request, "package", "update"],
        _ => vec![request],
    };
    let is_taken = |option: &&String| {
        let value = (*option == "--policy").then_some("policy.json");
        let call = words.iter().copied().chain([option.as_str()]).chain(value);
        match parse(call.map(Into::into)) {
            Ok(_) => true,
            Err(UsageError::Misplaced(_)) => false,
            Err(error) => panic!("{words:?} {option}: {error}"),
        }
    };
    options.iter().filter(is_taken).cloned().collect()
}
