//! Private keys on their way from where they are into a real ssh-agent, and the file that is erased afterwards.

mod agent;
mod bench;
mod daemon;
mod erase;
mod hidden;
mod load;
mod material;
#[path = "../run_folder/mod.rs"]
mod run_folder;
