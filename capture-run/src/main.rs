//! capture-run: see capture-run(1).

#![no_main]
#![deny(unsafe_code)]

use std::ffi::c_int;
use std::io::Write;

use capture_run::cli::{self, Request};
use capture_run::diagnostics::complain;
use capture_run::run::{self, OWN_FAILURE};

#[cfg(not(target_env = "gnu"))]
compile_error!("std::env::args_os() sees arguments before a C main only with glibc");

/// Called by the C runtime; supervise::enter says why not by the language's.
#[allow(unsafe_code)]
// SAFETY: the only symbol of that name, with a signature that C allows (C11, 5.1.2.2.1).
#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    match supervise::enter() {
        Ok(()) => c_int::from(program()),
        Err(_) => c_int::from(OWN_FAILURE),
    }
}

fn program() -> u8 {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => print(cli::HELP),
        Ok(Request::Version) => print(concat!("capture-run ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Request::Run(options)) => run::run(&options).unwrap_or_else(|error| {
            complain(&error);
            OWN_FAILURE
        }),
        Err(error) => {
            complain(&error);
            OWN_FAILURE
        }
    }
}

fn print(text: &str) -> u8 {
    let mut stdout = std::io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => 0,
        Err(_) => OWN_FAILURE,
    }
}
