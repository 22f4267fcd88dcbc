//! `up` and `down`, with a real ssh-agent, for an account that is not root's.

mod bench;
mod daemons;
mod down;
mod foreground;
mod killed;
mod places;
mod ready;
mod replace;
mod revoke;
#[path = "../run_folder/mod.rs"]
mod run_folder;
mod undo;
mod used_up;
