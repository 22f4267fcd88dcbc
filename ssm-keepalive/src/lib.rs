//! ssm-keepalive: systemd brings the SSM agent back, proven. See ssm-keepalive(8).

#![forbid(unsafe_code)]

pub mod cli;
pub mod exit;
pub mod failure;
pub mod properties;
pub mod span;
pub mod systemctl;
pub mod unit;
