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
    /// Stay, and take everything down on SIGTERM, SIGINT, or when one of the daemons ends
    #[arg(long)]
    pub foreground: bool,
    /// Write root's files in /etc/ssh instead of those below the user's home
    #[arg(long)]
    pub system_ssh_config: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with_all = ["foreground", "json"])]
    pub dry_run: bool,
    /// Say it as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Say nothing of what should be known, but of what fails
    #[arg(short, long)]
    pub quiet: bool,
    /// Write a newline to this descriptor when everything is ready
    #[arg(long, value_name = "FD", requires = "foreground", value_parser = clap::value_parser!(RawFd).range(3..))]
    pub ready_fd: Option<RawFd>,
}

/// `exec`.
#[derive(Debug, Args)]
pub struct ExecCall {
    /// The manifest: a file that nobody else can read, or - for standard input, which the command does not get then
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// The command, after --
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
