//! Becoming an unprivileged user, irrevocably, and running a command: see dropuid(1).
//!
//! The order of the modules is the order of events: [`cli`] reads the arguments, [`spec`] the user,
//! [`account`] finds whom it means, [`environment`] decides what the command sees,
//! and [`run`] drops, verifies and executes.

#![deny(unsafe_code)]

pub mod account;
pub mod cli;
pub mod env_files;
pub mod environment;
pub mod explain;
pub mod own_executable;
pub mod own_stdio;
pub mod privileges;
pub mod run;
pub mod spec;
mod sys;
pub mod terminal;
