//! What an operator has to talk to AWS: the real CLI, of both major versions, and the environment for it.

mod cli;
mod moto;
mod venv;

pub use cli::{Aws, Cli};
pub use moto::Moto;
