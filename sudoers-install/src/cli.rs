//! The words that sudoers-install understands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

/// The sudoers rule for sudo-helper, in place or nothing changed.
#[derive(Debug, Parser)]
#[command(version = version::VERSION, disable_help_subcommand = true, arg_required_else_help = true, term_width = 80)]
pub struct Cli {
    /// What is asked for.
    #[command(subcommand)]
    pub call: Call,
}

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum Call {
    /// Put a rule in place on this host
    Install(InstallCall),
    /// Remove the rules that this program has written
    Remove(ChangeCall),
    /// Tell which rules are in place, and whether they have effect
    Status(JsonCall),
    /// Tell which rules of sudoers files lead to root
    Lint(LintCall),
    /// The same on every host of an inventory
    Cluster(ClusterCall),
}

/// `install`.
#[derive(Debug, Args)]
pub struct InstallCall {
    /// The account that gets the rule [default: the one that called sudo]
    #[arg(long, value_name = "USER", value_hint = ValueHint::Username)]
    pub user: Option<String>,
    /// The program that the rule names [default: sudo-helper beside this program or in a system folder]
    #[arg(long, value_name = "PATH", conflicts_with = "command")]
    pub helper: Option<PathBuf>,
    /// Allow this command with these arguments instead of sudo-helper; may be given several times
    #[arg(long, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Remove the rules of systems-manager-helper once the new one is proven
    #[arg(long)]
    pub replace_legacy: bool,
    /// Show the change and make none
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `remove`.
#[derive(Debug, Args)]
pub struct ChangeCall {
    /// Only the rules of this account [default: all that this program has written]
    #[arg(long, value_name = "USER", value_hint = ValueHint::Username)]
    pub user: Option<String>,
    /// Show the change and make none
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `status`.
#[derive(Debug, Args)]
pub struct JsonCall {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `lint`.
#[derive(Debug, Args)]
pub struct LintCall {
    /// The files [default: /etc/sudoers and what it includes]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// What `cluster` does on each host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ClusterAction {
    /// Put the rule in place.
    Install,
    /// Tell what is in place.
    Status,
    /// Remove it.
    Remove,
}

/// `cluster`.
#[derive(Debug, Args)]
pub struct ClusterCall {
    /// install, status or remove
    // With what each of them means, the help would not fit a screen.
    #[arg(value_enum, default_value = "install", hide_possible_values = true)]
    pub action: ClusterAction,
    /// The hosts; - for standard input [default: ~/.config/agent-utilities/inventory.yaml]
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
    /// Only hosts whose alias or group fits the pattern
    #[arg(long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Never contact this host; may be repeated
    #[arg(long, value_name = "HOST")]
    pub skip: Vec<String>,
    /// Hosts at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// The account of the rule [default: the login]
    #[arg(long, value_name = "USER", value_hint = ValueHint::Username)]
    pub user: Option<String>,
    /// The rule's program
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/sudo-helper")]
    pub helper: PathBuf,
    /// Read the sudo password there, and do not ask
    #[arg(long, value_name = "N")]
    pub password_fd: Option<i32>,
    /// Accept keys that ssh does not know; never changed
    #[arg(long)]
    pub accept_new_host_keys: bool,
    /// Send the password also to the rule's account
    #[arg(long)]
    pub allow_login_grantee: bool,
    /// Remove systems-manager-helper's, once proven
    #[arg(long)]
    pub replace_legacy: bool,
    /// Go on after a host has refused the password
    #[arg(long)]
    pub keep_going: bool,
    /// Show the change and make none
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}
