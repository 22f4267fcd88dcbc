//! ssh-agent-fwd: see ssh-agent-fwd(8).

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use ssh_agent_fwd::cli::{Call, Cli};
use ssh_agent_fwd::exit::Exit;
use ssh_agent_fwd::serve;

fn main() -> ExitCode {
    let call = match Cli::try_parse() {
        Ok(cli) => cli.call,
        Err(words) => {
            let _ = words.print();
            return if words.use_stderr() { exit(Exit::Usage) } else { exit(Exit::Done) };
        }
    };
    exit(match call {
        Call::Serve(call) => serve::run(&call),
    })
}

fn exit(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
