//! What shells complete after the programs whose words clap knows.

use clap::builder::PossibleValue;
use clap::{Command, CommandFactory};
use clap_complete::{Generator, Shell, generate};

/// A file of completions, as it belongs into the workspace.
pub struct File {
    /// Where, from the workspace on.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// Every such file.
#[must_use]
pub fn generated() -> Vec<File> {
    let programs = [
        ("sudoers-install", sudoers_install::cli::Cli::command()),
        ("ssm-keepalive", ssm_keepalive::cli::Cli::command()),
        ("ssh-agent-fwd", ssh_agent_fwd::cli::Cli::command()),
    ];
    let files = programs.into_iter().flat_map(|(name, command)| {
        let shown = shown(name, &command);
        [Shell::Bash, Shell::Zsh, Shell::Fish].map(|shell| file(name, shown.clone(), shell))
    });
    files.collect()
}

/// The command without its hidden words, which clap_complete would offer.
fn shown(name: &'static str, command: &Command) -> Command {
    let words = command.get_subcommands().filter(|word| !word.is_hide_set()).cloned();
    Command::new(name)
        .version(version::VERSION)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .subcommands(words)
}

fn file(name: &str, mut command: Command, shell: Shell) -> File {
    let file = match shell {
        Shell::Bash => format!("{name}.bash"),
        _ => shell.file_name(name),
    };
    let mut text = Vec::new();
    generate(shell, &mut command, name, &mut text);
    let text = String::from_utf8(text).expect("completions are text");
    let text = match shell {
        Shell::Bash => with_one_spelling(name, &text),
        Shell::Fish => text + &operands(name, &command),
        _ => text,
    };
    File { path: format!("{name}/completions/{file}"), text }
}

/// What is made for bash has two spellings for a program with a hyphen, so that no subcommand's options
/// would be found (<https://github.com/clap-rs/clap/issues/6421>, clap_complete 4.6.11).
fn with_one_spelling(name: &str, text: &str) -> String {
    text.replace(
        &format!("{}__subcmd__", name.replace('-', "__subcmd__")),
        &format!("{}__subcmd__", name.replace('-', "__")),
    )
}

/// The values of operands, which clap_complete leaves out for fish.
fn operands(name: &str, command: &Command) -> String {
    let using = format!("__fish_{}_using_subcommand", name.replace('-', "_"));
    let words = command.get_subcommands();
    let operands = words.flat_map(|word| word.get_positionals().map(move |operand| (word, operand)));
    let lines = operands.filter_map(|(word, operand)| {
        let (word, values) = (word.get_name(), operand.get_possible_values());
        let values: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
        let line = format!("complete -c {name} -n \"{using} {word}\" -f -a \"{}\"\n", values.join(" "));
        (!values.is_empty()).then_some(line)
    });
    lines.collect()
}
