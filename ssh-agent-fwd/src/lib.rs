//! ssh-agent-fwd: sign with keys that can never be read, only where policy says. See ssh-agent-fwd(8).

#![deny(unsafe_code)]

pub mod access;
pub mod bindings;
pub mod bucket;
pub mod cli;
pub mod connection;
pub mod exit;
pub mod harden;
pub mod json;
pub mod key;
pub mod manifest;
pub mod name;
pub mod peer;
pub mod policy;
pub mod pool;
pub mod publish;
pub mod ready;
pub mod record;
pub mod serve;
pub mod shared;
pub mod signed;
mod sys;
pub mod upstream;
pub mod wire;
