//! The words of what an operator asks of an instance that runs.

use std::path::PathBuf;

use clap::Args;

use crate::name::Name;

/// `down`, `status`, `list` and `drop`.
#[derive(Debug, Args)]
pub struct InstanceCall {
    /// The instance
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub name: Name,
    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `load`.
#[derive(Debug, Args)]
pub struct LoadCall {
    /// The manifest: a private file of root's, or - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub manifest: PathBuf,
    /// The instance [default: the one that the manifest names]
    #[arg(long, value_name = "NAME")]
    pub name: Option<Name>,
    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckCall {
    /// The instance whose policy counts
    #[arg(long, value_name = "NAME", default_value = "default", conflicts_with = "policy")]
    pub name: Name,
    /// This policy instead, a JSON file of root's
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Take it that the agent has verified no session-bind
    #[arg(long)]
    pub unverified: bool,
    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
    /// What a client sent, as socat -r has it [default: standard input]
    #[arg(value_name = "CAPTURE")]
    pub capture: Option<PathBuf>,
}
