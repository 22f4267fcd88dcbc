//! The words that ssh-agent-fwd understands.

mod life;
mod operator;

use std::ffi::OsString;
use std::os::fd::RawFd;

use clap::{Args, Parser, Subcommand};

use crate::exec::OWN_FAILURE;
use crate::exit::Exit;
use crate::name::SocketPath;
use crate::record::Sink;

pub use life::{ExecCall, UpCall};
pub use operator::{CheckCall, InstanceCall, LoadCall};

/// Sign with keys that can never be read, only where policy says.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true, arg_required_else_help = true)]
pub struct Cli {
    /// What is asked for.
    #[command(subcommand)]
    pub call: Call,
}

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum Call {
    /// Serve an agent's keys to others, as policy says, in the foreground
    Serve(ServeCall),
    /// Provision a user: agent, keys, forwarder, ssh files; nothing, if a step fails
    Up(UpCall),
    /// Take an instance down, so that nothing of it is left
    Down(InstanceCall),
    /// Tell whether an instance is ready, and what helps if it is not
    Status(InstanceCall),
    /// List an instance's keys, and what each may sign
    List(InstanceCall),
    /// Have an instance's agent forget every key, now
    Drop(InstanceCall),
    /// Put a manifest's keys back after drop, those that the policy names
    Load(LoadCall),
    /// Run a command with an agent and a forwarder of its own
    Exec(ExecCall),
    /// Say what the policy decides of a captured connection, and why
    Check(CheckCall),
    /// Work in the served user's home, as that user
    #[command(hide = true)]
    AsUser,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeCall {
    /// The socket for clients, in a folder that nobody but root can change
    #[arg(long, value_name = "SOCKET")]
    pub listen: SocketPath,
    /// The socket of the agent
    #[arg(long, value_name = "SOCKET")]
    pub agent: SocketPath,
    /// A user that may connect, by name or uid, besides those of the policy
    #[arg(long, value_name = "USER")]
    pub allow_user: Vec<String>,
    /// A group whose members may connect, by name or gid
    #[arg(long, value_name = "GROUP")]
    pub allow_group: Vec<String>,
    /// What may be signed with which key: a JSON file of root's, read again on SIGHUP. Without it nothing is signed
    #[arg(long, value_name = "FILE")]
    pub policy: Option<std::path::PathBuf>,
    /// Let every key of the policy sign what is neither a login nor an SSHSIG signature
    #[arg(long)]
    pub allow_opaque: bool,
    /// The socket's mode, octal [default: 600 for a user, 660 for a group]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<u32>,
    /// Where a line for every connection and signature goes
    #[arg(long, value_name = "WHERE", default_value = "stderr")]
    pub record: Sink,
    /// Sign nothing that cannot be recorded: the line is written before the reply
    #[arg(long)]
    pub record_required: bool,
    /// Write a newline to this descriptor when clients are served
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(RawFd).range(3..))]
    pub ready_fd: Option<RawFd>,
}

/// The exit status for words that are no request. That of `exec` is none of its command's.
#[must_use]
pub fn usage_status(mut words: impl Iterator<Item = OsString>) -> u8 {
    if words.nth(1).is_some_and(|word| word == "exec") { OWN_FAILURE } else { Exit::Usage as u8 }
}

fn mode(text: &str) -> Result<u32, String> {
    let is_octal = (1..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => Ok(mode),
        _ => Err("a mode is three octal digits, such as 660".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_words_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn words_that_are_no_request_have_a_status_that_no_command_has() {
        let status = |words: &[&str]| usage_status(words.iter().map(OsString::from));
        for (words, expected) in [(&["p", "exec"][..], 125), (&["p", "up", "exec"], 2), (&["p"], 2), (&[], 2)]
        {
            assert_eq!(status(words), expected, "{words:?}");
        }
    }

    #[test]
    fn a_mode_is_octal() {
        for (text, expected) in [("600", Some(0o600)), ("0666", Some(0o666)), ("0", Some(0))] {
            assert_eq!(mode(text).ok(), expected, "{text}");
        }
        for text in ["", "8", "1777", "+600", "rw", "00600"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
