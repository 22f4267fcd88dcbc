//! The same on many hosts, through AWS Systems Manager.

pub mod answer;
pub mod aws;
mod call;
pub mod deploy;
pub mod instance;
mod interrupt;
pub mod node;
pub mod nonce;
pub mod outcome;
pub mod poll;
mod progress;
mod reply;
mod round;
mod row;
pub mod script;
pub mod send;
pub mod status;
mod survey;
mod table;
pub mod target;
mod told;
