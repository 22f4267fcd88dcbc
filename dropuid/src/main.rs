//! dropuid: see dropuid(1).

#![no_main]
#![deny(unsafe_code)]

use diagnostics::{complain, print};
use dropuid::cli::{self, Request};
use dropuid::run::{self, OWN_FAILURE};
use version::VERSION;

supervise::c_main!(program, OWN_FAILURE);

fn program() -> u8 {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => print(cli::HELP, OWN_FAILURE),
        Ok(Request::Version) => print(&format!("dropuid {VERSION}\n"), OWN_FAILURE),
        Ok(Request::Run(options)) => run::run(&options).unwrap_or_else(|error| {
            complain("dropuid", &error);
            error.status()
        }),
        Err(error) => {
            complain("dropuid", &error);
            OWN_FAILURE
        }
    }
}
