//! The words that ssh-agent-fwd understands.

use std::os::fd::RawFd;

use clap::{Args, Parser, Subcommand};

use crate::name::SocketPath;
use crate::record::Sink;

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
    /// Write a newline to this descriptor when clients are served
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(RawFd).range(3..))]
    pub ready_fd: Option<RawFd>,
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
    fn a_mode_is_octal() {
        for (text, expected) in [("600", Some(0o600)), ("0666", Some(0o666)), ("0", Some(0))] {
            assert_eq!(mode(text).ok(), expected, "{text}");
        }
        for text in ["", "8", "1777", "+600", "rw", "00600"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
