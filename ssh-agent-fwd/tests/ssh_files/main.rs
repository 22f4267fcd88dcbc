//! The ssh files of a user that owns its home and may do anything in it, with the real ssh(1).

mod bench;
mod child;
mod files;
mod full;
mod hostile;
mod killed;
mod proof;
#[path = "../run_folder/mod.rs"]
mod run_folder;
mod seen_by_ssh;
#[allow(dead_code, reason = "what another test needs of it")]
#[path = "../sshd/mod.rs"]
mod server;
mod system;
