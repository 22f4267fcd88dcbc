//! sudo-helper: see sudo-helper(8).

#![no_main]
#![deny(unsafe_code)]

use sudo_helper::answer::Exit;
use sudo_helper::{cli, run};

supervise::c_main!(program, Exit::Failed as u8);

fn program() -> u8 {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(call) => run::run(&call),
        Err(error) => run::refuse(&error),
    }
}
