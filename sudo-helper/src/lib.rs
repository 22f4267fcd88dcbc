//! sudo-helper: allow-listed operations as root, answered in JSON; see sudo-helper(8).

#![deny(unsafe_code)]

pub mod operation;
pub mod package_name;
pub mod run_folder;
pub mod unit_name;
