//! apt-get(8) and dpkg(1): what they are asked, what they would do, why they failed.

pub mod arguments;
pub mod comparison;
pub mod failure;
pub mod guard;
pub mod plan;
mod simulation;
pub mod unfinished;

pub use plan::Plan;
