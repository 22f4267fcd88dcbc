//! What an operator asks: `check`, and of an instance that runs `status`, `list`, `drop` and `load`.

mod bench;
mod captures;
mod check;
mod instance;
mod life;
mod loads;
#[path = "../run_folder/mod.rs"]
mod run_folder;
#[path = "../sshd/mod.rs"]
mod server;
