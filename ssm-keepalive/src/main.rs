//! ssm-keepalive: see ssm-keepalive(8).

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use ssm_keepalive::cli::{Call, Cli};
use ssm_keepalive::exit::Exit;
use ssm_keepalive::fleet::{deploy, status as fleet_status};
use ssm_keepalive::{install, print, remove, report, status, verify, watch};

fn main() -> ExitCode {
    let call = Cli::parse().call;
    if let Err(error) = supervise::make_children_waitable() {
        report::complain(&error);
        return exit(Exit::Failed);
    }
    exit(match call {
        Call::Install(call) => install::run(&call),
        Call::Status(call) => status::run(&call),
        Call::Verify(call) => verify::run(&call),
        Call::Remove(call) => remove::run(&call),
        Call::Print(call) => print::run(&call),
        Call::Deploy(call) => deploy::run(&call),
        Call::FleetStatus(call) => fleet_status::run(&call),
        Call::Watch(call) => watch::run(&call),
    })
}

fn exit(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
