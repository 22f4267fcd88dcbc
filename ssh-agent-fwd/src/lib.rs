//! ssh-agent-fwd: sign with keys that can never be read, only where policy says. See ssh-agent-fwd(8).

#![deny(unsafe_code)]

pub mod bindings;
pub mod bucket;
pub mod exit;
pub mod failure;
pub mod json;
pub mod key;
pub mod manifest;
pub mod name;
pub mod policy;
pub mod signed;
pub mod wire;
