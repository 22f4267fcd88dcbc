//! sudoers-install: the sudoers rule for sudo-helper, in place or nothing changed; see sudoers-install(8).

#![forbid(unsafe_code)]

pub mod account;
pub mod cli;
pub mod cluster;
pub mod command_line;
pub mod drop_in;
pub mod effective;
pub mod escape_hatch;
pub mod exit;
pub mod helper;
pub mod host;
pub mod install;
pub mod inventory;
pub mod legacy;
pub mod lint;
pub mod proof;
pub mod quoted;
pub mod remote;
pub mod remove;
pub mod report;
pub mod ssh;
pub mod status;
pub mod sudoers;
pub mod transaction;
pub mod user_token;
pub mod visudo;
