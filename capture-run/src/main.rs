//! capture-run: see capture-run(1).

#![no_main]
#![deny(unsafe_code)]

use capture_run::cli::{self, Request};
use capture_run::run::{self, OWN_FAILURE};
use diagnostics::{complain, print};
use version::VERSION;

supervise::c_main!(program, OWN_FAILURE);

fn program() -> u8 {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => print(cli::HELP, OWN_FAILURE),
        Ok(Request::Version) => print(&format!("capture-run {VERSION}\n"), OWN_FAILURE),
        Ok(Request::Run(options)) => run::run(&options).unwrap_or_else(|error| {
            complain("capture-run", &error);
            OWN_FAILURE
        }),
        Err(error) => {
            complain("capture-run", &error);
            OWN_FAILURE
        }
    }
}
