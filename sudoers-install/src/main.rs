//! sudoers-install: see sudoers-install(8).

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use sudoers_install::cli::{Call, Cli};
use sudoers_install::exit::Exit;
use sudoers_install::{cluster, install, lint, remove, report, status};

fn main() -> ExitCode {
    let call = Cli::parse().call;
    if let Err(error) = supervise::make_children_waitable() {
        report::complain(&error);
        return exit(Exit::Failed);
    }
    exit(match call {
        Call::Install(call) => install::run(&call),
        Call::Remove(call) => remove::run(&call),
        Call::Status(call) => status::run(&call),
        Call::Lint(call) => lint::run(&call),
        Call::Cluster(call) => cluster::run(&call),
    })
}

fn exit(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
