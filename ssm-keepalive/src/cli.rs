//! The words that ssm-keepalive understands.

mod fleet;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::drop_in::DEFAULT;
use crate::span::Span;
use crate::unit::Unit;

pub use fleet::{DeployCall, FleetCall};

/// systemd brings the SSM agent back, proven.
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
    /// Have systemd bring the agent back, and prove that it will
    Install(InstallCall),
    /// Tell how the agent is, and whether it would come back
    Status(UnitCall),
    /// Prove that systemd would bring it back
    Verify(VerifyCall),
    /// Remove what install has written, and prove what counts then
    Remove(RemoveCall),
    /// Print the drop-in that install would write
    Print(PrintCall),
    /// Have it on many instances, through AWS Systems Manager
    #[command(
        override_usage = "ssm-keepalive deploy [OPTIONS]\n         <--instance-ids ID...|--targets KEY...|--all-online>"
    )]
    Deploy(DeployCall),
    /// Tell of many whether systemd would bring their agents back
    #[command(
        override_usage = "ssm-keepalive fleet-status [OPTIONS]\n         <--instance-ids ID...|--targets KEY...|--all-online>"
    )]
    FleetStatus(FleetCall),
    /// Restart the agent if it is asleep for too long
    Watch(WatchCall),
}

/// `install`.
#[derive(Debug, Args)]
pub struct InstallCall {
    /// The unit [default: whichever agent's is there]
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<Unit>,
    /// How long systemd waits before a start
    #[arg(long, value_name = "SPAN", default_value_t = DEFAULT)]
    pub restart_sec: Span,
    /// Restart the agent 5 s later, apart from this call
    #[arg(long)]
    pub restart: bool,
    /// Leave an agent that has failed as it is
    #[arg(long)]
    pub no_start: bool,
    /// Start an agent that was stopped
    #[arg(long, conflicts_with = "no_start")]
    pub start: bool,
    /// Enable an agent that is disabled
    #[arg(long)]
    pub enable: bool,
    /// Have a timer restart an agent that is asleep
    #[arg(long)]
    pub watch: bool,
    /// For how long it has to be asleep
    #[arg(long, value_name = "SPAN", default_value = "10m", requires = "watch")]
    pub asleep_for: Span,
    /// Write to the image in this folder, prove nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["restart", "no_start", "start", "enable"])]
    pub root: Option<PathBuf>,
    /// Show the change and make none
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `status`.
#[derive(Debug, Args)]
pub struct UnitCall {
    /// The unit [default: whichever agent's is there]
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<Unit>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyCall {
    /// The unit [default: whichever agent's is there]
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<Unit>,
    /// Kill the agent's main process, and wait until it is back
    #[arg(long)]
    pub kill: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `remove`.
#[derive(Debug, Args)]
pub struct RemoveCall {
    /// The unit [default: each that has a drop-in of ours]
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<Unit>,
    /// Remove it from the image in this folder, prove nothing
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Show the change and make none
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `watch`.
#[derive(Debug, Args)]
pub struct WatchCall {
    /// The unit [default: whichever agent's is there]
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<Unit>,
    /// For how long it has to be asleep
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    pub asleep_for: Span,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `print`.
#[derive(Debug, Args)]
pub struct PrintCall {
    /// How long systemd waits before a start
    #[arg(long, value_name = "SPAN", default_value_t = DEFAULT)]
    pub restart_sec: Span,
}
