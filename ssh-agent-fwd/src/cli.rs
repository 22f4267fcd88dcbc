//! The words that ssh-agent-fwd understands.

mod life;
mod operator;

use std::ffi::OsString;
use std::os::fd::RawFd;

use clap::{Args, Parser, Subcommand, ValueHint};

use crate::exec::OWN_FAILURE;
use crate::exit::Exit;
use crate::name::SocketPath;
use crate::record::Sink;

pub use life::{ExecCall, UpCall};
pub use operator::{CheckCall, InstanceCall, LoadCall};

/// Sign with keys that can never be read, only where policy says.
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
    /// Provision a user: agent, keys, forwarder, ssh files, or change nothing
    Up(UpCall),
    /// Take an instance down, so that nothing of it is left
    Down(InstanceCall),
    /// Run a command with an agent and a forwarder of its own
    Exec(ExecCall),
    /// Put a manifest's keys back after drop, those that the policy names
    Load(LoadCall),
    /// List an instance's keys, and what each may sign
    List(InstanceCall),
    /// Have an instance's agent forget every key, now
    Drop(InstanceCall),
    /// Tell whether an instance is ready, and what helps if it is not
    Status(InstanceCall),
    /// Say what the policy decides of a captured connection, and why
    Check(CheckCall),
    /// Serve an agent's keys to others, as policy says, in the foreground
    Serve(ServeCall),
    /// Work in the served user's home, as that user
    #[command(hide = true)]
    AsUser,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeCall {
    /// The socket for clients, in a folder of root's
    #[arg(long, value_name = "SOCKET")]
    pub listen: SocketPath,
    /// The socket of the agent
    #[arg(long, value_name = "SOCKET")]
    pub agent: SocketPath,
    /// A user that may connect too, by name or uid
    #[arg(long, value_name = "USER", value_hint = ValueHint::Username)]
    pub allow_user: Vec<String>,
    /// A group whose members may too, by name or gid
    #[arg(long, value_name = "GROUP")]
    pub allow_group: Vec<String>,
    /// What may be signed; without it nothing is
    #[arg(long, value_name = "FILE")]
    pub policy: Option<std::path::PathBuf>,
    /// Sign also what is neither a login nor SSHSIG
    #[arg(long)]
    pub allow_opaque: bool,
    /// The socket's mode [default: 600, 660 for a group]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<u32>,
    /// The record's place: stderr or syslog
    #[arg(long, value_name = "WHERE", default_value = "stderr", hide_possible_values = true)]
    pub record: Sink,
    /// Sign nothing that cannot be recorded
    #[arg(long)]
    pub record_required: bool,
    /// Write a newline there when clients are served
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
