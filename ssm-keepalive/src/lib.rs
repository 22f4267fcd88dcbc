//! ssm-keepalive: systemd brings the SSM agent back, proven. See ssm-keepalive(8).

#![forbid(unsafe_code)]

pub mod agent_files;
pub mod cli;
pub mod condition;
pub mod drop_in;
pub mod exit;
pub mod fleet;
pub mod image;
pub mod install;
pub mod journal;
pub mod precedence;
pub mod print;
pub mod processes;
pub mod proof;
pub mod properties;
pub mod reboot_gap;
pub mod remove;
pub mod report;
pub mod revival;
pub mod selection;
pub mod span;
pub mod status;
pub mod systemctl;
pub mod transaction;
pub mod unit;
pub mod verify;
pub mod version;
pub mod watch;
