//! Running a command, copying its output to a log, recording how it ended: see capture-run(1).
//!
//! The order of the modules is the order of events: [`cli`] reads the arguments, [`place`], [`log`]
//! and [`record_file`] find and open the files, [`process`] starts the command, [`session`] stays; output goes
//! through [`filters`] to [`output`] and [`log`] in the thread of [`copier`] while [`clock`] tells
//! what is due, and [`report`] says how it ended. [`run`] is the sequence.

#![deny(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod copier;
pub mod duration;
pub mod filters;
pub mod log;
pub mod mask;
pub mod output;
pub mod pipe;
pub mod place;
pub mod process;
pub mod record_file;
pub mod report;
pub mod run;
pub mod secrets;
pub mod session;
pub mod size;
pub mod size_cap;
pub mod strip_ansi;
mod sys;
pub mod timestamps;

fn complain(message: &dyn std::fmt::Display) {
    diagnostics::complain("capture-run", message);
}
