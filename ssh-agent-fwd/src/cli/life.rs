//! The words of what starts and ends an instance.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;

use clap::Args;

/// `up`.
#[derive(Debug, Args)]
pub struct UpCall {
    /// The manifest: a private file of root's, or - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub manifest: PathBuf,
    /// Stay until a signal comes or a daemon ends
    #[arg(long)]
    pub foreground: bool,
    /// Write files of root's in /etc/ssh, and none in the home
    #[arg(long)]
    pub system_ssh_config: bool,
    /// Sign nothing that cannot be recorded
    #[arg(long)]
    pub record_required: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "foreground")]
    pub dry_run: bool,
    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
    /// Print no warnings
    #[arg(short, long)]
    pub quiet: bool,
    /// Write a newline there when everything is ready
    #[arg(long, value_name = "FD", requires = "foreground", value_parser = clap::value_parser!(RawFd).range(3..))]
    pub ready_fd: Option<RawFd>,
}

/// `exec`.
#[derive(Debug, Args)]
pub struct ExecCall {
    /// The manifest: a private file of the caller's, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// Sign nothing that cannot be recorded
    #[arg(long)]
    pub record_required: bool,
    /// The command, after --
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
