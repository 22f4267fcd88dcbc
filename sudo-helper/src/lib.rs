//! sudo-helper: allow-listed operations as root, answered in JSON; see sudo-helper(8).

#![deny(unsafe_code)]

pub mod account_name;
pub mod answer;
pub mod approval;
pub mod apt;
pub mod audit;
pub mod caller;
mod cgroup;
pub mod cli;
pub mod command;
pub mod consent;
pub mod debian_version;
pub mod decide;
pub mod file_lock;
mod front;
mod living_file;
pub mod operation;
pub mod own_path;
pub mod package_name;
pub mod packages;
pub mod pending;
pub mod perform;
pub mod policy;
pub mod policy_file;
pub mod prepare;
pub mod probe;
pub mod process;
pub mod random_id;
pub mod run;
pub mod run_folder;
pub mod service;
pub mod session;
pub mod slot;
pub mod ssh;
pub mod surroundings;
mod sys;
pub mod systemctl;
pub mod table;
pub mod tail;
pub mod unit_name;
pub mod worker;
