//! ssh-agent-fwd: see ssh-agent-fwd(8).

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use ssh_agent_fwd::cli::{Call, Cli, usage_status};
use ssh_agent_fwd::exit::Exit;
use ssh_agent_fwd::{as_user, check, down, drop_keys, exec, list, load_call, serve, status, up};

fn main() -> ExitCode {
    let call = match Cli::try_parse() {
        Ok(cli) => cli.call,
        Err(words) => {
            let _ = words.print();
            return ExitCode::from(if words.use_stderr() { usage_status(std::env::args_os()) } else { 0 });
        }
    };
    exit(match call {
        Call::Serve(call) => serve::run(&call),
        Call::AsUser => as_user::run(),
        Call::Exec(call) => return ExitCode::from(exec::run(&call)),
        Call::Up(call) => up::run(&call),
        Call::Down(call) => down::run(&call),
        Call::Status(call) => status::run(&call),
        Call::List(call) => list::run(&call),
        Call::Drop(call) => drop_keys::run(&call),
        Call::Load(call) => load_call::run(&call),
        Call::Check(call) => check::run(&call),
    })
}

fn exit(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
